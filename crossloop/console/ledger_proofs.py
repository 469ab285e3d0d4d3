"""``crossloop ledger checkpoint|prove``: what is handed to somebody who does not trust the store.

Whatever is signed was verified in the same transaction, as ``ledger verify`` does it: a signature under a
ledger that is broken would vouch for it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.markup import escape

from crossloop.console import options
from crossloop.console.output import Output, copyable, say
from crossloop.errors import InputError, LedgerBroken, ProofInvalid, Where

if TYPE_CHECKING:
    from crossloop.store import Head, Read
    from crossloop.store.ledger.notes import Note, SignerKey
    from crossloop.store.ledger.witness import Witnessed, WitnessFile

PASSPHRASE: Final = "CROSSLOOP_KEY_PASSPHRASE"  # noqa: S105  a name, not one
"""The variable that holds a key's passphrase where nobody can be asked for it."""

_LOOK: Final = "Ledger and witness disagree; run: crossloop ledger verify --witness FILE"

KeyFile = Annotated[
    Path | None,
    typer.Option("--key", metavar="FILE", help="The private key to sign with; see --new-key of checkpoint."),
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Where to write it, instead of stdout.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("checkpoint")(checkpoint)
    app.command("prove")(prove)


def checkpoint(
    key: KeyFile = None,
    witness: Annotated[
        Path | None,
        typer.Option(
            "--witness",
            metavar="FILE",
            help="Append it to this file, if the ledger continues the checkpoints that stand in it.",
        ),
    ] = None,
    new_key: Annotated[
        Path | None,
        typer.Option(
            "--new-key", metavar="FILE", help="Make a key, and FILE.pub for whoever verifies; nothing else."
        ),
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option(
            "--origin", metavar="NAME", help="With --new-key: the ledger's name, such as acme.example/ledger."
        ),
    ] = None,
    out: Out = None,
    store: options.Store = options.STORE,
    json: options.Json = False,
) -> None:
    """Sign size and root of the ledger, for a place where whoever can write the store cannot write."""
    told = Output(json=json)
    if new_key is not None:
        _one_thing(new_key=new_key, key=key, witness=witness, out=out)
        _make_key(told, new_key, origin)
        return
    if key is None:
        raise _usage("--key", "a checkpoint is signed; no key was named.", "Make one with --new-key FILE.")
    if origin is not None:
        raise _usage("--origin", "a key has its name already.", "Leave --origin out, or make a --new-key.")
    _sign(told, key, witness, out, store)


def _sign(told: Output, key: Path, witness: Path | None, out: Path | None, store: str) -> None:
    from crossloop.store.ledger import witness as witnesses
    from crossloop.store.ledger.keys import load_key

    require_new(out)
    signer = load_key(key, passphrase=passphrase)
    file = None if witness is None else witnesses.read_witness(witness)
    _check_signer(signer, file)
    with options.existing_store(store) as opened, told.working("verifying"):
        head, path = opened.read(lambda read: _continued(read, file, signer))
    note = _note(head, signer)
    if file is not None:
        witnesses.append(file, note)
    if out is not None:
        write(out, str(note).encode())
    if told.json:
        last = None if file is None or not file.checkpoints else _largest(file).checkpoint.size
        told.document(
            {
                "origin": signer.verifier.name,
                "size": head.size,
                "root": head.root,
                "verifier": str(signer.verifier),
                "checkpoint": str(note),
                "witness": None if witness is None else str(witness),
                "consistency": None if path is None else {"from": last, "path": [one.hex() for one in path]},
            }
        )
        return
    if out is None:
        sys.stdout.write(str(note))
    if file is not None:
        if file.torn is not None:
            cut = f"its last checkpoint (line {file.torn}) was cut off and has been replaced"
            say(told.aside, f"{escape(file.path.name)}: {cut}", hang=2)
        count = len(file.checkpoints) + 1
        say(told.aside, f"{escape(file.path.name)}: checkpoint {count}, {head.size} entries", hang=2)


def _continued(read: Read, file: WitnessFile | None, signer: SignerKey) -> tuple[Head, list[bytes] | None]:
    """Return the head, and the proof that it continues the last checkpoint, if there is one.

    Raises:
        ProofInvalid: it does not continue one of them, or the witness file was changed.
        LedgerBroken: it does not verify.
    """
    from crossloop.store.ledger.notes import verified
    from crossloop.store.ledger.stored import prove_consistency
    from crossloop.store.ledger.witness import compare

    if file is None or not file.checkpoints:
        return whole(read), None
    for one in file.checkpoints:
        if any(by.key_id == signer.verifier.id for by in one.note.signatures):
            verified(one.note, [signer.verifier])
    findings = compare(read, file, ())
    if findings:
        worst = findings[0]
        raise ProofInvalid(
            f"nothing was signed. {file.path}, line {worst.line}: {worst.problem}.", next_step=_LOOK
        )
    head, last = whole(read), _largest(file).checkpoint
    if not last.size:
        return head, []
    return head, prove_consistency(read, last.size, last.root, head.size, bytes.fromhex(head.root))


def whole(read: Read, else_: str = "nothing was signed") -> Head:
    """Return the head of a ledger that verifies, and so do the tables beside it.

    Args:
        else_: what was not done where it does not.

    Raises:
        LedgerBroken: it does not; the first bad entry is named.
    """
    from crossloop.store import verify

    found = verify(read)
    if not found.ok:
        raise LedgerBroken(
            f"{else_}: {found.problem}.",
            position=found.first_bad,
            next_step="Run: crossloop ledger verify",
        )
    return read.head()


def _check_signer(signer: SignerKey, file: WitnessFile | None) -> None:
    if file is None or not file.checkpoints:
        return
    expected = file.checkpoints[0].checkpoint.origin
    if expected != signer.verifier.name:
        raise InputError(
            f"it holds checkpoints of {expected}; this key signs for {signer.verifier.name}.",
            where=Where(file=file.path, field="--witness"),
            next_step=f"Name another file. A key that replaces one is made with: --origin {expected}",
        )


def _make_key(told: Output, path: Path, origin: str | None) -> None:
    from crossloop.store.ledger.keys import create_key, public_file

    secret = _new_passphrase()
    key = create_key(path, origin=origin, passphrase=secret)
    if told.json:
        told.document(
            {
                "key": str(path),
                "verifier_file": str(public_file(path)),
                "origin": key.verifier.name,
                "verifier": str(key.verifier),
                "passphrase": secret is not None,
            }
        )
        return
    protected = "with a passphrase" if secret else "[yellow]without a passphrase[/]"
    say(told.people, f"private key, {protected}; it can be read by you alone:", hang=2)
    copyable(told.people, str(path))
    say(told.people, "verifier key, for whoever checks the checkpoints (also in the .pub file):", hang=2)
    copyable(told.people, str(key.verifier))


def prove(
    entry: Annotated[int, typer.Argument(metavar="ENTRY", min=0, help="Its position; see `ledger tail`.")],
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint",
            metavar="FILE",
            help="Prove it against a checkpoint that somebody has: a note, or a witness file.",
        ),
    ] = None,
    key: KeyFile = None,
    out: Out = None,
    store: options.Store = options.STORE,
    json: options.Json = False,
) -> None:
    """Prove that an entry stands in the ledger, to somebody who has a checkpoint and not the ledger.

    The proof is one JSON document; `docs/verify_ledger.py` checks it without crossloop.
    """
    from crossloop.store.ledger.export import inclusion_proof
    from crossloop.store.ledger.keys import load_key
    from crossloop.store.ledger.stored import check_head

    told = Output(json=json)
    require_new(out)
    if checkpoint is not None and key is not None:
        raise _usage("--key", "the checkpoint is signed already.", "Give --checkpoint or --key, not both.")
    signer = None if key is None else load_key(key, passphrase=passphrase)
    witnessed = None if checkpoint is None else _covering(checkpoint, entry)

    def look(read: Read) -> tuple[Head, dict[str, Any]]:
        if witnessed is None:
            if signer is not None:
                return whole(read), inclusion_proof(read, entry)
            check_head(read)
            return read.head(), inclusion_proof(read, entry)
        _check_continues(read, witnessed, checkpoint)
        return read.head(), inclusion_proof(read, entry, witnessed.checkpoint.size)

    with options.existing_store(store) as opened, told.working("proving"):
        head, proof = opened.read(look)
    if witnessed is not None:
        proof["checkpoint"] = str(witnessed.note)
    elif signer is not None:
        proof["checkpoint"] = str(_note(head, signer))
    if out is None:
        told.document(proof)
    else:
        _hand_out(told, out, entry, proof)


