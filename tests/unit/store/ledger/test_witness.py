"""The witness file: read, appended to, torn."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crossloop.errors import InputError
from crossloop.store import Store
from crossloop.store.ledger.checkpoints import sign
from crossloop.store.ledger.merkle import EMPTY_ROOT
from crossloop.store.ledger.notes import Note, SignerKey
from crossloop.store.ledger.witness import append, compare, parse_witness, read_witness
from tests.support.stores import START

SIGNER = SignerKey("a.example/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))


def note(size: int, root: bytes = bytes(32), at: datetime = START) -> Note:
    return sign(size, root, at, [SIGNER])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "witness.txt"


@pytest.fixture
def three(file: Path) -> Path:
    for size in (1, 2, 3):
        append(read_witness(file), note(size))
    return file


def sizes(path: Path) -> list[int]:
    return [one.checkpoint.size for one in read_witness(path).checkpoints]


def test_a_file_that_does_not_exist_has_no_checkpoints_and_is_created(file: Path):
    assert read_witness(file).checkpoints == ()
    append(read_witness(file), note(7))
    assert file.read_text() == str(note(7))


def test_notes_stand_one_after_the_other_with_an_empty_line_between_them(three: Path):
    assert three.read_text() == "\n".join(str(note(size)) for size in (1, 2, 3))
    read = read_witness(three)
    assert sizes(three) == [1, 2, 3]
    assert [one.line for one in read.checkpoints] == [1, 8, 15]
    assert read.checkpoints[0].checkpoint.at == START
    assert (read.torn, read.whole, read.ended) == (None, three.stat().st_size, True)


def test_a_last_note_cut_off_anywhere_is_named_and_not_counted(three: Path):
    whole = three.read_bytes()
    second = len("\n".join(str(note(size)) for size in (1, 2)).encode())
    for length in range(second, len(whole)):
        read = parse_witness(whole[:length], three)
        if length == len(whole) - 1:  # only the newline is missing
            assert (len(read.checkpoints), read.torn, read.ended) == (3, None, False)
            continue
        assert len(read.checkpoints) == 2, length
        assert read.torn == (15 if length > second + 1 else None)


def test_what_was_cut_off_is_replaced_by_the_next_note(three: Path):
    whole = three.read_bytes()
    for length in range(len("\n".join(str(note(size)) for size in (1, 2)).encode()), len(whole)):
        three.write_bytes(whole[:length])
        append(read_witness(three), note(4))
        assert sizes(three) == ([1, 2, 3, 4] if length == len(whole) - 1 else [1, 2, 4])
        assert read_witness(three).torn is None


def test_files_put_one_behind_the_other_are_one_file(three: Path):
    parts = [str(note(size)) for size in (1, 2, 3)]
    for between in ("", "\n", "\n\n\n"):
        three.write_text(between.join(parts))
        assert sizes(three) == [1, 2, 3]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("hello\n", 1),
        ("hello", 1),
        ("a.example/log\n7\n", 1),  # a first note that is cut off: it could be anything
        (f"{note(1)}\nhello\n", 8),
        (f"{note(1)}\nhello\n\n{note(2)}", 8),
        (f"{note(1)}\n{note(2)}".replace("\n2\n", "\n02\n"), 8),
        (f"{note(1)}\n" + str(note(2)).replace("a.example/log", "b.example/log"), 8),
        (f"{note(1)}\n" + str(note(2)).replace("\n\n", "\n\n\n"), 8),
        (f"{note(1)}".replace("\n", "\r\n"), 1),
        (f"\x00{note(1)}", 1),
    ],
)
def test_what_is_no_witness_file_is_refused_and_the_line_named(content: str, line: int, file: Path):
    file.write_text(content, newline="")
    with pytest.raises(InputError, match="not a signed checkpoint") as refused:
        read_witness(file)
    assert refused.value.where.line == line


def test_what_cannot_be_read_or_written_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="cannot be read"):
        read_witness(tmp_path)
    with pytest.raises(InputError, match="cannot be written"):
        append(read_witness(tmp_path / "nowhere" / "witness.txt"), note(1))


def test_an_empty_ledger_can_be_witnessed_and_grow(store: Store, file: Path):
    append(read_witness(file), note(0, EMPTY_ROOT))
    store.write(lambda tx: tx.append("drill", None, {}))
    assert store.read(lambda read: compare(read, read_witness(file), [SIGNER.verifier])) == []


def test_two_checkpoints_of_one_size_and_two_roots_cannot_both_hold(store: Store, file: Path):
    store.write(lambda tx: tx.append("drill", None, {}))
    head = store.read(lambda read: read.head())
    append(read_witness(file), note(1, bytes.fromhex(head.root)))
    append(read_witness(file), note(1))
    [finding] = store.read(lambda read: compare(read, read_witness(file), ()))
    assert (finding.line, finding.first_bad, finding.root_now) == (8, 0, head.root)


def test_a_good_checkpoint_behind_a_bad_one_does_not_clear_what_lies_before(store: Store, file: Path):
    def work(number: int) -> bytes:
        store.write(lambda tx: tx.append("drill", None, {"n": number}))
        return bytes.fromhex(store.read(lambda read: read.head().root))

    good = [work(number) for number in range(4)]
    for size, root in ((1, good[0]), (3, bytes(32)), (2, good[1]), (4, good[3])):
        append(read_witness(file), note(size, root))
    [finding] = store.read(lambda read: compare(read, read_witness(file), ()))
    assert (finding.size, finding.first_bad) == (3, 2)
