"""Signed notes: the published ones, and what is no note."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from crossloop.errors import ProofInvalid
from crossloop.store.ledger.notes import Note, SignerKey, VerifierKey, signed, verified

# Published with golang.org/x/mod/sumdb/note.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SECRET = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_SIGNED = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"  # noqa: E501
ENOCH_SIGNED = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"  # noqa: E501

# Published with c2sp.org/signed-note.
FOO = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
FOO_NOTE = """This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
"""
SALVATORE_NOTE = """Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed è subito sera.

— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=
"""  # noqa: E501


def key_of(secret: str) -> SignerKey:
    """A signer from Go's text form of a private key."""
    name, _, data = secret.removeprefix("PRIVATE+KEY+").split("+", 2)
    return SignerKey(name, Ed25519PrivateKey.from_private_bytes(base64.b64decode(data)[1:]))


def test_the_published_verifier_keys_are_read_and_written_alike():
    for text in (PETER, ENOCH, FOO):
        assert str(VerifierKey.parse(text)) == text
    assert VerifierKey.parse(PETER).id.hex() == "c74f20a3"
    assert VerifierKey.parse(FOO).name == "example.com/foo"


def test_the_published_text_is_signed_as_published():
    assert str(signed(TEXT, [key_of(PETER_SECRET)])) == TEXT + "\n" + PETER_SIGNED
    assert str(key_of(PETER_SECRET).verifier) == PETER
    enoch = SignerKey("EnochRoot", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    assert str(signed(TEXT, [key_of(PETER_SECRET), enoch])) == TEXT + "\n" + PETER_SIGNED + ENOCH_SIGNED


def test_the_published_notes_are_read_written_alike_and_hold():
    note = Note.parse(FOO_NOTE.encode())
    assert str(note) == FOO_NOTE
    assert verified(note, [VerifierKey.parse(FOO)]) == [VerifierKey.parse(FOO)]
    poem = Note.parse(SALVATORE_NOTE.encode())
    assert poem.text.endswith("sole:\n\ned è subito sera.\n")
    assert str(poem) == SALVATORE_NOTE


def test_signatures_of_unknown_keys_are_passed_over():
    note = Note.parse(f"{TEXT}\n{PETER_SIGNED}{ENOCH_SIGNED}".encode())
    peter, enoch = VerifierKey.parse(PETER), VerifierKey.parse(ENOCH)
    assert verified(note, [peter]) == [peter]
    assert verified(note, [enoch, peter]) == [peter, enoch]
    twice = Note.parse(f"{TEXT}\n{PETER_SIGNED}{PETER_SIGNED}".encode())
    assert verified(twice, [peter]) == [peter]


def test_a_note_that_no_known_key_signed_is_refused_and_says_who_did():
    note = Note.parse(f"{TEXT}\n{PETER_SIGNED}".encode())
    with pytest.raises(ProofInvalid, match=r"expected a signature by EnochRoot.*, got one by PeterNeumann"):
        verified(note, [VerifierKey.parse(ENOCH)])
    same_name = VerifierKey("PeterNeumann", VerifierKey.parse(ENOCH).public)
    with pytest.raises(ProofInvalid, match="expected a signature"):
        verified(note, [same_name])


def test_a_bad_signature_of_a_known_key_spoils_the_note_whoever_else_signed():
    other = PETER_SIGNED.replace("ZJku", "ZJkv")
    note = Note.parse(f"{TEXT}\n{ENOCH_SIGNED}{other}".encode())
    with pytest.raises(ProofInvalid, match="does not hold"):
        verified(note, [VerifierKey.parse(ENOCH), VerifierKey.parse(PETER)])


@given(st.integers(0, len(f"{TEXT}\n{PETER_SIGNED}".encode()) * 8 - 1))
def test_any_changed_bit_of_a_note_is_found(bit: int):
    data = bytearray(f"{TEXT}\n{PETER_SIGNED}".encode())
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises((ValueError, ProofInvalid)):
        verified(Note.parse(bytes(data)), [VerifierKey.parse(PETER)])


@pytest.mark.parametrize(
    "data",
    [
        TEXT,
        TEXT + "\n",
        TEXT + "\n" + PETER_SIGNED[:-1],
        "\x01" + TEXT + "\n" + PETER_SIGNED,
        TEXT.replace("\n", "\r\n") + "\n" + PETER_SIGNED,
        TEXT + "\n" + "— Bad Name x08go/ZJkuBS9UG=\n",
        TEXT + "\n" + "— no+plus x08go/ZJkuBS9UG=\n",
        TEXT + "\n" + PETER_SIGNED + "Unexpected line.\n",
        TEXT + "\n" + PETER_SIGNED + "\n",
        TEXT + "\n- PeterNeumann x08go/ZJkuBS\n",
        TEXT + "\n— PeterNeumann\n",
        TEXT + "\n— PeterNeumann x08goA==\n",
        TEXT + "\n— PeterNeumann x08go/ZJkuB!\n",
        TEXT + "\n" + PETER_SIGNED.replace("nAM=", "nAN="),
        TEXT + "\n" + PETER_SIGNED * 101,
    ],
)
def test_what_is_no_note_is_refused(data: str):
    with pytest.raises(ValueError, match=r"expected|note"):
        Note.parse(data.encode())


def test_bytes_that_are_no_text_are_no_note():
    with pytest.raises(ValueError, match="decode"):
        Note.parse(b"\xff" + f"{TEXT}\n{PETER_SIGNED}".encode())


def test_sixteen_signatures_and_more_are_read():
    assert len(Note.parse(f"{TEXT}\n{PETER_SIGNED * 100}".encode()).signatures) == 100


def test_no_part_and_no_mangling_of_a_verifier_key_is_one():
    for start in range(len(PETER)):
        for stop in range(start + 1, len(PETER) + 1):
            if (start, stop) != (0, len(PETER)):
                with pytest.raises(ValueError, match="expected"):
                    VerifierKey.parse(PETER[start:stop])
    for at in range(len(PETER)):
        with pytest.raises(ValueError, match="expected"):
            VerifierKey.parse(PETER[:at] + chr(ord(PETER[at]) + 1) + PETER[at + 1 :])


@pytest.mark.parametrize(
    "text",
    [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ],
)
def test_keys_of_another_length_or_type_are_refused_though_their_id_fits(text: str):
    with pytest.raises(ValueError, match="expected"):
        VerifierKey.parse(text)


@pytest.mark.parametrize("text", ["abc", "", "abc\n\n— x y", "abc\x00\n"])
def test_a_text_that_cannot_stand_in_a_note_is_not_signed(text: str):
    with pytest.raises(ValueError, match=r"note|expected"):
        signed(text, [key_of(PETER_SECRET)])


@pytest.mark.parametrize("name", ["", "with space", "with+plus", "no\N{NO-BREAK SPACE}break", "new\nline"])
def test_a_name_that_cannot_stand_in_a_note_is_no_key_name(name: str):
    with pytest.raises(ValueError, match="key name"):
        SignerKey(name, Ed25519PrivateKey.generate())


def test_a_private_key_is_not_shown():
    assert PETER_SECRET.split("+")[-1] not in repr(vars(key_of(PETER_SECRET)))