def _hand_out(told: Output, out: Path, entry: int, proof: dict[str, Any]) -> None:
    """Write a proof into a file, and say what it proves."""
    import json as plain

    write(out, (plain.dumps(proof, indent=2, ensure_ascii=False) + "\n").encode())
    if told.json:
        told.document({"entry": entry, "size": proof["size"], "root": proof["root"], "out": str(out)})
    else:
        steps, size = len(proof["path"]), proof["size"]
        say(told.people, f"entry {entry} stands in the first {size} entries: {steps} hashes prove it", hang=2)
        copyable(told.people, str(out))


def _covering(path: Path, entry: int) -> Witnessed:
    """The last checkpoint of a file that has the entry."""
    from crossloop.store.ledger.witness import read_witness

    file = read_witness(path)
    covering = [one for one in file.checkpoints if one.checkpoint.size > entry]
    if not covering:
        what = (
            f"no checkpoint in it covers entry {entry}"
            if file.checkpoints
            else "there is no checkpoint in it"
        )
        raise InputError(
            f"{what}.",
            where=Where(file=path, field="--checkpoint"),
            next_step="Sign a newer one, or leave --checkpoint out.",
        )
    return covering[-1]


def _check_continues(read: Read, witnessed: Witnessed, path: Path | None) -> None:
    from crossloop.store.ledger.witness import WitnessFile, compare

    findings = compare(read, WitnessFile(path or Path(), (witnessed,), None, 0, True), ())
    if findings:
        raise ProofInvalid(f"{path}: {findings[0].problem}.", next_step=_LOOK)


