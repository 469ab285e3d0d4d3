"""The witness file: checkpoints kept where whoever can write the store cannot.

Rules:

1. The file is text, one signed checkpoint after the other, an empty line between them; all of one ledger.
2. Each checkpoint says how the ledger began: over so many first entries it must still have that root. One
   that has fewer entries now was cut off or is an older copy; one that has another root was rewritten.
3. The last checkpoint that still fits and the first one that does not bound the place of a rewrite.
4. A last note that is not whole was cut off while it was written: it is named and not counted, and the next
   one to be written takes its place. Anything else that is not a note makes the file no witness file.
5. Without a verifier key the roots are compared all the same; then the file is believed as it stands.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from crossloop.errors import InputError, ProofInvalid, Where
from crossloop.store.ledger.checkpoints import Checkpoint
from crossloop.store.ledger.notes import SIGNATURE_MARK, SIGNATURE_SIZE, Note, VerifierKey, verified
from crossloop.store.ledger.stored import roots

if TYPE_CHECKING:
    from crossloop.store.session import Read

_MARK: Final = SIGNATURE_MARK.encode()
_LINE: Final = re.compile(rb"[^\n]*\n|[^\n]+")


@dataclass(frozen=True, slots=True)
class Witnessed:
    """One checkpoint of a witness file."""

    line: int
    """Where it begins, from 1."""

    note: Note
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class WitnessFile:
    """What a witness file holds."""

    path: Path
    checkpoints: tuple[Witnessed, ...]
    torn: int | None
    """Line on which a last note begins that is not whole; none when all are."""

    whole: int
    """Bytes up to the end of the last whole note."""

    ended: bool
    """Whether the last whole note has its newline."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A checkpoint that the ledger does not continue, or whose signature does not hold."""

    line: int
    size: int
    root: str
    """As witnessed, hexadecimal."""

    at: datetime | None
    """When it was signed, if it says so."""

    root_now: str | None
    """Root over so many entries now; None when the ledger has fewer, or the signature is what is wrong."""

    first_bad: int | None
    """Position of the first entry that is missing, or of the first of those among which one was changed."""

    problem: str


