"""What the commands of this package share: counts, and how they end where something is in their way."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Final

from crossloop.errors import InputError

WRONG_USAGE: Final = 2
INTERRUPTED: Final = 130
"""Exit codes: wrong usage or bad input, and Ctrl-C."""


def at_least(least: int) -> Callable[[str], int]:
    """A type of argument: a whole number that is not smaller."""

    def count(text: str) -> int:
        number = int(text)
        if number < least:
            raise argparse.ArgumentTypeError(f"expected at least {least}, got {number}")
        return number

    count.__name__ = "number"  # argparse says: invalid number value
    return count


def usable(folder: Path) -> Path:
    """Make a folder where it is not there, and see that files can be written into it.

    Raises:
        InputError: it is a file, or nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        beside = folder / ".crossloop-can-write"
        beside.touch()
        beside.unlink()
    except OSError as wrong:
        raise InputError(
            f"{folder} cannot be used as a folder: {wrong.strerror or wrong}.",
            next_step="Name another --folder.",
        ) from None
    return folder
