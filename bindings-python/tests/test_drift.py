"""Lists that are written down twice: here they are compared with the core, and the two faces with each other."""

from __future__ import annotations

import importlib.metadata
import inspect
import re
import typing
from pathlib import Path
from typing import Any

import pytest
import standfast
import standfast.aio
from standfast import ErrorCode, _native
from standfast._errors import _CLASS_OF_CATEGORY, _CLASS_OF_CODE
from standfast._options import Options, Seconds

ROOT = Path(__file__).resolve().parents[2]


def test_error_codes_are_those_of_the_core() -> None:
    core = {re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper(): code for code, name, _, _ in _native.error_table()}
    assert {code.name: int(code) for code in ErrorCode} == core


def test_every_category_and_every_special_code_exists_in_the_core() -> None:
    table = _native.error_table()
    assert {category for _, _, category, _ in table} == set(_CLASS_OF_CATEGORY)
    assert set(_CLASS_OF_CODE) <= {code for code, _, _, _ in table}
    for code, _, category, _ in table:
        assert issubclass(_CLASS_OF_CODE.get(code, _CLASS_OF_CATEGORY[category]), _CLASS_OF_CATEGORY[category])


def test_options_are_those_of_the_core() -> None:
    python: dict[str, Any] = typing.get_type_hints(Options)
    kinds = {
        "duration": Seconds | None,
        "count": int | None,
        "switch": bool | None,
        "text": str | None,
        "secret": str | None,
    }
    core = _native.option_table()
    assert list(python) == [name for name, _, _, _ in core]
    for name, kind, default, _ in core:
        if kind == "choice":
            words = typing.get_args(typing.get_args(python[name])[0])
            assert default in ("", *words), name
        else:
            assert python[name] == kinds[kind], name


def test_there_is_one_version() -> None:
    cargo = re.search(r'^\[workspace\.package\]\nversion = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    assert cargo is not None
    assert standfast.__version__ == _native.__version__ == cargo[1]
    assert importlib.metadata.version("standfast") == cargo[1]


@pytest.mark.parametrize("name", ["Client", "Subscription", "Events", "Logs"])
def test_both_faces_have_the_same_methods(name: str) -> None:
    threads, tasks = getattr(standfast, name), getattr(standfast.aio, name)
    assert public(threads) == public(tasks)


def test_both_faces_connect_in_the_same_way() -> None:
    assert inspect.signature(standfast.connect).parameters == inspect.signature(standfast.aio.connect).parameters
    assert inspect.signature(standfast.logs).parameters == inspect.signature(standfast.aio.logs).parameters


def public(face: type) -> dict[str, Any]:
    """The public methods of a class with their parameters, and its properties."""
    return {
        name: list(inspect.signature(member).parameters.values()) if callable(member) else "property"
        for name, member in vars(face).items()
        if not name.startswith("_")
    }


def test_everything_public_is_documented() -> None:
    for module in (standfast, standfast.aio):
        for name in module.__all__:
            member = getattr(module, name)
            if inspect.isclass(member) or inspect.isfunction(member):
                assert inspect.getdoc(member), name
            if inspect.isclass(member) and member.__module__.startswith("standfast"):
                for method, value in vars(member).items():
                    if inspect.isfunction(value) and not method.startswith("_"):
                        assert inspect.getdoc(value), f"{name}.{method}"
