"""Log records: readers of both faces, forwarding to ``logging``, the exit of the interpreter, and forked children."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterator

import programs
import pytest
import standfast
import standfast.aio
from lab import Lab
from standfast import LogRecord


class Kept(logging.Handler):
    """Keeps what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def messages(self) -> list[str]:
        return [record.getMessage() for record in self.records]


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """A logger of its own for one test."""
    logger = logging.Logger("test.standfast", logging.DEBUG)
    yield logger
    logger.handlers.clear()


def live(url: str) -> None:
    """A client's life, with a ``ready`` between ``connecting`` and ``closed``."""
    with standfast.connect(url) as client:
        for event in client.events():
            # Connected is a moment earlier than told.
            if event["kind"] == "ready":
                return


def words(messages: list[str]) -> list[str]:
    """The first words: the kinds of events."""
    return [message.split(" ")[0] for message in messages]


def test_records_tell_of_a_life(lab: Lab) -> None:
    before = time.time()
    with standfast.logs() as logs, standfast.logs("error") as errors:
        assert logs.next(0) is None
        live(lab.url)
        logs.close()
        records = list(logs)
        assert words([record.message for record in records])[-1] == "closed"
        ready = next(record for record in records if record.message.startswith("ready "))
        assert ready == LogRecord(ready.at, "info", ready.message, 0)
        assert before - 0.001 <= ready.at <= time.time()
        assert {record.level for record in records} <= {"info", "warn", "error"}
        with pytest.raises(standfast.SubscriptionError) as caught:
            logs.next()
        assert caught.value.code == standfast.ErrorCode.END_OF_STREAM
        assert errors.next(0) is None


async def test_records_can_be_iterated_by_a_task(lab: Lab) -> None:
    async with standfast.aio.logs("debug") as logs:
        assert await logs.next(0) is None
        assert await logs.next(0.01) is None

        async def levels() -> set[str]:
            return {record.level async for record in logs if record.message.split(" ")[0] in ("ready", "closed")}

        reader = asyncio.create_task(levels())
        async with await standfast.aio.connect(lab.url) as client:
            async for event in client.events():
                if event["kind"] == "ready":
                    break
        await logs.close()
        assert await asyncio.wait_for(reader, 10) == {"info"}
        with pytest.raises(standfast.SubscriptionError):
            await logs.next()


@pytest.mark.parametrize("level", ["loud", "", "INFO", "warning"])
def test_an_unknown_level_is_refused(level: str) -> None:
    for use in (standfast.logs, standfast.aio.logs, lambda level: standfast.log_to(level=level)):
        with pytest.raises(standfast.UsageError, match="error warn info debug"):
            use(level)


def test_close_ends_a_wait() -> None:
    logs = standfast.logs()
    records: list[LogRecord] = []
    waiting = threading.Event()

    def read() -> None:
        waiting.set()
        records.extend(logs)

    reader = threading.Thread(target=read)
    reader.start()
    assert waiting.wait(10)
    logs.close()
    reader.join(10)
    assert not reader.is_alive()


def test_records_are_forwarded_to_a_logger(lab: Lab, logger: logging.Logger) -> None:
    kept = Kept()
    logger.addHandler(kept)
    before = time.time()
    with standfast.log_to(logger):
        live(lab.url)
    assert words(kept.messages())[-1] == "closed"
    ready = next(record for record in kept.records if record.getMessage().startswith("ready "))
    assert (ready.name, ready.levelno, ready.levelname) == ("test.standfast", logging.INFO, "INFO")
    # The moment is that of the record, not that of the forwarding.
    assert before - 0.001 <= ready.created <= time.time() and abs(ready.created % 1 * 1000 - ready.msecs) < 0.01
    count = len(kept.records)
    standfast.connect(lab.url).close()
    assert len(kept.records) == count, "forwarded after the close"


def test_the_logger_decides_what_it_takes(lab: Lab, logger: logging.Logger) -> None:
    kept = Kept()
    logger.addHandler(kept)
    logger.setLevel(logging.ERROR)
    with standfast.log_to(logger, "debug"):
        live(lab.url)
    assert kept.records == []


