"""Fixtures: labs that are shared by tests which break nothing, a lab for one test, and the two faces."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from faces import Asyncio, Connected, Face, Threads
from lab import Lab


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A healthy topology. Tests that use it leave it healthy."""
    with Lab() as lab:
        yield lab


@pytest.fixture(scope="session")
def guarded_lab() -> Iterator[Lab]:
    """A topology with a password on the data nodes and another one on the sentinels."""
    with Lab(replicas=1, password="data-secret", sentinel_password="sentinel-secret") as lab:
        yield lab


@pytest.fixture
def own_lab() -> Iterator[Lab]:
    """A topology to break."""
    with Lab() as lab:
        yield lab


@pytest.fixture(params=["threads", "asyncio"])
def face(request: pytest.FixtureRequest) -> Iterator[Face]:
    """Each face of the client in turn. Its clients are closed at the end."""
    face: Face = Threads() if request.param == "threads" else Asyncio()
    yield face
    face.end()


@pytest.fixture
def client(face: Face, lab: Lab) -> Connected:
    """A client of the shared lab."""
    return face.connect(lab.url)
