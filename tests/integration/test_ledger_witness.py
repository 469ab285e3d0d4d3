"""Somebody who can write the whole store, head and hashes included: the checkpoints kept elsewhere find it.

After each attack the ledger verifies in itself; only the witness file tells. The stand-alone verifier, which
shares no line with crossloop, comes to the same answer from an export.
"""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crossloop.errors import InputError
from crossloop.store import Tx, verify
from crossloop.store.ledger.notes import SignerKey
from crossloop.store.ledger.redaction import redact
from crossloop.store.ledger.witness import read_witness
from tests.support.ledger_attacks import tallies
from tests.support.ledger_drills import (
    SIGNER,
    STAND_ALONE,
    VERIFIER,
    compared,
    copied,
    digest,
    every_bit,
    exported,
    fill,
    made,
    opened,
    stand_alone,
    witnessed,
)

OTHER = SignerKey(SIGNER.verifier.name, Ed25519PrivateKey.from_private_bytes(b"o" * 32))

SIZE = 60
WITNESSED = (1, 20, 45, SIZE)


@pytest.fixture(scope="module")
def witness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints of a ledger at several sizes."""
    folder = tmp_path_factory.mktemp("witness")
    with opened(folder / "store.db") as store:
        for size in WITNESSED:
            fill(store, size)
            witnessed(store, folder / "witness.txt")
    return folder / "witness.txt"


def agrees(path: Path, witness: Path, tmp_path: Path) -> bool:
    """Whether the stand-alone verifier finds a ledger as good as crossloop does; return what both found."""
    findings = compared(path, witness)
    said = stand_alone(exported(path, tmp_path / "export.jsonl"), witness, VERIFIER)
    assert said.ok == (not findings), (findings, said.text)
    return said.ok


def test_a_ledger_that_only_grew_continues_every_checkpoint(witness: Path, tmp_path: Path):
    for size in (SIZE, SIZE + 1, 300):
        path = made(tmp_path / f"{size}.db", size)
        assert compared(path, witness) == []
    assert agrees(path, witness, tmp_path)


def test_a_ledger_cut_off_at_any_length_and_made_consistent_is_found(witness: Path, tmp_path: Path):
    for size in range(SIZE):
        path = made(
            tmp_path / f"{size}.db", size
        )  # what an attacker would leave behind: a shorter, whole ledger
        findings = compared(path, witness)
        assert [one.size for one in findings] == [kept for kept in WITNESSED if kept > size]
        assert {one.first_bad for one in findings} == {size}
        assert f"the ledger has {size}: it was cut off or is an older copy" in findings[0].problem
        if size % 13 == 0 and size:
            assert not agrees(path, witness, tmp_path)


def test_an_older_copy_that_is_put_back_is_found_also_when_work_went_on_with_it(
    witness: Path, tmp_path: Path
):
    path = made(tmp_path / "store.db", 30)
    backup = copied(path, tmp_path / "backup.db")
    with opened(path) as store:
        fill(store, SIZE)
    assert compared(path, witness) == []
    copied(backup, path)
    assert [(one.size, one.first_bad) for one in compared(path, witness)] == [(45, 30), (SIZE, 30)]
    with opened(path) as store:
        fill(store, SIZE + 5, mark="after the copy")
    findings = compared(path, witness)
    assert [(one.size, one.first_bad) for one in findings] == [(45, 20), (SIZE, 20)]
    assert "an entry between 20 and 44 was changed after 45 were witnessed" in findings[0].problem
    assert findings[0].root_now is not None
    assert findings[0].root_now != findings[0].root
    assert not agrees(path, witness, tmp_path)


@pytest.mark.parametrize("position", [0, 1, 19, 20, 44, 45, 59])
def test_a_whole_rewrite_with_correct_hashes_is_found_between_two_checkpoints(
    position: int, witness: Path, tmp_path: Path
):
    path = tmp_path / "store.db"
    with opened(path) as store:
        fill(store, position)
        fill(store, position + 1, mark="forged")
        fill(store, SIZE)
    first = max(size for size in (0, *WITNESSED) if size <= position)
    findings = compared(path, witness)
    assert findings[0].first_bad == first
    assert findings[0].size == min(size for size in WITNESSED if size > position)
    assert not agrees(path, witness, tmp_path)


@pytest.mark.parametrize("how", ["deleted", "inserted", "swapped", "repeated"])
def test_entries_taken_out_put_in_or_moved_in_a_rewrite_are_found(how: str, witness: Path, tmp_path: Path):
    order = list(range(SIZE))
    if how == "deleted":
        del order[33]
        order.append(SIZE)
    elif how == "inserted":
        order.insert(33, 1000)
    elif how == "swapped":
        order[33], order[34] = order[34], order[33]
    else:
        order.insert(33, 32)
    path = tmp_path / "store.db"
    with opened(path) as store:
        store.write(
            lambda tx: [
                tx.append("drill" if number % 2 else "exercise", f"case_{number % 3}", {"n": number})
                for number in order
            ]
        )
    assert compared(path, witness)[0].first_bad == 0
    assert not agrees(path, witness, tmp_path)


def test_entries_redacted_openly_still_continue_every_checkpoint(witness: Path, tmp_path: Path):
    path = made(tmp_path / "store.db", SIZE)
    with opened(path) as store:
        for position in (0, 19, 59):
            store.write(lambda tx, position=position: redact(tx, position, "asked for"))
        assert store.read(verify).ok
    assert compared(path, witness) == []
    assert agrees(path, witness, tmp_path)


def changing(statement: str, position: int, tx: Tx) -> int:
    """Change a row behind the ledger's back."""
    return tx.execute(statement.replace("?", ":position"), position=position)


