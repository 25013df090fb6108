"""The interpreter exits with code 0 and without a word, whatever threads and loops are doing with the client."""

from __future__ import annotations

import textwrap
import time

import programs
import pytest
from lab import Lab

DAEMONS = {
    "commands": """
        def work():
            while True:
                client.execute("ECHO", "x")
                going.release()
    """,
    "commands, errors ignored": """
        def work():
            while True:
                try:
                    client.execute("ECHO", "x")
                except standfast.StandfastError:
                    pass
                going.release()
    """,
    "blocking commands": """
        def work():
            going.release()
            client.execute("BLPOP", "exit:empty", 0)
    """,
    "subscriptions": """
        def work():
            subscription = client.subscribe("exit:c")
            subscription.ready()
            going.release()
            subscription.next()
    """,
    "events": """
        def work():
            going.release()
            for event in client.events():
                pass
    """,
    "asyncio": """
        def work():
            async def main():
                async with await standfast.aio.connect(url) as mine:
                    async for message in mine.subscribe("exit:c"):
                        pass

            async def several():
                calls = [asyncio.create_task(main()) for _ in range(3)]
                for _ in range(100):
                    await asyncio.sleep(0.001)
                going.release()
                await asyncio.gather(*calls)

            asyncio.run(several())
    """,
    "connecting": """
        def work():
            going.release()
            standfast.connect("redis+sentinel://127.0.0.1:1/m")
    """,
}


@pytest.mark.parametrize("doing", DAEMONS)
@pytest.mark.parametrize("attempt", range(3))
def test_exit_with_daemon_threads_at_work(lab: Lab, doing: str, attempt: int) -> None:
    program = (
        """
threading.excepthook = lambda arguments: None
client = standfast.connect(url)
going = threading.Semaphore(0)
"""
        + textwrap.dedent(DAEMONS[doing])
        + """
for _ in range(6):
    threading.Thread(target=work, daemon=True).start()
for _ in range(6):
    assert going.acquire(timeout=10)
say(time.time())
"""
    )
    ended_at = float(programs.run(program, lab.url))
    assert time.time() - ended_at < 4, "somebody was waited for in vain"


def test_exit_without_closing(lab: Lab) -> None:
    programs.run(
        """
        client = standfast.connect(url)
        subscription = client.subscribe("exit:c")
        subscription.ready(5)
        client.execute("PING")
        """,
        lab.url,
    )


def test_exit_with_an_asyncio_client_that_was_not_closed(lab: Lab) -> None:
    programs.run(
        """
        async def main():
            client = await standfast.aio.connect(url)
            await client.execute("PING")
            return client
        client = asyncio.run(main())
        """,
        lab.url,
    )


def test_exit_code_of_the_program_is_kept(lab: Lab) -> None:
    code, _, errors = programs.finish(programs.start("client = standfast.connect(url)\nsys.exit(7)", lab.url))
    assert (code, errors) == (7, "")


def test_nothing_is_left_after_the_last_close(lab: Lab) -> None:
    output = programs.run(
        """
        def left():
            return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))

        asyncio.run(asyncio.sleep(0))
        before = left()
        for _ in range(5):
            with standfast.connect(url) as client, client.subscribe("exit:c") as subscription:
                subscription.ready(5)
                client.execute("PING")

            async def main():
                async with await standfast.aio.connect(url) as client, client.subscribe("exit:c") as subscription:
                    await subscription.ready(5)
                    await client.execute("PING")

            asyncio.run(main())
        del client, subscription
        deadline = time.monotonic() + 5
        while left() != before and time.monotonic() < deadline:
            time.sleep(0.01)
        say(before == left(), before, left())
        """,
        lab.url,
    )
    assert output.startswith("True"), output


def test_import_starts_nothing() -> None:
    output = programs.run("say(threading.active_count(), len(os.listdir('/proc/self/task')))", "")
    assert output == "1 1\n"


def test_a_client_that_is_opened_after_the_clients_were_closed_at_exit_is_refused(lab: Lab) -> None:
    output = programs.run(
        """
        import atexit

        def late():
            # Registered functions run in reverse order, so this one runs after the clients were closed.
            for connect in (standfast.connect, standfast._native.Client.open):
                try:
                    connect(url, **({} if connect is standfast.connect else {"options": {}}))
                except standfast.UsageError as error:
                    say(error.name)

        atexit.unregister(standfast._native.at_exit)
        atexit.register(late)
        atexit.register(standfast._native.at_exit)
        """,
        lab.url,
    )
    assert output == "Closed\nClosed\n"
