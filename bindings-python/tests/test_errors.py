"""Bad input gets a typed error that names the problem, with both faces; and what the errors themselves can do."""

from __future__ import annotations

import asyncio
import builtins
import copy
import math
import pickle
import time
from collections.abc import Callable
from typing import Any

import pytest
import standfast
import standfast.aio
from faces import Connected, Face
from lab import Lab
from standfast import ErrorCode, _native
from standfast._errors import from_native

NOBODY = "redis+sentinel://127.0.0.1:1,127.0.0.1:2/mymaster"


def failure(call: Callable[[], Any]) -> standfast.StandfastError:
    """The error that a call ends with."""
    with pytest.raises(standfast.StandfastError) as caught:
        call()
    error = caught.value
    assert str(error).startswith(f"{error.name}: {error.message}")
    assert "\n" not in str(error)
    return error


@pytest.mark.parametrize(
    ("url", "code", "mentions"),
    [
        ("", ErrorCode.INVALID_URL, "redis+sentinel://"),
        ("nonsense", ErrorCode.INVALID_URL, "redis+sentinel://"),
        ("http://localhost/m", ErrorCode.INVALID_URL, "scheme"),
        ("redis+sentinel://", ErrorCode.INVALID_URL, "host"),
        ("redis+sentinel://h:26379", ErrorCode.INVALID_URL, "master"),
        ("redis+sentinel://h:99999/m", ErrorCode.INVALID_URL, "65535"),
        ("redis+sentinel://h:port/m", ErrorCode.INVALID_URL, "port"),
        ("redis+sentinel://h/m/0/extra", ErrorCode.INVALID_URL, "path segment"),
        ("redis+sentinel://h/m/x", ErrorCode.INVALID_URL, "database"),
        ("redis+sentinel://h/m?comand_timeout=5s", ErrorCode.UNKNOWN_OPTION, "command_timeout"),
        ("redis+sentinel://h/m?command_timeout=soon", ErrorCode.INVALID_OPTION, "command_timeout"),
    ],
)
def test_a_malformed_url(face: Face, url: str, code: ErrorCode, mentions: str) -> None:
    error = failure(lambda: face.connect(url))
    assert error.code == code, error
    assert mentions in error.message and "at position" in error.message
    assert isinstance(error, standfast.ConfigurationError) and isinstance(error, ValueError)
    assert error.retry == "never"


@pytest.mark.parametrize("url", [None, 5, b"redis://h", ["redis://h"]])
def test_a_url_that_is_not_text(face: Face, url: Any) -> None:
    assert failure(lambda: face.connect(url)).code == ErrorCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("options", "code", "mentions"),
    [
        ({"comand_timeout": 5}, ErrorCode.UNKNOWN_OPTION, "did you mean command_timeout?"),
        ({"commandTimeout": None}, ErrorCode.UNKNOWN_OPTION, "command_timeout"),
        ({"command_timeout": -1}, ErrorCode.INVALID_OPTION, "command_timeout"),
        ({"command_timeout": math.nan}, ErrorCode.INVALID_OPTION, "command_timeout"),
        ({"command_timeout": math.inf}, ErrorCode.INVALID_OPTION, "command_timeout"),
        ({"command_timeout": True}, ErrorCode.INVALID_OPTION, "command_timeout"),
        ({"command_timeout": [1]}, ErrorCode.INVALID_OPTION, "command_timeout"),
        ({"command_timeout": "5 bananas"}, ErrorCode.INVALID_OPTION, "command_timeout"),
        ({"pool_size": 1.5}, ErrorCode.INVALID_OPTION, "pool_size"),
        ({"pool_size": 0}, ErrorCode.INVALID_OPTION, "pool_size"),
        ({"pool_size": 10**30}, ErrorCode.INVALID_OPTION, "pool_size"),
        ({"overflow": "explode"}, ErrorCode.INVALID_OPTION, "drop_oldest"),
        ({"overflow": 3}, ErrorCode.INVALID_OPTION, "overflow"),
        ({"fence": "perhaps"}, ErrorCode.INVALID_OPTION, "fence"),
        ({"client_name": "\udcff"}, ErrorCode.INVALID_OPTION, "client_name"),
    ],
)
def test_a_bad_option(face: Face, options: dict[str, Any], code: ErrorCode, mentions: str) -> None:
    error = failure(lambda: face.connect(NOBODY, **options))
    assert error.code == code, error
    assert mentions in error.message
    assert isinstance(error, standfast.ConfigurationError)


def test_an_unknown_master_name(face: Face, lab: Lab) -> None:
    begin = time.monotonic()
    error = failure(lambda: face.connect(lab.replace_in_url("/mymaster", "/mymistress")))
    assert time.monotonic() - begin < 5, "a mistake in the configuration is reported at once"
    assert error.code == ErrorCode.UNKNOWN_MASTER
    assert isinstance(error, standfast.DiscoveryError) and isinstance(error, ConnectionError)
    assert "mymistress" in str(error)
    assert {cause.address for cause in error.causes} == set(lab.sentinels)
    assert {cause.step for cause in error.causes} == {"query"}


