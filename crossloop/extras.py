"""Optional dependencies: a feature whose extra is missing says how to install it."""

from __future__ import annotations

from importlib import import_module

from crossloop.errors import MissingExtra


def require(feature: str, *, extra: str, modules: tuple[str, ...]) -> None:
    """Make sure that the modules of an extra can be imported.

    Raises:
        MissingExtra: one cannot; the message has the install command.
    """
    for module in modules:
        try:
            import_module(module)
        except ModuleNotFoundError:
            raise MissingExtra(feature, extra, module) from None