def read_witness(path: Path) -> WitnessFile:
    """Read a witness file; one that does not exist has no checkpoints.

    Raises:
        InputError: it cannot be read, or is no witness file; the line is named.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return WitnessFile(path, (), None, 0, True)
    except OSError as error:
        raise InputError(
            f"the witness file cannot be read: {error.strerror}.",
            where=Where(file=path),
            next_step="Name a file; it is created by: crossloop ledger checkpoint --key FILE --witness FILE",
        ) from error
    return parse_witness(data, path)


def parse_witness(data: bytes, path: Path) -> WitnessFile:
    """Read the content of a witness file.

    Raises:
        InputError: it is no witness file; the line is named.
    """
    found: list[Witnessed] = []
    paragraphs = _paragraphs(data)
    whole = 0
    for text, signatures in zip(paragraphs[::2], [*paragraphs[1::2], None], strict=False):
        number, start, _ = text
        stop = len(data) if signatures is None else signatures[2]
        raw = data[start:stop]
        try:
            one = _witnessed(number, raw, found)
        except ValueError as wrong:
            cut = signatures is None or not raw.endswith(b"\n")
            if cut and found and _begins(raw, found[0].checkpoint.origin):
                return WitnessFile(path, tuple(found), number, whole, True)
            raise InputError(
                f"it is not a signed checkpoint: {wrong}.",
                where=Where(file=path, line=number),
                next_step="Name a file that `ledger checkpoint --witness` wrote, or a good copy of it.",
            ) from wrong
        found.append(one)
        whole = stop
    return WitnessFile(path, tuple(found), None, whole, data.endswith(b"\n"))


def compare(read: Read, file: WitnessFile, known: Sequence[VerifierKey]) -> list[Finding]:
    """Return what the ledger contradicts, and every signature that does not hold, in the order of the file.

    Args:
        known: keys of which one must have signed each checkpoint; with none, signatures are not looked at.

    Raises:
        LedgerBroken: the ledger's own hashes are not complete.
    """
    now = read.head().size
    sizes = {one.checkpoint.size for one in file.checkpoints}
    present = dict(roots(read, (size for size in sizes if size <= now)))
    fitting = {
        size: all(one.checkpoint.root == root for one in file.checkpoints if one.checkpoint.size == size)
        for size, root in present.items()
    }
    findings: list[Finding] = []
    for one in file.checkpoints:
        wrong = _signature_problem(one, known) if known else ""
        size, root = one.checkpoint.size, present.get(one.checkpoint.size)
        if wrong:
            findings.append(_finding(one, None, None, wrong))
        elif root is None:
            wrong = f"{size} entries were witnessed, the ledger has {now}: it was cut off or is an older copy"
            findings.append(_finding(one, None, now, wrong))
        elif root != one.checkpoint.root:
            # A good checkpoint with fewer entries clears those; a change lies behind them.
            first = max((good for good, fits in fitting.items() if fits and good < size), default=0)
            wrong = f"an entry between {first} and {size - 1} was changed after {size} were witnessed"
            findings.append(_finding(one, root, first, wrong))
    return findings


def append(file: WitnessFile, note: Note) -> None:
    """Write a note at the end of a witness file, and to the disk.

    Raises:
        InputError: it cannot be written.
    """
    gap = b"" if not file.whole else b"\n" if file.ended else b"\n\n"
    try:
        new = not file.path.exists()
        opened = os.open(file.path, os.O_RDWR | os.O_CREAT, 0o644)
        with os.fdopen(opened, "r+b") as out:
            if file.torn is not None:
                out.truncate(file.whole)
            out.seek(0, os.SEEK_END)
            out.write(gap + str(note).encode())
            out.flush()
            os.fsync(out.fileno())
        if new and os.name == "posix":
            directory = os.open(file.path.parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
    except OSError as error:
        raise InputError(
            f"the witness file cannot be written: {error.strerror}.",
            where=Where(file=file.path),
            next_step="Name a file in a directory that exists and that you may write.",
        ) from error


def _paragraphs(data: bytes) -> list[tuple[int, int, int]]:
    """Cut a file at empty lines, and after signatures: (first line, offset, offset behind its end)."""
    found: list[tuple[int, int, int]] = []
    before = b"\n"
    for number, match in enumerate(_LINE.finditer(data), 1):
        line = match[0]
        if line != b"\n":
            if before == b"\n" or (before.startswith(_MARK) and not line.startswith(_MARK)):
                found.append((number, *match.span()))
            else:
                found[-1] = (*found[-1][:2], match.end())
        before = line
    return found


def _witnessed(number: int, raw: bytes, before: Sequence[Witnessed]) -> Witnessed:
    """Read one note; its last newline may be missing if nothing else is."""
    note = Note.parse(raw if raw.endswith(b"\n") else raw + b"\n")
    checkpoint = Checkpoint.parse(note.text)
    if not raw.endswith(b"\n") and any(len(one.signature) < SIGNATURE_SIZE for one in note.signatures):
        raise ValueError("its last signature is cut off")
    if before and checkpoint.origin != before[0].checkpoint.origin:
        raise ValueError(f"expected one of {before[0].checkpoint.origin}, got one of {checkpoint.origin}")
    return Witnessed(number, note, checkpoint)


def _begins(raw: bytes, origin: str) -> bool:
    """Whether a piece is the beginning of a checkpoint of this origin, as far as it goes."""
    first = origin.encode() + b"\n"
    return raw.startswith(first) or first.startswith(raw)


def _signature_problem(one: Witnessed, known: Sequence[VerifierKey]) -> str:
    try:
        verified(one.note, known)
    except ProofInvalid as wrong:
        return wrong.message.rstrip(".")
    return ""


def _finding(one: Witnessed, root_now: bytes | None, first_bad: int | None, problem: str) -> Finding:
    checkpoint = one.checkpoint
    now = None if root_now is None else root_now.hex()
    return Finding(one.line, checkpoint.size, checkpoint.root.hex(), checkpoint.at, now, first_bad, problem)
