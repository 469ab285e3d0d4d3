"""Checkpoints: three lines that are signed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from crossloop.store.ledger.checkpoints import Checkpoint, sign
from crossloop.store.ledger.notes import Note, SignerKey, verified

# Published with c2sp.org/tlog-checkpoint.
PUBLISHED = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
"""  # noqa: E501
ROOT = bytes(range(32))
BASE = "a.example/log\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"


def key(name: str = "a.example/log") -> SignerKey:
    return SignerKey(name, Ed25519PrivateKey.from_private_bytes(bytes(32)))


def test_the_published_checkpoint_is_read_and_written_alike():
    note = Note.parse(PUBLISHED.encode())
    checkpoint = Checkpoint.parse(note.text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.root.hex().startswith("0ac5186a91863e8e")
    assert str(checkpoint) == note.text
    assert checkpoint.at is None


@given(st.integers(0, 10**18), st.binary(min_size=32, max_size=32))
def test_any_checkpoint_is_read_as_it_was_written(size: int, root: bytes):
    one = Checkpoint("a.example/log", size, root, ("more",))
    assert Checkpoint.parse(str(one)) == one


def test_a_signed_checkpoint_has_the_keys_name_and_says_when():
    signer = key()
    at = datetime(2025, 3, 1, 15, 0, 0, 123, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    note = sign(7, ROOT, at, [signer])
    assert note.text == BASE + "time 2025-03-01T09:30:00Z\n"
    assert verified(note, [signer.verifier]) == [signer.verifier]
    assert Checkpoint.parse(note.text).at == datetime(2025, 3, 1, 9, 30, tzinfo=UTC)


def test_an_old_and_a_new_key_of_one_name_may_both_sign():
    new = SignerKey("a.example/log", Ed25519PrivateKey.generate())
    note = sign(7, ROOT, datetime(2025, 3, 1, tzinfo=UTC), [key(), new])
    assert verified(note, [key().verifier]) == [key().verifier]
    assert verified(note, [new.verifier]) == [new.verifier]


@pytest.mark.parametrize("signers", [[], [key(), key("another")]])
def test_keys_of_no_or_two_names_sign_no_checkpoint(signers: list[SignerKey]):
    with pytest.raises(ValueError, match="one name"):
        sign(7, ROOT, datetime(2025, 3, 1, tzinfo=UTC), signers)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.example/log\n7\n",
        BASE[:-1],
        BASE + "\n",
        "\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        BASE.replace("\n7\n", "\n07\n"),
        BASE.replace("\n7\n", "\n-7\n"),
        BASE.replace("\n7\n", "\n7 \n"),
        BASE.replace("\n7\n", "\n٧\n"),
        BASE.replace("\n7\n", "\n" + "9" * 30 + "\n"),
        BASE.replace("Hh8=", "Hh9="),
        BASE.replace("Hh8=", "Hg=="),
        BASE.replace("Hh8=", "Hh8"),
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str):
    with pytest.raises(ValueError, match=r"checkpoint|expected"):
        Checkpoint.parse(text)


@pytest.mark.parametrize("line", ["time tomorrow", "time 2025-03-01T09:30:00", "timely", "other"])
def test_an_extension_that_is_no_time_is_somebody_elses(line: str):
    assert Checkpoint.parse(BASE + line + "\n").at is None
