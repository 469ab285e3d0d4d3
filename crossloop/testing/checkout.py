"""Which code is tried: its commit, and a digest of its source."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).parents[1]


def commit(package: Path = PACKAGE) -> str | None:
    """The commit of the checkout that a package lies in, with ``-dirty`` where files differ from it.

    None outside of a checkout, also where some other project's checkout is around it: an environment in a
    project's folder, say.
    """
    root = package.parent.resolve()
    top, head = _git(root, "rev-parse", "--show-toplevel"), _git(root, "rev-parse", "HEAD")
    if not top or not head or Path(top).resolve() != root:
        return None
    changed = (_git(root, "status", "--porcelain") or "").splitlines()
    # What is not known to git counts where Python would load it; figures that lie about do not.
    dirty = any(not line.startswith("??") or line.endswith((".py", "/")) for line in changed)
    return f"{head}-dirty" if dirty else head


@cache
def source_digest() -> str:
    """SHA-256 over every source file of the package."""
    hasher = hashlib.sha256()
    for file in sorted(PACKAGE.rglob("*.py")):
        hasher.update(file.relative_to(PACKAGE).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return hasher.hexdigest()


def _git(root: Path, *asked: str) -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    said = subprocess.run([git, "-C", str(root), *asked], capture_output=True, text=True, check=False)  # noqa: S603 - nothing from outside
    return said.stdout.strip("\n") if said.returncode == 0 else None