@pytest.mark.parametrize("position", [0, 13, 27])
def test_the_stand_alone_verifier_names_the_entry_that_crossloop_names(position: int, tmp_path: Path):
    path = made(tmp_path / "store.db", 28)
    changes = {
        "body": "UPDATE entries SET body = CAST(replace(body, 'nal', 'nil') AS BLOB) WHERE position = ?",
        "salt": "UPDATE entries SET salt = zeroblob(16) WHERE position = ?",
        "kind": "UPDATE entries SET kind = 'permit' WHERE position = ?",
        "case": "UPDATE entries SET case_key = (SELECT max(key) FROM cases) + 0 * ? WHERE position = 13",
        "at": "UPDATE entries SET at = at + 1 WHERE position = ?",
        "taken away": "UPDATE entries SET salt = NULL, body = NULL WHERE position = ?",
    }
    for name, change in changes.items():
        if name == "case" and position != 13:
            continue
        changed = copied(path, tmp_path / "changed.db")
        with opened(changed) as store:
            assert store.write(partial(changing, change, position))
            found = store.read(verify)
        assert found.first_bad == position, name
        said = stand_alone(exported(changed, tmp_path / "export.jsonl"))
        assert not said.ok
        assert f"entry {position}" in said.text, name


def test_the_stand_alone_verifier_finds_whatever_is_done_to_an_export(tmp_path: Path):
    lines = exported(made(tmp_path / "store.db", 20), tmp_path / "good.jsonl").read_bytes().splitlines(True)
    chosen = random.Random(11)
    changed = tmp_path / "changed.jsonl"

    def refused(content: list[bytes]) -> str:
        changed.write_bytes(b"".join(content))
        said = stand_alone(changed)
        assert said.code == 1
        return said.text

    assert "entry 5 is missing" in refused([*lines[:5], *lines[6:]])
    assert "entry 5 is missing" in refused([*lines[:5], lines[6], lines[5], *lines[7:]])
    assert "entry 6 is missing" in refused([*lines[:6], lines[5], *lines[6:]])
    for position in chosen.sample(range(20), 6):
        entry = orjson.loads(lines[position])
        for name in ("body_hash", "leaf", "salt", "body", "kind", "at", "case"):
            value = entry[name]
            other = value + 1 if isinstance(value, int) else "x" if value is None else value[:-1] + "!"
            line = orjson.dumps({**entry, name: other}) + b"\n"
            refused([*lines[:position], line, *lines[position + 1 :]])


def test_a_witness_file_with_any_changed_character_is_found(witness: Path, tmp_path: Path):
    path = made(tmp_path / "store.db", SIZE)
    text = witness.read_text()
    changed = tmp_path / "witness.txt"
    chosen = random.Random(5)
    for at in chosen.sample(range(len(text)), 60):
        other = "x" if text[at] != "x" else "y"
        changed.write_text(text[:at] + other + text[at + 1 :])
        try:
            found = bool(compared(path, changed))
        except InputError:
            found = True  # no checkpoint any more
        assert found, (at, text[at])