def passphrase() -> bytes | None:
    """The passphrase of a key file: from the environment, else asked for; None where nobody can be asked."""
    given = os.environ.get(PASSPHRASE)
    if given:
        return given.encode()
    if not sys.stdin.isatty():
        return None
    return str(typer.prompt("Passphrase of the key", hide_input=True, err=True)).encode()


def _new_passphrase() -> bytes | None:
    given = os.environ.get(PASSPHRASE)
    if given is None and sys.stdin.isatty():
        question = "Passphrase for the key (empty for none)"
        given = typer.prompt(
            question, default="", show_default=False, hide_input=True, confirmation_prompt=True, err=True
        )
    return given.encode() if given else None


def require_new(path: Path | None) -> None:
    """Refuse to write over anything: it may be the store, a key, or the only copy of a witness file.

    Raises:
        InputError: there is something under this name already.
    """
    if path is not None and (path.exists() or path.is_symlink()):
        raise InputError(
            "there is something under this name already, and nothing is written over.",
            where=Where(file=path, field="--out"),
            next_step="Name another file, or move this one away.",
        )


def write(path: Path, content: bytes) -> None:
    """Write a file that a command was asked for. Raises InputError."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> InputError:
    """The error for a file that cannot be written."""
    return InputError(
        f"it cannot be written: {error.strerror}.",
        where=Where(file=path, field="--out"),
        next_step="Name a file in a directory that exists and that you may write.",
    )


def _note(head: Head, signer: SignerKey) -> Note:
    from crossloop.clock import SystemClock
    from crossloop.store.ledger.checkpoints import sign

    return sign(head.size, bytes.fromhex(head.root), SystemClock().now(), [signer])


def _largest(file: WitnessFile) -> Witnessed:
    return max(file.checkpoints, key=lambda one: one.checkpoint.size)


def _one_thing(**given: Path | None) -> None:
    others = [name for name, value in given.items() if value is not None and name != "new_key"]
    if others:
        field = "--" + others[0].replace("_", "-")
        raise _usage(
            field, "--new-key makes a key and nothing else.", "Make the key first, then sign with it."
        )


def _usage(field: str, message: str, next_step: str) -> InputError:
    return InputError(message, where=Where(field=field), next_step=next_step)
