"""The ready-made loops and processes. Names are loaded when they are used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from crossloop.loops.ready import open_company as open_company
    from crossloop.loops.ready import ready_catalogue as ready_catalogue
    from crossloop.loops.ready import ready_company as ready_company

DEFAULT_STORE: Final = "sqlite:///crossloop.db"
"""The store where none is named: a file in the working directory."""

_READY: Final = ("open_company", "ready_catalogue", "ready_company")

__all__ = sorted(("DEFAULT_STORE", *_READY))  # pyright: ignore[reportUnsupportedDunderAll] - one list, kept in one place


def __getattr__(name: str) -> object:
    if name not in _READY:
        raise AttributeError(f"module 'crossloop.loops' has no attribute {name!r}")
    return getattr(import_module("crossloop.loops.ready"), name)
