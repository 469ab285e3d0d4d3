"""Virtual environments for the peers: made once, with pinned versions, beside nothing of ours.

An environment is named after what is pinned in it and the Python that made it, so that changing either
makes another one. They lie in ``.benchmarks/`` of the checkout, which git ignores.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parent.parent / ".benchmarks"


class CannotInstall(Exception):
    """An environment cannot be made here; the message says why."""


def python_with(requirements: str) -> Path:
    """Return the Python of the environment for ``requirements-NAME.txt``, making it if there is none.

    Raises:
        CannotInstall: venv or pip failed.
    """
    pinned = HERE / f"requirements-{requirements}.txt"
    made_of = pinned.read_bytes() + sys.version.encode()
    folder = CACHE / f"{requirements}-{hashlib.sha256(made_of).hexdigest()[:12]}"
    python = folder / _scripts() / ("python.exe" if sys.platform == "win32" else "python")
    complete = folder / ".complete"
    if not complete.exists():
        shutil.rmtree(folder, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(folder)])
        _run([str(python), "-m", "pip", "--disable-pip-version-check", "-q", "install", "-r", str(pinned)])
        complete.touch()
    return python


def _scripts() -> str:
    return Path(sysconfig.get_path("scripts", "venv", vars={"base": "."})).name


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip() and "WARNING" not in line]
        raise CannotInstall(said[-1].strip() if said else f"{command[2]} ended with {done.returncode}")