def test_a_filter_that_fails_does_not_end_the_forwarding(
    lab: Lab, logger: logging.Logger, capfd: pytest.CaptureFixture[str]
) -> None:
    kept = Kept()
    logger.addHandler(kept)

    def refuse(record: logging.LogRecord) -> bool:
        if record.getMessage().startswith("ready "):
            raise ValueError("of the test")
        return True

    logger.addFilter(refuse)
    with standfast.log_to(logger):
        live(lab.url)
    kinds = words(kept.messages())
    assert "ready" not in kinds and kinds[-1] == "closed"
    assert "ValueError: of the test" in capfd.readouterr().err


def test_a_slow_handler_is_told_what_it_missed(lab: Lab, logger: logging.Logger) -> None:
    going, go = threading.Event(), threading.Event()

    class Slow(Kept):
        def emit(self, record: logging.LogRecord) -> None:
            going.set()
            assert go.wait(50)
            super().emit(record)

    slow = Slow()
    logger.addHandler(slow)
    with standfast.log_to(logger), standfast.logs() as counter:
        recorded = 0
        while recorded <= 1024 + 16:
            standfast.connect(lab.url).close()
            recorded += sum(1 for _ in iter(lambda: counter.next(0), None))
        assert going.is_set()
        go.set()
    dropped = [record for record in slow.records if "were dropped" in record.getMessage()]
    assert [record.levelno for record in dropped] == [logging.WARNING]
    assert len(slow.records) < recorded


def test_the_last_words_of_the_clients_are_forwarded_at_exit(lab: Lab) -> None:
    output = programs.run(
        """
        logging.basicConfig(stream=sys.stdout, format="%(name)s %(levelname)s %(message)s", level=logging.INFO)
        standfast.log_to()
        client = standfast.connect(url)
        while client.next_event(10)["kind"] != "ready":
            pass
        """,
        lab.url,
    )
    lines = output.splitlines()
    assert any(line.startswith("standfast INFO ready ") for line in lines), output
    assert lines[-1].startswith("standfast INFO closed"), output


def test_exit_while_readers_wait(lab: Lab) -> None:
    programs.run(
        """
        threading.excepthook = lambda arguments: None
        going = threading.Semaphore(0)

        def read():
            logs = standfast.logs()
            going.release()
            for record in logs:
                pass

        async def watch():
            going.release()
            async for record in standfast.aio.logs("debug"):
                pass

        for work in (read, read, lambda: asyncio.run(watch())):
            threading.Thread(target=work, daemon=True).start()
        for _ in range(3):
            assert going.acquire(timeout=10)
        client = standfast.connect(url)
        """,
        lab.url,
    )


def test_nothing_is_left_after_the_close(lab: Lab) -> None:
    output = programs.run(
        """
        def left():
            return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))

        async def watch():
            async with standfast.aio.logs() as logs:
                await logs.next(0.001)

        asyncio.run(asyncio.sleep(0))
        before = left()
        for _ in range(5):
            with standfast.log_to(), standfast.logs() as logs:
                logs.next(0)
            asyncio.run(watch())
        del logs
        say(before == left(), before, left())
        """,
        lab.url,
    )
    assert output.startswith("True"), output


def test_a_forked_child_is_told_and_forwards_for_itself(lab: Lab) -> None:
    output = programs.run(
        """
        import warnings
        warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*fork.*")
        logging.basicConfig(stream=sys.stdout, format="%(process)d %(message)s", level=logging.INFO)
        forwarder = standfast.log_to()
        logs = standfast.logs()
        say("parent", os.getpid())
        pid = os.fork()
        if pid == 0:
            say("child", os.getpid())
            try:
                logs.next(5)
            except standfast.UsageError as error:
                say(error.name)
            with standfast.log_to():
                standfast.connect(url).close()
            sys.exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        standfast.connect(url).close()
        """,
        lab.url,
    )
    lines = output.splitlines()
    parent, child = (next(line.split()[1] for line in lines if line.startswith(who)) for who in ("parent ", "child "))
    assert "Forked" in lines
    for pid in (parent, child):
        # Each process has its own story, once.
        kinds = [line.split()[1] for line in lines if line.startswith(pid + " ")]
        assert kinds.count("connecting") == 1 and kinds.count("closed") == 1, output
