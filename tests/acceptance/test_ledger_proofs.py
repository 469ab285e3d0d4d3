"""``crossloop ledger checkpoint|prove|export|redact``, and ``verify --witness``, in scripts and by people."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest

from tests.support.console import crossloop, warm
from tests.support.ledger_drills import Said, stand_alone
from tests.support.run_shape import check_error, check_verification

ORIGIN = "acme.example/ledger"


@pytest.fixture(scope="module")
def _witnessed(june: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(shutil.copytree(june, tmp_path_factory.mktemp("witnessed") / "store"))
    warm("ledger", "checkpoint", "--new-key", "ledger.key", "--origin", ORIGIN, cwd=folder).expect(0)
    sign(folder)
    return folder


@pytest.fixture
def kept(_witnessed: Path, tmp_path: Path) -> Path:
    """A copy of a store with a key and a witness file that holds one checkpoint."""
    return Path(shutil.copytree(_witnessed, tmp_path / "kept"))


def sign(folder: Path, *more: str) -> dict[str, Any]:
    done = warm(
        "ledger", "checkpoint", "--key", "ledger.key", "--witness", "witness.txt", *more, "--json", cwd=folder
    )
    return done.expect(0).json


def verifier(folder: Path) -> str:
    return (folder / "ledger.key.pub").read_text().strip()


def grow(folder: Path) -> None:
    """One more entry: somebody redacts the first."""
    warm("ledger", "redact", "1", "--reason", "asked for", "--yes", cwd=folder).expect(0)


def check_alone(folder: Path, *files: str) -> Said:
    return stand_alone(*(folder / file for file in files), verifier(folder))


def cut_short(folder: Path, size: int) -> None:
    """Take entries away and make head and hashes fit again, as somebody would who knows how."""
    from crossloop.store.ledger.entries import head_digest
    from crossloop.store.ledger.merkle import Frontier
    from crossloop.store.schema import FORMAT

    tree = Frontier()
    with closing(sqlite3.connect(folder / "crossloop.db")) as database:
        database.execute("PRAGMA foreign_keys = OFF")
        database.execute("DELETE FROM entries WHERE position >= ?", (size,))
        database.execute("DELETE FROM tiles WHERE number >= ?", (size // 256,))
        for (leaf,) in database.execute("SELECT leaf FROM entries ORDER BY position"):
            tree.append(leaf)
        packed = tree.packed()
        head = (size, packed, head_digest(FORMAT, size, packed))
        database.execute("UPDATE head SET size = ?, frontier = ?, digest = ?", head)
        database.commit()


# ---------------------------------------------------------------- keys


def test_a_new_key_is_its_owners_alone_and_never_shown(kept: Path) -> None:
    done = warm("ledger", "checkpoint", "--new-key", "new.key", cwd=kept).expect(0)
    assert (kept / "new.key").stat().st_mode & 0o777 == 0o600
    secret = (kept / "new.key").read_text().splitlines()[1]
    assert secret not in done.out + done.err
    assert (kept / "new.key.pub").read_text().strip() in done.out
    told = warm("ledger", "checkpoint", "--new-key", "other.key", "--json", cwd=kept).expect(0).json
    assert told["verifier"] == (kept / "other.key.pub").read_text().strip()
    assert told["passphrase"] is False
    again = warm("ledger", "checkpoint", "--new-key", "new.key", "--json", cwd=kept).expect(2)
    assert "never written over" in check_error(again.json)["message"]


def test_a_key_with_a_passphrase_takes_it_from_the_environment(kept: Path) -> None:
    secret = {"CROSSLOOP_KEY_PASSPHRASE": "several secret words"}
    crossloop("ledger", "checkpoint", "--new-key", "new.key", cwd=kept, env=secret).expect(0)
    assert "ENCRYPTED" in (kept / "new.key").read_text()
    done = crossloop("ledger", "checkpoint", "--key", "new.key", cwd=kept, env=secret).expect(0)
    assert "several" not in done.out + done.err
    refused = warm("ledger", "checkpoint", "--key", "new.key", cwd=kept).expect(2)
    assert "CROSSLOOP_KEY_PASSPHRASE" in refused.err


def test_a_key_that_others_can_read_signs_nothing(kept: Path) -> None:
    (kept / "ledger.key").chmod(0o644)
    refused = warm("ledger", "checkpoint", "--key", "ledger.key", "--json", cwd=kept).expect(2)
    assert "others can read this key" in check_error(refused.json)["message"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("checkpoint",),
        ("checkpoint", "--key", "ledger.key", "--origin", "x"),
        ("checkpoint", "--new-key", "n.key", "--key", "ledger.key"),
        ("checkpoint", "--new-key", "n.key", "--origin", "two words"),
        ("checkpoint", "--key", "no.key"),
        ("checkpoint", "--key", "ledger.key", "--out", "nowhere/out"),
        ("verify", "--verifier", "x+y+z"),
        ("verify", "--witness", "no.txt"),
        ("verify", "--witness", "ledger.key"),
        ("verify", "--witness", "witness.txt", "--verifier", "x+y+z"),
        ("prove", "999999"),
        ("prove", "1", "--key", "ledger.key", "--checkpoint", "witness.txt"),
        ("prove", "1", "--checkpoint", "no.txt"),
        ("export", "--to", "999999"),
        ("export", "--from", "9", "--to", "3"),
        ("export", "--format", "parquet"),
        ("export", "--format", "csv"),
        ("export",),  # with --json the export itself cannot be on stdout
        ("redact", "1", "--reason", " ", "--yes"),
        ("redact", "1", "--reason", "asked for"),
        ("redact", "999999", "--reason", "asked for", "--yes"),
    ],
)
def test_wrong_usage_ends_with_two_says_what_to_do_and_writes_nothing(
    arguments: tuple[str, ...], kept: Path
) -> None:
    files = {file: file.read_bytes() for file in kept.iterdir() if file.suffix not in (".db-wal", ".db-shm")}
    told = check_error(warm("ledger", *arguments, "--json", cwd=kept).expect(2).json)
    assert told["next_step"]
    assert {file: file.read_bytes() for file in files} == files
    assert not (kept / "n.key").exists()


# ---------------------------------------------------------------- checkpoints and the witness file


@pytest.mark.parametrize("target", ["crossloop.db", "ledger.key", "witness.txt"])
@pytest.mark.parametrize(
    "command",
    [
        ("checkpoint", "--key", "ledger.key", "--witness", "witness.txt"),
        ("prove", "1", "--key", "ledger.key"),
        ("export",),
    ],
    ids=lambda command: command[0],
)
def test_nothing_that_is_there_is_written_over(kept: Path, command: tuple[str, ...], target: str) -> None:
    before = {one: (kept / one).read_bytes() for one in ("ledger.key", "witness.txt")}
    done = warm("ledger", *command, "--out", target, cwd=kept).expect(2)
    assert "nothing is written over" in done.err
    assert {one: (kept / one).read_bytes() for one in before} == before
    warm("ledger", "verify", cwd=kept).expect(0)


def test_a_checkpoint_is_printed_for_people_and_appended_to_the_witness_file(kept: Path) -> None:
    grow(kept)
    done = warm("ledger", "checkpoint", "--key", "ledger.key", "--witness", "witness.txt", cwd=kept).expect(0)
    assert done.out.startswith(f"{ORIGIN}\n")
    assert (kept / "witness.txt").read_text().endswith("\n\n" + done.out)
    assert "checkpoint 2" in done.err


def test_the_document_of_a_checkpoint_proves_that_it_continues_the_last(kept: Path) -> None:
    before = sign(kept, "--out", "note.txt")
    assert (kept / "note.txt").read_text() == before["checkpoint"]
    grow(kept)
    after = sign(kept)
    assert (after["origin"], after["verifier"]) == (ORIGIN, verifier(kept))
    assert after["size"] == before["size"] + 1
    assert after["consistency"]["from"] == before["size"]

    from crossloop.store.ledger.proofs import verify_consistency

    path = [bytes.fromhex(one) for one in after["consistency"]["path"]]
    roots = [bytes.fromhex(one["root"]) for one in (before, after)]
    verify_consistency(before["size"], roots[0], after["size"], roots[1], path)


def test_a_ledger_that_continues_what_was_witnessed_is_good(kept: Path) -> None:
    grow(kept)
    out = warm("ledger", "verify", "--witness", "witness.txt", cwd=kept).expect(0).out
    assert "continues 1 checkpoint" in out
    assert "1 entry is newer" in out
    assert "Signatures were not checked" in out
    for key in (verifier(kept), "ledger.key.pub"):
        done = warm(
            "ledger", "verify", "--witness", "witness.txt", "--verifier", key, "--json", cwd=kept
        ).expect(0)
        check_verification(done.json)
        assert done.json["witness"]["signatures"] == "checked"
        assert done.json["witness"]["findings"] == []
    warm("ledger", "export", "--out", "all.jsonl", cwd=kept).expect(0)
    assert check_alone(kept, "all.jsonl", "witness.txt").ok


def test_a_ledger_cut_short_with_correct_hashes_is_found_and_said_plainly(kept: Path) -> None:
    witnessed = sign(kept)
    cut_short(kept, 20)
    found = warm("ledger", "verify", "--witness", "witness.txt", "--json", cwd=kept).expect(1).json
    check_verification(found)
    assert (found["ok"], found["first_bad"], found["entries"]) == (False, 20, 20)
    finding = found["witness"]["findings"][0]
    assert (finding["size"], finding["root"]) == (witnessed["size"], witnessed["root"])
    assert finding["at"].endswith("+00:00")
    out = warm("ledger", "verify", "--witness", "witness.txt", cwd=kept, columns=200).expect(1).out
    assert f"{witnessed['size']} entries were witnessed, the ledger has 20" in out
    assert witnessed["root"] in out
    assert "ok:" not in out
    refused = warm(
        "ledger", "checkpoint", "--key", "ledger.key", "--witness", "witness.txt", "--json", cwd=kept
    ).expect(1)
    assert refused.json["error"]["code"] == "ledger.proof_invalid"
    assert (kept / "witness.txt").read_text().count(ORIGIN) == 4  # two notes, each with origin and key name
    warm("ledger", "export", "--out", "all.jsonl", cwd=kept).expect(0)
    assert not check_alone(kept, "all.jsonl", "witness.txt").ok


def test_an_older_copy_with_other_work_on_it_is_found(kept: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(kept, tmp_path / "copy"))
    grow(kept)
    sign(kept)
    shutil.copy(kept / "witness.txt", copy / "witness.txt")
    warm("ledger", "redact", "2", "--reason", "something else", "--yes", cwd=copy).expect(0)
    found = warm("ledger", "verify", "--witness", "witness.txt", "--json", cwd=copy).expect(1).json
    assert found["first_bad"] == found["entries"] - 1
    assert "was changed after" in found["problem"]
    assert found["witness"]["findings"][0]["root_now"] == found["root"]


def test_a_ledger_that_is_broken_in_itself_is_compared_as_far_as_its_hashes_go(kept: Path) -> None:
    verify = ("ledger", "verify", "--witness", "witness.txt")
    with closing(sqlite3.connect(kept / "crossloop.db")) as database:
        database.execute("UPDATE entries SET at = at + 1 WHERE position = 7")
        database.commit()
    found = warm(*verify, "--json", cwd=kept).expect(1).json
    assert (found["first_bad"], found["witness"]["compared"], found["witness"]["findings"]) == (7, True, [])
    assert "the hashes of the ledger continue 1 checkpoint" in warm(*verify, cwd=kept).expect(1).out
    with closing(sqlite3.connect(kept / "crossloop.db")) as database:
        database.execute("UPDATE entries SET leaf = zeroblob(32) WHERE position = 5")
        database.commit()
    found = warm(*verify, "--json", cwd=kept).expect(1).json
    assert found["first_bad"] == 0  # one before 5 may have been changed as well, with its leaf
    assert "was changed after" in found["problem"]
    with closing(sqlite3.connect(kept / "crossloop.db")) as database:
        database.execute("DELETE FROM entries WHERE position = 5")
        database.commit()
    found = warm(*verify, "--json", cwd=kept).expect(1).json
    assert (found["first_bad"], found["witness"]["compared"]) == (5, False)
    assert "not compared" in warm(*verify, cwd=kept).expect(1).out
    (kept / "crossloop.db").write_bytes((kept / "crossloop.db").read_bytes()[:8192])
    assert warm(*verify, "--json", cwd=kept).expect(1).json["witness"]["compared"] is False


def test_a_checkpoint_of_a_head_that_does_not_fit_its_entries_is_not_signed(kept: Path) -> None:
    with closing(sqlite3.connect(kept / "crossloop.db")) as database:
        database.execute("UPDATE entries SET leaf = zeroblob(32) WHERE position = 7")
        database.commit()
    refused = warm("ledger", "checkpoint", "--key", "ledger.key", "--json", cwd=kept).expect(1)
    assert "nothing was signed" in refused.json["error"]["message"]


def damage(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "crossloop.db")) as database:
        assert database.execute(statement).rowcount == 1
        database.commit()


BODY = "UPDATE entries SET body = CAST('{}' AS BLOB) WHERE position = 5"
ROW = "UPDATE approvals SET people = '[\"eve\"]' WHERE key = (SELECT min(key) FROM approvals)"
REMOVED = "UPDATE entries SET body = NULL, salt = NULL WHERE position = 5"


@pytest.mark.parametrize(
    ("statement", "says"),
    [(BODY, "entry 5: salt and body"), (ROW, "a table beside the ledger"), (REMOVED, "has lost its body")],
)
@pytest.mark.parametrize("witness", [(), ("--witness", "witness.txt")])
def test_a_broken_ledger_is_not_signed(
    kept: Path, statement: str, says: str, witness: tuple[str, ...]
) -> None:
    damage(kept, statement)
    before = (kept / "witness.txt").read_bytes()
    for command in (("checkpoint", *witness), ("prove", "3")):
        done = warm("ledger", *command, "--key", "ledger.key", "--json", cwd=kept).expect(1).json
        assert done["error"]["code"] == "ledger.broken"
        assert done["error"]["message"].startswith("nothing was signed: ")
        assert says in done["error"]["message"]
    assert (kept / "witness.txt").read_bytes() == before


@pytest.mark.parametrize("against", [(), ("--checkpoint", "witness.txt")])
@pytest.mark.parametrize(
    ("statement", "says"),
    [
        (BODY, "entry 5 has a salt and a body that do not match their hash."),
        (REMOVED, "entry 5 has lost its body, and no entry records why."),
        (REMOVED.replace(", salt = NULL", ""), "entry 5 has lost its salt or its body."),
    ],
)
def test_an_entry_that_was_changed_is_not_proved(
    kept: Path, statement: str, says: str, against: tuple[str, ...]
) -> None:
    damage(kept, statement)
    refused = warm("ledger", "prove", "5", *against, "--json", cwd=kept).expect(1).json["error"]
    assert (refused["code"], refused["message"]) == ("ledger.broken", says)
    warm("ledger", "prove", "6", *against, cwd=kept).expect(0)  # another one still is


def test_a_torn_last_checkpoint_is_said_not_used_and_replaced(kept: Path) -> None:
    sign(kept)
    torn = (kept / "witness.txt").read_text()[:-30]
    (kept / "witness.txt").write_text(torn)
    out = warm("ledger", "verify", "--witness", "witness.txt", cwd=kept).expect(0).out
    assert "cut off and not used" in out
    assert check_alone(kept, "witness.txt").text.startswith("cut off and not used")
    done = warm("ledger", "checkpoint", "--key", "ledger.key", "--witness", "witness.txt", cwd=kept).expect(0)
    assert "cut off and has been replaced" in done.err
    found = warm("ledger", "verify", "--witness", "witness.txt", "--json", cwd=kept).expect(0).json
    assert (found["witness"]["checkpoints"], found["witness"]["torn_line"]) == (2, None)


def test_a_key_is_replaced_by_one_of_the_same_origin(kept: Path) -> None:
    old = verifier(kept)
    warm("ledger", "checkpoint", "--new-key", "next.key", "--origin", ORIGIN, cwd=kept).expect(0)
    warm("ledger", "checkpoint", "--key", "next.key", "--witness", "witness.txt", cwd=kept).expect(0)
    verify = ("ledger", "verify", "--witness", "witness.txt", "--json")
    both = warm(*verify, "--verifier", old, "--verifier", "next.key.pub", cwd=kept).expect(0)
    assert both.json["witness"]["checkpoints"] == 2
    told = check_error(warm(*verify, "--verifier", "next.key.pub", cwd=kept).expect(2).json)
    assert told["message"].startswith("this checkpoint was not signed by this key, acme.example/ledger+")
    assert (told["file"], told["line"], told["field"]) == ("witness.txt", 1, "--verifier")


def test_a_key_that_did_not_sign_says_nothing_about_the_ledger(kept: Path) -> None:
    warm("ledger", "checkpoint", "--new-key", "other.key", "--origin", ORIGIN, cwd=kept).expect(0)
    verify = ("ledger", "verify", "--witness", "witness.txt", "--verifier", "other.key.pub")
    done = warm(*verify, cwd=kept, columns=300).expect(2)
    assert done.out == ""
    assert "this checkpoint was not signed by this key" in done.err
    assert "broken" not in done.err
    # a signature by a known key that does not hold is a finding as before
    text = (kept / "witness.txt").read_text()
    (kept / "witness.txt").write_text(text.replace("\ntime 2", "\ntime 3"))
    changed = warm(*verify[:-1], "ledger.key.pub", "--json", cwd=kept).expect(1).json
    assert "does not hold" in changed["problem"]


def test_a_key_of_another_ledger_does_not_write_into_the_file(kept: Path) -> None:
    warm("ledger", "checkpoint", "--new-key", "other.key", cwd=kept).expect(0)
    before = (kept / "witness.txt").read_bytes()
    refused = warm(
        "ledger", "checkpoint", "--key", "other.key", "--witness", "witness.txt", "--json", cwd=kept
    ).expect(2)
    assert ORIGIN in check_error(refused.json)["message"]
    assert (kept / "witness.txt").read_bytes() == before


def test_a_checkpoint_of_ours_that_was_changed_stops_the_next(kept: Path) -> None:
    text = (kept / "witness.txt").read_text()
    (kept / "witness.txt").write_text(text.replace("\ntime 2", "\ntime 3"))
    refused = warm(
        "ledger", "checkpoint", "--key", "ledger.key", "--witness", "witness.txt", "--json", cwd=kept
    ).expect(1)
    assert "does not hold" in refused.json["error"]["message"]


# ---------------------------------------------------------------- proofs


def test_a_proof_with_a_signed_checkpoint_is_checked_by_itself(kept: Path) -> None:
    done = warm("ledger", "prove", "5", "--key", "ledger.key", "--out", "proof.json", cwd=kept).expect(0)
    assert "proof.json" in done.out
    said = check_alone(kept, "proof.json")
    assert said.ok
    assert "entry 5" in said.text
    proof = json.loads((kept / "proof.json").read_text())
    assert set(proof) == {"format", "entry", "size", "root", "path", "checkpoint"}
    for change in (
        {"root": "00" * 32},
        {"path": proof["path"][:-1]},
        {"path": [*proof["path"], "00" * 32]},
        {"size": proof["size"] + 1},
        {"entry": {**proof["entry"], "body": "{}"}},
        {"entry": {**proof["entry"], "position": 4}},
        {"checkpoint": proof["checkpoint"].replace("\ntime 2", "\ntime 3")},
        {"checkpoint": proof["checkpoint"].replace(str(proof["size"]), "1" + str(proof["size"]), 1)},
    ):
        (kept / "changed.json").write_text(json.dumps({**proof, **change}, indent=2))
        assert not check_alone(kept, "changed.json").ok, change


def test_a_proof_against_a_kept_checkpoint_needs_no_key_and_no_newer_entry(kept: Path) -> None:
    grow(kept)
    proof = warm("ledger", "prove", "1", "--checkpoint", "witness.txt", cwd=kept).expect(0).out
    (kept / "proof.json").write_text(proof)
    told = json.loads(proof)
    assert told["entry"]["body"] is None  # redacted since, and proved all the same
    assert told["checkpoint"] in (kept / "witness.txt").read_text()
    assert check_alone(kept, "proof.json", "witness.txt").ok
    newest = str(told["size"])
    refused = warm("ledger", "prove", newest, "--checkpoint", "witness.txt", "--json", cwd=kept).expect(2)
    assert f"covers entry {newest}" in check_error(refused.json)["message"]
    plain = warm("ledger", "prove", newest, "--out", "plain.json", "--json", cwd=kept).expect(0).json
    assert plain["size"] == told["size"] + 1
    assert not check_alone(kept, "plain.json", "witness.txt").ok  # no checkpoint has that size


def test_nothing_is_proved_against_a_checkpoint_that_the_ledger_does_not_continue(kept: Path) -> None:
    cut_short(kept, 20)
    refused = warm("ledger", "prove", "5", "--checkpoint", "witness.txt", "--json", cwd=kept).expect(1)
    assert refused.json["error"]["code"] == "ledger.proof_invalid"


# ---------------------------------------------------------------- export and redaction


def test_an_export_has_every_entry_and_the_root(kept: Path) -> None:
    told = warm("ledger", "export", "--out", "all.jsonl", "--json", cwd=kept).expect(0).json
    verified = warm("ledger", "verify", "--json", cwd=kept).expect(0).json
    assert (told["entries"], told["root"]) == (verified["entries"], verified["root"])
    said = check_alone(kept, "all.jsonl")
    assert said.ok
    assert verified["root"] in said.text
    streamed = warm("ledger", "export", cwd=kept).expect(0)
    assert streamed.out == (kept / "all.jsonl").read_text()
    assert verified["root"] in streamed.err
    part = warm("ledger", "export", "--from", "3", "--to", "5", cwd=kept).expect(0).out
    assert [json.loads(line)["position"] for line in part.splitlines()] == [3, 4, 5]
    assert list(kept.glob("*.part")) == []


def test_a_parquet_export_says_the_same_as_json_lines(kept: Path) -> None:
    grow(kept)
    warm("ledger", "export", "--out", "all.jsonl", cwd=kept).expect(0)
    warm("ledger", "export", "--format", "parquet", "--out", "all.parquet", cwd=kept).expect(0)
    lines = [json.loads(line) for line in (kept / "all.jsonl").read_text().split("\n") if line]
    rows = parquet.read_table(kept / "all.parquet").to_pylist()
    assert len(rows) == len(lines)
    for row, line in zip(rows, lines, strict=True):
        hexed = {name: row[name].hex() if row[name] else None for name in ("body_hash", "leaf", "salt")}
        at = (row["at"] - row["at"].__class__(1970, 1, 1, tzinfo=row["at"].tzinfo)).total_seconds()
        assert {**row, **hexed, "at": line["at"]} == line
        assert round(at * 1e6) == line["at"]


def test_an_export_of_a_ledger_with_a_missing_entry_stops_and_leaves_no_file(kept: Path) -> None:
    with closing(sqlite3.connect(kept / "crossloop.db")) as database:
        database.execute("DELETE FROM entries WHERE position = 9")
        database.commit()
    refused = warm("ledger", "export", "--out", "all.jsonl", "--json", cwd=kept).expect(1)
    assert "entry 9 is missing" in refused.json["error"]["message"]
    assert list(kept.glob("all*")) == []


LAST = "DELETE FROM entries WHERE position = (SELECT max(position) FROM entries)"


@pytest.mark.parametrize(
    ("statement", "says"),
    [(BODY, "entry 5 has a salt and a body"), (REMOVED, "entry 5 has lost its body"), (LAST, " is missing")],
)
@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_an_export_of_a_changed_ledger_ends_with_one_and_leaves_no_file(
    kept: Path, statement: str, says: str, form: str
) -> None:
    damage(kept, statement)
    refused = warm("ledger", "export", "--format", form, "--out", "all", "--json", cwd=kept).expect(1)
    assert refused.json["error"]["code"] == "ledger.broken"
    assert says in refused.json["error"]["message"]
    assert list(kept.glob("all*")) == []


def test_nothing_is_proved_in_a_ledger_whose_last_entry_was_taken_away(kept: Path) -> None:
    warm("ledger", "prove", "5", cwd=kept).expect(0)
    damage(kept, LAST)
    refused = warm("ledger", "prove", "5", "--json", cwd=kept).expect(1).json["error"]
    assert "stand there" in refused["message"]


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        (BODY, "entry 5"),
        (REMOVED, "entry 5"),
        (LAST, "is missing"),
        ("DELETE FROM entries WHERE position = 7", "entry 7 is missing"),
        (ROW, "a table beside the ledger was changed"),
    ],
)
def test_nothing_is_redacted_in_a_ledger_that_does_not_verify(kept: Path, statement: str, says: str) -> None:
    damage(kept, statement)
    before = warm("ledger", "verify", "--json", cwd=kept).expect(1).json
    refused = warm("ledger", "redact", "5", "--reason", "r", "--yes", "--json", cwd=kept).expect(1).json
    assert refused["error"]["code"] == "ledger.broken"
    assert refused["error"]["message"].startswith("nothing was redacted: ")
    assert says in refused["error"]["message"]
    assert warm("ledger", "verify", "--json", cwd=kept).expect(1).json == before


def test_a_redaction_is_recorded_keeps_every_proof_and_is_done_once(kept: Path) -> None:
    assert warm("ledger", "prove", "1", cwd=kept).expect(0).json["entry"]["body"]
    told = warm("ledger", "redact", "1", "--reason", "asked for", "--yes", "--json", cwd=kept).expect(0).json
    assert told["redacted"] is True
    [record] = warm("ledger", "tail", "-n", "1", "--json", cwd=kept).expect(0).json["entries"]
    assert record["position"] == told["record"]
    assert record["body"]["reason"] == "asked for"
    assert record["body"]["identity"].startswith("asserted by OS user ")
    proof = warm("ledger", "prove", "1", cwd=kept).expect(0).json
    assert (proof["entry"]["salt"], proof["entry"]["body"]) == (None, None)
    warm("ledger", "verify", "--witness", "witness.txt", cwd=kept).expect(0)
    again = warm("ledger", "redact", "1", "--reason", "again", "--yes", "--json", cwd=kept).expect(0).json
    assert again == {"entry": 1, "redacted": False, "record": None}
    refused = warm(
        "ledger", "redact", str(told["record"]), "--reason", "hide", "--yes", "--json", cwd=kept
    ).expect(2)
    assert "stays readable" in check_error(refused.json)["message"]


def test_the_rules_in_force_cannot_be_redacted(kept: Path) -> None:
    entries = warm("ledger", "tail", "-n", "10000", "--json", cwd=kept).expect(0).json["entries"]
    adopted = [one["position"] for one in entries if one["kind"] == "policy.adopted"][-1]
    refused = warm("ledger", "redact", str(adopted), "--reason", "x", "--yes", "--json", cwd=kept).expect(2)
    assert "these rules are in force" in check_error(refused.json)["message"]
