"""Key files: for their owner alone, never written over, never shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from crossloop.errors import InputError
from crossloop.store.ledger.keys import create_key, load_key, public_file, read_verifier


def no_passphrase() -> bytes | None:
    return None


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.key"


def test_a_new_key_can_be_read_by_its_owner_alone_and_signs(path: Path):
    made = create_key(path, origin="acme.example/ledger", passphrase=None)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().startswith("-----BEGIN PRIVATE KEY-----")
    read = load_key(path, passphrase=no_passphrase)
    assert read.verifier == made.verifier == read_verifier(public_file(path))
    assert read.verifier.holds("text\n", made.sign("text\n").signature)


def test_without_an_origin_the_name_comes_from_the_key(path: Path, tmp_path: Path):
    names = {
        create_key(tmp_path / name, origin=None, passphrase=None).verifier.name for name in ("one", "two")
    }
    assert len(names) == 2
    assert all(name.startswith("crossloop-ledger/") for name in names)


def test_a_passphrase_is_asked_for_only_where_there_is_one(path: Path):
    create_key(path, origin=None, passphrase=b"secret words")
    assert b"ENCRYPTED" in path.read_bytes()
    load_key(path, passphrase=lambda: b"secret words")
    with pytest.raises(InputError, match="nobody can be asked"):
        load_key(path, passphrase=no_passphrase)
    with pytest.raises(InputError, match="passphrase is wrong") as refused:
        load_key(path, passphrase=lambda: b"other words")
    assert "words" not in str(refused.value)


def test_a_key_file_is_never_written_over(path: Path):
    create_key(path, origin=None, passphrase=None)
    before = path.read_bytes()
    with pytest.raises(InputError, match="never written over"):
        create_key(path, origin=None, passphrase=None)
    path.unlink()
    with pytest.raises(InputError, match="never written over"):
        create_key(path, origin=None, passphrase=None)
    assert not path.exists()
    assert before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_key_that_others_can_read_is_refused(path: Path, mode: int):
    create_key(path, origin=None, passphrase=None)
    path.chmod(mode)
    with pytest.raises(InputError, match=f"expected mode 600, got {mode:o}"):
        load_key(path, passphrase=no_passphrase)


def test_a_verifier_key_of_another_key_beside_it_is_refused(path: Path, tmp_path: Path):
    create_key(path, origin="a", passphrase=None)
    create_key(tmp_path / "other", origin="a", passphrase=None)
    public_file(path).write_text(public_file(tmp_path / "other").read_text())
    with pytest.raises(InputError, match="got that of another key"):
        load_key(path, passphrase=no_passphrase)


def test_a_missing_or_damaged_verifier_key_is_refused(path: Path):
    create_key(path, origin="a", passphrase=None)
    public_file(path).write_text("nothing")
    with pytest.raises(InputError, match="not a verifier key"):
        load_key(path, passphrase=no_passphrase)
    public_file(path).unlink()
    with pytest.raises(InputError, match="cannot be read"):
        load_key(path, passphrase=no_passphrase)


def test_a_missing_key_and_one_that_is_none_are_refused(path: Path):
    with pytest.raises(InputError, match="No such file"):
        load_key(path, passphrase=no_passphrase)
    path.touch(0o600)
    with pytest.raises(InputError, match="no private key in PEM"):
        load_key(path, passphrase=no_passphrase)


def test_a_key_of_another_kind_is_refused(path: Path):
    create_key(path, origin="a", passphrase=None)
    path.write_bytes(
        generate_private_key(SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    with pytest.raises(InputError, match="expected an Ed25519 key"):
        load_key(path, passphrase=no_passphrase)


def test_an_origin_that_cannot_be_a_name_makes_no_key(path: Path):
    with pytest.raises(InputError, match="without spaces"):
        create_key(path, origin="our ledger", passphrase=None)
    assert not path.exists()


def test_a_directory_that_does_not_exist_gets_no_key(tmp_path: Path):
    with pytest.raises(InputError, match="cannot be written"):
        create_key(tmp_path / "nowhere" / "key", origin=None, passphrase=None)
