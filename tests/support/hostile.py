"""A value that executes when it is unpickled: it leaves a file behind that tells."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any


class Hostile:
    """Unpickling it touches a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.touch, (self.file,)


def hostile_pickle(trace: Path) -> bytes:
    """Bytes that create ``trace`` when somebody unpickles them."""
    return pickle.dumps(Hostile(trace))
