"""The file of the approval threads: whose it is, told from its first bytes, before SQLite is asked.

A store and the files beside it are named by people, so the name of this one may be taken: by the store of
another company, or by any other program. Only a file with our application id is ever opened. What has
another one, or none, is refused and stays as it is. What is no database at all is for SQLite to say.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from crossloop.errors import StoreNotUsable

APPLICATION_ID: Final = 0x43524C54
"""``CRLT``, in bytes 68 to 71 of the file."""

_MAGIC: Final = b"SQLite format 3\x00"
_OTHER: Final = "Move it away, or use another --store; it was left untouched."


def check_threads_file(file: Path) -> None:
    """Refuse a file that is not that of approval threads; one that is absent or empty will be.

    Raises:
        StoreNotUsable: it is somebody else's, no file, or cannot be read.
    """
    at = f"the approval threads have their file at {file}, which"
    if file.exists() and not file.is_file():
        what = "a directory" if file.is_dir() else "no file"
        raise StoreNotUsable(f"{at} is {what}.", next_step=_OTHER)
    try:
        with file.open("rb") as opened:
            first = opened.read(100)
    except FileNotFoundError:
        return
    except OSError as wrong:
        raise StoreNotUsable(f"{at} cannot be read: {wrong.strerror}.", next_step=_OTHER) from wrong
    if first.startswith(_MAGIC) and first[68:72] != APPLICATION_ID.to_bytes(4, "big"):
        raise StoreNotUsable(f"{at} is the database of another program or another store.", next_step=_OTHER)
