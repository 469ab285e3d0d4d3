"""The command line in child processes, as a person or a script calls it.

:func:`crossloop` starts a new interpreter, which takes more than a second before anything happens.
:func:`warm` forks from a server that has imported everything already and done nothing else: another process
all the same, with its own working directory, streams and end.
"""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "examples" / "governance" / "demo.yaml"
LOOP = "logistics-to-marketing"
MAIN = "from crossloop.console.cli import main; main()"

_PRELOAD = [
    "crossloop.console.cli",
    "crossloop.console.story",
    "crossloop.loops.ready",
    "crossloop.loops.logistics_to_marketing.observing",
    "crossloop.loops.logistics_to_marketing.backtesting",
    "ibis.backends.duckdb",
    "scipy.special",
]


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    """Exit code; negative when a signal ended it."""

    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    def expect(self, code: int) -> Done:
        """The same, if it ended so."""
        assert self.code == code, f"exit {self.code}, expected {code}\n{self.out}\n{self.err}"
        assert "Traceback" not in self.err, self.err
        return self


def environment(columns: int = 100, **more: str) -> dict[str, str]:
    """The environment of a child: no colours, a fixed width, nothing of ours from outside."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CROSSLOOP_")}
    return inherited | {"NO_COLOR": "1", "COLUMNS": str(columns), "PYTHONPATH": str(ROOT)} | more


def crossloop(
    *args: str | Path,
    cwd: Path,
    stdin: bytes = b"",
    columns: int = 100,
    env: Mapping[str, str] | None = None,
) -> Done:
    """Run one command in a new interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *map(str, args)],
        cwd=cwd,
        input=stdin,
        env=environment(columns, **(env or {})),
        capture_output=True,
        check=False,
        timeout=300,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


class Child:
    """A command under way in a process forked from the warm server."""

    def __init__(self, args: Sequence[str], cwd: Path, stdin: bytes, columns: int) -> None:
        self._streams = tempfile.TemporaryDirectory(prefix="crossloop-child-")
        self._folder = Path(self._streams.name)
        (self._folder / "in").write_bytes(stdin)
        self._process = _server().Process(
            target=_command, args=(list(args), str(cwd), environment(columns), self._streams.name)
        )
        self._process.start()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for its end; False when it is not over after so many seconds."""
        self._process.join(seconds)
        return self._process.exitcode is not None

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._process.kill()
        self._process.join()

    def done(self) -> Done:
        """What it left behind, once it is over."""
        self.wait()
        code = self._process.exitcode
        assert code is not None
        out, err = ((self._folder / name).read_text() for name in ("out", "err"))
        self._process.close()
        self._streams.cleanup()
        return Done(code, out, err)


def start(*args: str | Path, cwd: Path, stdin: bytes = b"", columns: int = 100) -> Child:
    """Start one command in a process forked from the warm server."""
    return Child([str(one) for one in args], cwd, stdin, columns)


def warm(*args: str | Path, cwd: Path, stdin: bytes = b"", columns: int = 100) -> Done:
    """Run one command in a process forked from the warm server."""
    return start(*args, cwd=cwd, stdin=stdin, columns=columns).done()


@cache
def _server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    return context


def _command(args: list[str], cwd: str, env: dict[str, str], streams: str) -> None:
    for name in ("out", "err"):
        (Path(streams) / name).touch()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    for number, name in ((1, "out"), (2, "err")):
        opened = os.open(Path(streams) / name, os.O_WRONLY)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), encoding="utf-8", write_through=True)
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), encoding="utf-8", write_through=True)
    sys.stdin = io.TextIOWrapper(io.BytesIO((Path(streams) / "in").read_bytes()), encoding="utf-8")
    sys.argv = ["crossloop", *args]
    from crossloop.console.cli import main

    main()
