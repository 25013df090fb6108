"""TLS, and passwords that change while a client runs, with both faces."""

from __future__ import annotations

import time
from typing import Any

import pytest
import standfast
from faces import Asyncio, Face
from lab import Lab


def test_tls_with_certificates_on_both_sides_is_followed_through_a_failover(face: Face) -> None:
    with Lab(tls={"mutual": True}) as lab:
        client = face.connect(lab.url)
        assert client.set("k", "v") == "OK"
        lab.planned_failover()
        lab.wait_writable()
        assert client.set("k", "w") == "OK"
        assert client.status()["master"] != lab.nodes[0]


def test_a_server_that_is_not_trusted_is_refused(face: Face) -> None:
    with Lab(replicas=0, sentinels=1, tls={"names": ["other.example"]}) as lab:
        with pytest.raises(standfast.NetworkConnectionError) as caught:
            face.connect(lab.url)
        assert caught.value.name == "TlsFailed"
        assert "other.example" in str(caught.value)


def test_credentials_are_replaced_while_the_client_runs(face: Face) -> None:
    with Lab(replicas=0, sentinels=1) as lab:
        client: Any = face.connect(lab.url)
        # The faces' common interface knows only what most tests need.
        real: Any = client._client if isinstance(face, Asyncio) else client
        assert client.execute("ACL", "WHOAMI") == b"default"
        lab.redis("ACL", "SETUSER", "rotated", "on", ">canary", "~*", "&*", "+@all")
        real.set_credentials("rotated", "canary")
        assert client.execute("ACL", "WHOAMI") == b"default"
        lab.redis("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        deadline = time.monotonic() + 20
        while client.execute("ACL", "WHOAMI", idempotent=True) != b"rotated":
            assert time.monotonic() < deadline, "the new user is never used"
        for wrong in ({"username": "canary"}, {"password": ""}, {"password": "canary", "hop": "other"}):
            with pytest.raises(standfast.UsageError) as caught:
                real.set_credentials(**wrong)
            assert caught.value.name == "InvalidArgument"
            assert "canary" not in str(caught.value)
