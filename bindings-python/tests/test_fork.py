"""After fork() the parent goes on, and the child gets a typed error instead of a hang."""

from __future__ import annotations

import programs
from lab import Lab

PROGRAM = """
import warnings
warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*fork.*")

client = standfast.connect(url)
subscription = client.subscribe("fork:c")
subscription.ready(5)
events = client.events()
stop = threading.Event()
done = 0
failures = []

def work():
    global done
    while not stop.is_set():
        try:
            assert client.execute("ECHO", done) == str(done).encode()
        except Exception as failure:
            failures.append(failure)
            return
        done += 1

def outcome(call):
    try:
        return call()
    except standfast.StandfastError as error:
        return error.name

worker = threading.Thread(target=work)
worker.start()
children = []
for _ in range(5):
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        words = [
            outcome(lambda: client.execute("PING")),
            outcome(lambda: client.get("k")),
            outcome(lambda: client.publish("c", "m")),
            outcome(lambda: client.subscribe("fork:d").ready(5)),
            outcome(lambda: subscription.next(5)),
            outcome(lambda: subscription.ready(5)),
            outcome(lambda: client.next_event(5)),
            outcome(lambda: events.next(5)),
        ]
        subscription.close()
        client.close()
        with standfast.connect(url) as own:
            words.append(own.execute("PING"))
        os.write(write, " ".join(map(str, words)).encode())
        {leave}
    os.close(write)
    children.append((pid, read))
for pid, read in children:
    words = b""
    while chunk := os.read(read, 4096):
        words += chunk
    os.close(read)
    say(words.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
before = done
deadline = time.monotonic() + 10
while done < before + 100 and worker.is_alive():
    assert time.monotonic() < deadline
    time.sleep(0.001)
stop.set()
worker.join(10)
client.publish("fork:c", "parent")
say(subscription.next(5).payload, failures)
subscription.close()
client.close()
"""

EXPECTED = "Forked Forked Forked Forked Forked Forked Forked Forked PONG 0\n" * 5 + "b'parent' []\n"


def test_the_child_is_told_and_the_parent_goes_on(lab: Lab) -> None:
    assert programs.run(PROGRAM.replace("{leave}", "os._exit(0)"), lab.url) == EXPECTED


def test_a_child_that_exits_the_usual_way_harms_nobody(lab: Lab) -> None:
    # The worker thread does not exist in the child; without this Python would wait for it.
    leave = "stop.set(); sys.exit(0)"
    assert programs.run(PROGRAM.replace("{leave}", leave), lab.url) == EXPECTED


def test_asyncio_in_a_forked_child(lab: Lab) -> None:
    output = programs.run(
        """
        import warnings
        warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*fork.*")

        async def main():
            async with await standfast.aio.connect(url) as client:
                subscription = client.subscribe("fork:aio")
                await subscription.ready(5)
                waiting = asyncio.create_task(subscription.next(20))
                await asyncio.sleep(0)
                read, write = os.pipe()
                pid = os.fork()
                if pid == 0:
                    # A loop does not run on in a child; a new one can be started there.
                    try:
                        asyncio.run(client.execute("PING"))
                    except standfast.StandfastError as error:
                        os.write(write, error.name.encode())
                    # What garbage collection may do at any time must not reach into the parent's loop.
                    waiting.get_coro().close()
                    asyncio.run(client.close())
                    os._exit(0)
                os.close(write)
                assert os.waitpid(pid, 0)[1] == 0
                say(os.read(read, 100).decode())
                os.close(read)
                say(await client.execute("ECHO", "parent"))
                await client.publish("fork:aio", "m")
                say((await waiting).payload)

        asyncio.run(main())
        """,
        lab.url,
    )
    assert output == "Forked\nb'parent'\nb'm'\n"


def test_multiprocessing_with_fork(lab: Lab) -> None:
    output = programs.run(
        """
        import multiprocessing, warnings
        warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*fork.*")

        def in_child(n):
            try:
                client.execute("PING")
            except standfast.UsageError as error:
                with standfast.connect(url) as own:
                    return error, own.execute("ECHO", n)

        client = standfast.connect(url)
        with multiprocessing.get_context("fork").Pool(2) as pool:
            for error, echo in pool.map(in_child, range(4)):
                say(error.name, error.code, echo)
        say(client.execute("PING"))
        client.close()
        """,
        lab.url,
    )
    assert output == "".join(f"Forked 106 b'{n}'\n" for n in range(4)) + "PONG\n"
