"""What ``ledger verify --witness`` adds: every kept checkpoint against the ledger, in words and as data."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from crossloop.console import words
from crossloop.console.output import say
from crossloop.errors import InputError, LedgerBroken, Where

if TYPE_CHECKING:
    from datetime import datetime

    from crossloop.store import Read, Verification
    from crossloop.store.ledger.notes import VerifierKey
    from crossloop.store.ledger.witness import Finding, WitnessFile

WitnessPath = Annotated[
    Path | None,
    typer.Option(
        "--witness",
        metavar="FILE",
        help="Checkpoints kept elsewhere, which the ledger must continue.",
    ),
]
VerifierKeys = Annotated[
    list[str] | None,
    typer.Option(
        "--verifier",
        metavar="KEY",
        help="A verifier key (name+id+base64) or a file with it; one of those given must have signed.",
    ),
]


@dataclass(frozen=True, slots=True)
class Kept:
    """A witness file and the keys that may have signed it."""

    file: WitnessFile
    keys: Sequence[VerifierKey]


@dataclass(frozen=True, slots=True)
class Compared:
    """What comparing brought."""

    kept: Kept
    findings: Sequence[Finding] | None
    """None when the ledger's own hashes cannot be read, so that there was nothing to compare with."""

    @property
    def ok(self) -> bool:
        """Whether the ledger continues every checkpoint."""
        return self.findings == []

    @property
    def first_bad(self) -> int | None:
        """The first entry that is missing or among the changed ones."""
        places = [one.first_bad for one in self.findings or () if one.first_bad is not None]
        return min(places, default=None)


def kept(witness: Path | None, verifiers: Sequence[str] | None) -> Kept | None:
    """Read the options.

    Raises:
        InputError: the file is missing, empty or no witness file; a key is none; or a checkpoint was signed
            by none of the keys, which says nothing about the ledger.
    """
    from crossloop.store.ledger.witness import read_witness

    keys = [verifier(text) for text in verifiers or ()]
    if witness is None:
        if keys:
            raise InputError(
                "there is nothing whose signature could be checked.",
                where=Where(field="--verifier"),
                next_step="Add --witness FILE.",
            )
        return None
    file = read_witness(witness)
    if not file.checkpoints:
        raise InputError(
            "there is no checkpoint in it." if witness.exists() else "there is no such file.",
            where=Where(file=witness, field="--witness"),
            next_step="Write one with: crossloop ledger checkpoint --key FILE --witness FILE",
        )
    if keys:
        _check_signed(file, keys)
    return Kept(file, keys)


def _check_signed(file: WitnessFile, keys: Sequence[VerifierKey]) -> None:
    known = {(key.name, key.id) for key in keys}
    for one in file.checkpoints:
        if known.isdisjoint((by.name, by.key_id) for by in one.note.signatures):
            these = " or ".join(key.label for key in keys)
            by = ", ".join(f"{by.name}+{by.key_id.hex()}" for by in one.note.signatures)
            raise InputError(
                f"this checkpoint was not signed by {'this key' if len(keys) == 1 else 'one of these keys'}, "
                f"{these}; it names {by}.",
                where=Where(file=file.path, line=one.line, field="--verifier"),
                next_step="Give every key that signed in it: --verifier OLD --verifier NEW. If it is the "
                "right one, this is not the file that it signed.",
            )


def verifier(text: str) -> VerifierKey:
    """Read a verifier key, or the file that holds it. Raises InputError."""
    from crossloop.store.ledger.keys import read_verifier
    from crossloop.store.ledger.notes import VerifierKey

    if Path(text).is_file():
        return read_verifier(Path(text))
    try:
        return VerifierKey.parse(text)
    except ValueError as wrong:
        raise InputError(
            f"it is neither a file nor a verifier key: {wrong}.",
            where=Where(field="--verifier"),
            next_step="It is the text that --new-key printed: name+id+base64.",
        ) from wrong


def compared(read: Read, kept: Kept) -> Compared:
    """Compare a ledger with what was witnessed of it, also one that is broken, as far as that goes."""
    from crossloop.store.ledger.witness import compare

    try:
        return Compared(kept, compare(read, kept.file, kept.keys))
    except (LedgerBroken, sqlite3.DatabaseError):
        return Compared(kept, None)  # verification has said what is wrong


def document(one: Compared) -> dict[str, Any]:
    """The comparison as JSON values."""
    last = one.kept.file.checkpoints[-1].checkpoint
    return {
        "file": str(one.kept.file.path),
        "checkpoints": len(one.kept.file.checkpoints),
        "last": {"size": last.size, "root": last.root.hex(), "at": _text(last.at)},
        "signatures": "checked" if one.kept.keys else "not checked",
        "torn_line": one.kept.file.torn,
        "compared": one.findings is not None,
        "findings": [
            {
                "line": finding.line,
                "size": finding.size,
                "root": finding.root,
                "at": _text(finding.at),
                "root_now": finding.root_now,
                "first_bad": finding.first_bad,
                "problem": finding.problem,
            }
            for finding in one.findings or ()
        ],
    }


def sentence(finding: Finding) -> str:
    """A finding in one sentence."""
    return f"the checkpoint {_when(finding.at)}: {finding.problem}"


def tell(console: Console, one: Compared, found: Verification) -> None:
    """Say what was compared and what came of it."""
    file = one.kept.file
    name = escape(file.path.name)
    if file.torn is not None:
        say(
            console,
            f"[yellow]{name}, line {file.torn}[/]: the last checkpoint is cut off and not used",
            hang=2,
        )
    if one.findings is None:
        say(console, f"[dim]{name} was not compared: the hashes of the ledger cannot be read.[/]", hang=2)
        return
    last = file.checkpoints[-1].checkpoint
    if one.ok:
        count = words.counted(len(file.checkpoints), "checkpoint")
        continues = "the ledger continues" if found.ok else "the hashes of the ledger continue"
        say(console, f"  {name}: {continues} {count}, the last {_when(last.at)}", hang=2)
        since = found.entries - max(kept.checkpoint.size for kept in file.checkpoints)
        if found.ok and since:
            newer = words.counted(since, "entry is", "entries are")
            say(console, f"[dim]{newer} newer than the last checkpoint.[/]", indent=2)
    for finding in one.findings:
        say(console, f"[bold red]broken[/]: {name}, line {finding.line}, {escape(sentence(finding))}", hang=2)
        if finding.first_bad is None:
            continue  # the signature is what is wrong
        console.print(f"  witnessed  {finding.size} entries, root {finding.root}", soft_wrap=True)
        if finding.root_now is not None:
            console.print(f"  now        {finding.size} entries, root {finding.root_now}", soft_wrap=True)
    if one.findings:
        console.print(f"  the ledger {found.entries} entries, root {found.root}", soft_wrap=True)
    if not one.kept.keys:
        say(console, "[dim]Signatures were not checked: no --verifier was given.[/]", indent=2)


def _when(at: datetime | None) -> str:
    return "without a time" if at is None else f"of {at:%Y-%m-%d %H:%M:%S} UTC"


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