def test_no_sentinel_reachable(face: Face) -> None:
    error = failure(lambda: face.connect(NOBODY, connect_deadline=0.5))
    assert error.code == ErrorCode.SENTINELS_UNREACHABLE
    assert isinstance(error, standfast.DiscoveryError) and isinstance(error, ConnectionError)
    assert [cause.address for cause in error.causes] == ["127.0.0.1:1", "127.0.0.1:2"]
    assert all(cause.step == "connect" and cause.text for cause in error.causes)
    assert "127.0.0.1:1" in str(error) and "127.0.0.1:2" in str(error)


def test_a_port_that_is_not_a_sentinel(face: Face, lab: Lab) -> None:
    error = failure(lambda: face.connect(f"redis+sentinel://{lab.nodes[0]}/mymaster"))
    assert error.code == ErrorCode.NOT_A_SENTINEL
    assert isinstance(error, standfast.DiscoveryError)
    assert lab.nodes[0] in str(error)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"password": "data-secret-not"}, ErrorCode.MASTER_AUTH_FAILED),
        ({"sentinel_password": "sentinel-secret-not"}, ErrorCode.SENTINEL_AUTH_FAILED),
    ],
)
def test_a_wrong_password(face: Face, guarded_lab: Lab, changes: dict[str, str], code: ErrorCode) -> None:
    begin = time.monotonic()
    error = failure(lambda: face.connect(guarded_lab.url, **changes))
    assert time.monotonic() - begin < 5
    assert error.code == code
    assert isinstance(error, standfast.ServerError)
    assert "secret" not in str(error) and "secret" not in repr(error.__dict__)


@pytest.mark.parametrize(
    ("kept", "code"),
    [
        ("sentinel", ErrorCode.MASTER_AUTH_REQUIRED),
        ("data", ErrorCode.SENTINEL_AUTH_REQUIRED),
    ],
)
def test_a_missing_password(face: Face, guarded_lab: Lab, kept: str, code: ErrorCode) -> None:
    bare = f"redis+sentinel://{','.join(guarded_lab.sentinels)}/{guarded_lab.master_name}"
    passwords = {"data": {"password": "data-secret"}, "sentinel": {"sentinel_password": "sentinel-secret"}}
    error = failure(lambda: face.connect(bare, **passwords[kept]))
    assert error.code == code
    assert isinstance(error, standfast.ServerError)


def test_the_order_of_options_does_not_matter(face: Face, guarded_lab: Lab) -> None:
    bare = f"redis+sentinel://{','.join(guarded_lab.sentinels)}/{guarded_lab.master_name}"
    for options in (
        {"sentinel_auth": "same", "password": "data-secret"},
        {"password": "data-secret", "sentinel_auth": "same"},
    ):
        # The sentinels have another password, so what they say shows that they got this one.
        assert failure(lambda options=options: face.connect(bare, **options)).code == (  # type: ignore[misc]
            ErrorCode.SENTINEL_AUTH_FAILED
        )


def test_the_right_passwords(face: Face, guarded_lab: Lab) -> None:
    assert face.connect(guarded_lab.url).execute("PING") == "PONG"


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.execute("PING"),
        lambda client: client.get("k"),
        lambda client: client.set("k", "v"),
        lambda client: client.publish("c", "m"),
        lambda client: client.subscribe("c").next(5),
    ],
)
def test_a_closed_client(face: Face, lab: Lab, call: Callable[[Connected], Any]) -> None:
    client = face.connect(lab.url)
    client.close()
    client.close()
    error = failure(lambda: call(client))
    assert error.code == ErrorCode.CLOSED
    assert isinstance(error, standfast.UsageError)
    assert client.status()["state"] == "closed"


def test_an_error_of_the_server_keeps_its_words(client: Connected) -> None:
    client.execute("DEL", "errors:list")
    client.execute("RPUSH", "errors:list", "secret-value")
    error = failure(lambda: client.get("errors:list"))
    assert error.code == ErrorCode.REPLY_ERROR
    assert error.server_code == "WRONGTYPE"
    assert error.server_text is not None and "wrong kind of value" in error.server_text
    unknown = failure(lambda: client.execute("NOSUCHCOMMAND", "a-secret-argument"))
    assert unknown.code == ErrorCode.REPLY_ERROR
    assert "NOSUCHCOMMAND" in str(unknown)
    assert "a-secret-argument" not in str(unknown) and "a-secret-argument" not in repr(unknown.__dict__)


@pytest.mark.parametrize("args", [(), ("",)])
def test_a_command_without_a_name(client: Connected, args: tuple[str, ...]) -> None:
    assert failure(lambda: client.execute(*args)).code in (ErrorCode.INVALID_ARGUMENT, ErrorCode.REPLY_ERROR)