def test_checkpoints_signed_by_somebody_else_count_only_without_a_key(witness: Path, tmp_path: Path):
    text = witness.read_text().replace("acme.example", "evil.example")
    forged = tmp_path / "forged.txt"
    forged.write_text(text)
    path = made(tmp_path / "store.db", SIZE)
    assert compared(path, forged, keys=False) == []
    assert len(compared(path, forged)) == len(WITNESSED)
    said = stand_alone(forged, VERIFIER)
    assert said.code == 2  # which says nothing about the ledger
    assert "none of the keys given signed this checkpoint" in said.text
    assert stand_alone(forged).ok


def test_the_stand_alone_verifier_says_when_it_did_not_check_signatures(witness: Path, tmp_path: Path):
    export = exported(made(tmp_path / "store.db", SIZE), tmp_path / "export.jsonl")
    assert f"checkpoints: {len(WITNESSED)}, signatures not checked" in stand_alone(export, witness).lines
    assert f"checkpoints: {len(WITNESSED)}" in stand_alone(export, witness, VERIFIER).lines
    spoilt = tmp_path / "spoilt.txt"
    spoilt.write_text(witness.read_text().replace("\ntime 2", "\ntime 3"))
    assert stand_alone(export, spoilt, VERIFIER).code == 1
    assert len(STAND_ALONE.read_text().splitlines()) < 100


@pytest.mark.parametrize("asked", ["-h", "--help"])
def test_the_stand_alone_verifier_says_how_it_is_used(asked: str):
    said = stand_alone(asked)
    assert said.code == 0
    assert "python verify_ledger.py FILE... [KEY]..." in said.lines[0]


def test_the_stand_alone_verifier_tells_wrong_use_from_a_broken_ledger(witness: Path, tmp_path: Path):
    (tmp_path / "empty").touch()
    mistyped = VERIFIER[:-3] + ("A" if VERIFIER[-3] != "A" else "B") + VERIFIER[-2:]
    key_file, binary, other, lacking = (tmp_path / name for name in ("k.pub", "bin", "arr.json", "x.jsonl"))
    key_file.write_text(f"{VERIFIER}\n")
    binary.write_bytes(bytes(range(256)))
    other.write_text("[1, 2]\n")
    lacking.write_text('{"some": 1}\n')
    for arguments in (
        (),
        (key_file,),
        (witness, key_file),
        (binary,),
        (other,),
        (lacking,),
        (VERIFIER,),
        (tmp_path / "nowhere",),
        (tmp_path,),
        (tmp_path / "empty",),
        (witness, "x+y+z"),
        (witness, VERIFIER[:-4]),
        (witness, mistyped),
        (witness, str(OTHER.verifier)),
    ):
        said = stand_alone(*arguments)
        assert (said.code, said.lines) == (2, []), arguments
        assert said.text.startswith("cannot check: "), arguments
    said = stand_alone(witness, mistyped, VERIFIER)
    assert said.code == 0


def test_comparing_changes_neither_the_ledger_nor_the_witness_file(witness: Path, tmp_path: Path):
    path = made(tmp_path / "store.db", SIZE)
    before = digest(path), digest(witness)
    compared(path, witness)
    assert (digest(path), digest(witness)) == before


def test_a_checkpoint_of_every_size_is_compared(tmp_path: Path):
    path, file = tmp_path / "store.db", tmp_path / "witness.txt"
    with opened(path) as store:
        for size in range(1, 40):
            fill(store, size)
            witnessed(store, file)
    assert len(read_witness(file).checkpoints) == 39
    assert compared(path, file) == []


@pytest.mark.slow
def test_every_attack_on_a_small_ledger_is_found_by_crossloop_and_by_the_stand_alone_verifier(tmp_path: Path):
    rows = list(tallies(tmp_path, 7))
    assert [one for one in rows if not one.whole] == []
    assert sum(one.exports for one in rows) > 6000


def test_any_flipped_bit_of_an_entry_is_found_and_the_entry_named(tmp_path: Path):
    """All entries of a larger ledger: ``python -m tests.support.ledger_drills``."""
    path = made(tmp_path / "store.db", 40)
    results = list(every_bit(path, range(0, 40, 9)))
    assert len(results) > 5 * 800
    assert [one for one in results if not one[2]] == []
