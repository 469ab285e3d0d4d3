"""One measurement in a process of its own, and what was measured before."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.disk import NotADisk, require_disk, synced_write
from benchmarks.result import Result, commit

Found = dict[str, Any]


class NotMeasured(Exception):
    """A measurement could not be made; the message says why."""


def child(command: list[str], *, patience: float, quiet: bool = False) -> Found:
    """Run a measurement and return the JSON document that it prints last.

    Args:
        quiet: what it says on stderr is kept, and its last line told where it fails; otherwise it is progress
            and goes to our stderr.

    Raises:
        NotMeasured: it failed, or did not end in ``patience`` seconds.
    """
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if quiet else None,
            text=True,
            check=False,
            timeout=patience,
        )
    except subprocess.TimeoutExpired:
        raise NotMeasured(f"it did not end within {patience:g} s") from None
    if done.returncode:
        said = (done.stderr or "").strip().splitlines()
        raise NotMeasured(said[-1] if said else f"{' '.join(command[1:3])} ended with {done.returncode}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def module(name: str, *arguments: object) -> list[str]:
    """The command of a module of this package."""
    return [sys.executable, "-m", f"benchmarks.{name}", *map(str, arguments)]


@contextmanager
def on_disk(chosen: Path | None, result: Result) -> Generator[Path]:
    """A folder on a disk to write into, and what a synced write costs there.

    Raises:
        SystemExit: it is kept in memory.
    """
    if chosen is not None:
        chosen.mkdir(parents=True, exist_ok=True)
        _require(chosen, result)
        yield chosen
        return
    with TemporaryDirectory(prefix="crossloop-bench-") as folder:
        _require(Path(folder), result)
        yield Path(folder)


def _require(folder: Path, result: Result) -> None:
    try:
        result.notes["disk"] = require_disk(folder)
    except NotADisk as memory:
        raise SystemExit(str(memory)) from None
    result.measured["synced_write"] = (round(synced_write(folder) * 1e6, 1), "µs")


class Kept:
    """What was measured in a folder before, so that a run can be taken up again.

    It counts only at the same commit and with the same settings.
    """

    def __init__(self, folder: Path, name: str, settings: Mapping[str, object]) -> None:
        self._file = folder / f"{name}.json"
        self._found: dict[str, Found] = {}
        self._under = {"commit": commit(), **settings}
        self.before = 0
        """How much of it was measured before."""
        if self._file.exists():
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            if kept["under"] == self._under:
                self._found = kept["found"]

    def get(self, key: str, measure: Callable[[], Found]) -> Found:
        """Return what was found under a key; measured now where it was not before."""
        if key in self._found:
            self.before += 1
            say(f"{key}: measured before")
            return self._found[key]
        self._found[key] = found = measure()
        finished = self._file.with_suffix(".part")
        finished.write_text(json.dumps({"under": self._under, "found": self._found}), encoding="utf-8")
        finished.replace(self._file)
        return found

    def tell(self, result: Result) -> None:
        """Note where some of it was measured before."""
        if self.before:
            result.notes["kept"] = f"{self.before} of {len(self._found)} measurements were made before"


def say(text: str) -> None:
    """Tell the person who waits."""
    sys.stderr.write(f"{text} …\n")
    sys.stderr.flush()