@pytest.mark.parametrize("timeout", [0, -1, math.nan, -math.inf, "5s", True, 1e300])
def test_a_bad_timeout_of_a_command(client: Connected, timeout: Any) -> None:
    error = failure(lambda: client.execute("PING", timeout=timeout))
    assert error.code == ErrorCode.INVALID_ARGUMENT
    assert "timeout" in error.message


@pytest.mark.parametrize("timeout", [-1, math.nan, "5s", True, 1e300])
def test_a_bad_timeout_of_a_wait(client: Connected, timeout: Any) -> None:
    subscription = client.subscribe("errors:c")
    for call in (subscription.next, subscription.ready, client.next_event):
        error = failure(lambda call=call: call(timeout))  # type: ignore[misc]
        assert error.code == ErrorCode.INVALID_ARGUMENT
        assert "timeout" in error.message
    subscription.close()


@pytest.mark.parametrize("channels", [(5,), (["a", "b"],), (None,), ("a", b"b", 1.5)])
def test_a_channel_that_is_no_name(client: Connected, channels: tuple[Any, ...]) -> None:
    error = failure(lambda: client.subscribe(*channels))
    assert error.code == ErrorCode.INVALID_ARGUMENT
    assert f"channel {len(channels) - 1}" in error.message


def test_a_subscription_to_nothing(client: Connected) -> None:
    assert failure(lambda: client.subscribe()).code == ErrorCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    "options", [{"items": 0}, {"items": -5}, {"items": "many"}, {"bytes": 1}, {"overflow": "explode"}]
)
def test_a_bad_option_of_a_subscription(client: Connected, options: dict[str, Any]) -> None:
    assert failure(lambda: client.subscribe("errors:c", **options)).code == ErrorCode.INVALID_OPTION


def test_a_subscription_whose_confirmation_does_not_come_in_time(face: Face) -> None:
    client = face.connect(NOBODY, connect="background")
    subscription = client.subscribe("errors:c")
    error = failure(lambda: subscription.ready(0.2))
    assert error.code == ErrorCode.TIMEOUT
    assert isinstance(error, standfast.NetworkTimeoutError) and error.phase == "discovering"
    assert "127.0.0.1:1" in error.message, "it says why"
    assert subscription.next(0) is None
    assert subscription.next(0.05) is None


def test_a_command_that_comes_too_late(client: Connected) -> None:
    begin = time.monotonic()
    error = failure(lambda: client.execute("DEBUG", "SLEEP", 1.5, timeout=0.1))
    assert time.monotonic() - begin < 1.3
    # DEBUG is no read, so only the server knows.
    assert error.code == ErrorCode.MAYBE_EXECUTED
    assert error.phase == "reply" and error.retry == "if_idempotent"
    assert isinstance(error, ConnectionError)
    assert client.execute("ECHO", "next") == b"next"


def test_every_code_has_the_class_of_its_category_and_the_built_in_that_says_the_same() -> None:
    category = {
        "usage": standfast.UsageError,
        "configuration": standfast.ConfigurationError,
        "discovery": standfast.DiscoveryError,
        "network": standfast.NetworkError,
        "server": standfast.ServerError,
        "subscription": standfast.SubscriptionError,
        "internal": standfast.InternalError,
    }
    for code, name, category_name, retry in _native.error_table():
        error = from_native(code, name, category_name, retry, "m", None, [], None, f"{name}: m")
        assert isinstance(error, category[category_name])
        assert isinstance(error, ConnectionError) == (code // 100 == 3 or code in (401, 403, 404, 405))
        assert isinstance(error, builtins.TimeoutError) == (code == 402)
        assert isinstance(error, ValueError) == (code // 100 == 2)
        assert str(error) == f"{name}: m"


@pytest.mark.parametrize("copied", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])
def test_errors_survive_pickling(copied: Callable[[Any], Any]) -> None:
    errors = [failure(lambda: standfast.connect(NOBODY, connect_deadline=0.3))]
    for code, name, category, retry in _native.error_table():
        errors.append(from_native(code, name, category, retry, "m", "reply", [], ("ERR", "t"), f"{name}: m"))
    for error in errors:
        again = copied(error)
        assert type(again) is type(error)
        assert again.__dict__ == error.__dict__
        assert str(again) == str(error)
        assert again.args == error.args


def test_a_panic_is_an_ordinary_error() -> None:
    with pytest.raises(Exception) as caught:
        _native.panic_for_test()
    assert isinstance(caught.value, standfast.InternalError)
    assert caught.value.code == ErrorCode.PANIC


def test_an_error_in_a_task_reaches_who_awaits_it(lab: Lab) -> None:
    async def main() -> list[Any]:
        async with await standfast.aio.connect(lab.url) as client:
            await client.execute("SET", "errors:string", "v")
            return await asyncio.gather(
                *(client.execute("INCR", "errors:string") for _ in range(3)), return_exceptions=True
            )

    errors = asyncio.run(main())
    assert [type(error) for error in errors] == [standfast.ServerError] * 3
