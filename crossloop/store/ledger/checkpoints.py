"""Checkpoints: size and root of the ledger as a signed note, in the format of https://c2sp.org/tlog-checkpoint.

Rules:

1. The lines are origin, size in decimal, root in base64; further lines are extensions and never empty.
2. The origin names the ledger, not the key: it stays when a key is replaced. The key has the same name.
3. The time of signing stands in an extension line, ``time`` and ISO 8601 in UTC. It is what the signer's
   clock said; a checkpoint without it is as good, and says less.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from crossloop.clock import require_aware
from crossloop.store.ledger.merkle import HASH_SIZE
from crossloop.store.ledger.notes import Note, SignerKey, signed, strict_base64

_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_TIME: Final = "time "


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is signed: the ledger had this size and this root."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)

    @property
    def at(self) -> datetime | None:
        """When it was signed, if it says so."""
        for line in self.extensions:
            if line.startswith(_TIME):
                try:
                    return require_aware(datetime.fromisoformat(line.removeprefix(_TIME)))
                except ValueError:
                    return None  # somebody else's extension
        return None

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the text of a note.

        Raises:
            ValueError: it is not a checkpoint; the message says what was expected.
        """
        if not text.endswith("\n"):
            raise ValueError("a checkpoint ends with a newline")
        lines = text[:-1].split("\n")
        if len(lines) < 3 or not all(lines):
            raise ValueError("expected origin, size and root on three lines, and no empty line")
        origin, size, root = lines[:3]
        if not _SIZE.fullmatch(size):
            raise ValueError(f"expected a tree size, got {size!r}")
        hashed = strict_base64(root)
        if len(hashed) != HASH_SIZE:
            raise ValueError(f"expected a root of {HASH_SIZE} bytes, got {len(hashed)}")
        return cls(origin, int(size), hashed, tuple(lines[3:]))


def sign(size: int, root: bytes, at: datetime, signers: Iterable[SignerKey]) -> Note:
    """Return a signed checkpoint whose origin is the name of the first key.

    Raises:
        ValueError: there is no key, or the keys have different names.
    """
    keys = list(signers)
    names = {key.verifier.name for key in keys}
    if len(names) != 1:
        raise ValueError(f"a checkpoint is signed by keys of one name, got {sorted(names)}")
    time = require_aware(at).astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat()
    return signed(str(Checkpoint(names.pop(), size, root, (f"{_TIME}{time}Z",))), keys)
