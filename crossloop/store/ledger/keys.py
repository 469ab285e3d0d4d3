"""Key files: an Ed25519 private key as PEM (PKCS #8), and its verifier key as text beside it.

Rules:

1. A key file is created for its owner alone (mode 0600) and never written over.
2. A key file that others can read is refused: they may have copied the key.
3. The file ``NAME.pub`` beside it holds the verifier key, and with it the name. It is no secret; whoever
   checks a signature needs it. It must belong to the private key.
4. The passphrase is asked for by a function that is handed in, and only when the file has one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from crossloop.errors import InputError, Where
from crossloop.store.ledger.notes import SignerKey, VerifierKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_OTHERS: Final = 0o077
_ORIGIN: Final = "crossloop-ledger/"


def create_key(path: Path, *, origin: str | None, passphrase: bytes | None) -> SignerKey:
    """Make a key and write it and its verifier key.

    Args:
        origin: the ledger's name in checkpoints; without one it is made from the public key.
        passphrase: encrypts the file when given.

    Raises:
        InputError: a file is there already or cannot be written, or the origin is no key name.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    try:
        key = SignerKey(origin or _ORIGIN + hashlib.sha256(public).hexdigest()[:16], private)
    except ValueError as wrong:
        raise _wrong_origin(wrong) from wrong
    for file in (path, public_file(path)):
        if file.exists():
            raise InputError(
                "a key file is never written over.",
                where=Where(file=file),
                next_step="Name another file; keep this one as long as checkpoints signed with it matter.",
            )
    encryption = (
        serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    )
    pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    _write(path, pem, 0o600)
    _write(public_file(path), f"{key.verifier}\n".encode(), 0o644)
    return key


def load_key(path: Path, *, passphrase: Callable[[], bytes | None]) -> SignerKey:
    """Read a key file and the verifier key beside it.

    Args:
        passphrase: called once, when the file has one; None when nobody can be asked.

    Raises:
        InputError: a file is missing, is no such key, is open to others, or the two do not belong together.
    """
    private = _private(path, _owners_alone(path), passphrase)
    beside = public_file(path)
    verifier = read_verifier(beside)
    key = SignerKey(verifier.name, private)
    if key.verifier != verifier:
        raise InputError(
            f"expected the verifier key of {path}, got that of another key.",
            where=Where(file=beside),
            next_step="Put the right file back; whoever verifies the checkpoints has a copy of its text.",
        )
    return key


def read_verifier(path: Path) -> VerifierKey:
    """Read a file that holds one verifier key.

    Raises:
        InputError: it cannot be read or is none.
    """
    try:
        return VerifierKey.parse(path.read_text(encoding="utf-8").strip())
    except OSError as error:
        raise InputError(
            f"the verifier key cannot be read: {error.strerror}.",
            where=Where(file=path),
            next_step="Put the file back; whoever verifies the checkpoints has a copy of its text.",
        ) from error
    except ValueError as wrong:
        raise InputError(
            f"it is not a verifier key: {wrong}.",
            where=Where(file=path),
            next_step="It is the text that --new-key printed: name+id+base64.",
        ) from wrong


def public_file(path: Path) -> Path:
    """Where the verifier key of a key file stands."""
    return path.with_name(path.name + ".pub")


def _wrong_origin(wrong: ValueError) -> InputError:
    return InputError(
        f"{wrong}.",
        where=Where(field="--origin"),
        next_step="Write it like a web address without a scheme: acme.example/ledger",
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    try:
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(opened, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise InputError(
            f"the key cannot be written: {error.strerror}.",
            where=Where(file=path),
            next_step="Name a file in a directory that exists and is yours.",
        ) from error


def _owners_alone(path: Path) -> bytes:
    """Read a file that nobody but its owner can read."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read()
    except OSError as error:
        raise InputError(
            f"the key cannot be read: {error.strerror}.",
            where=Where(file=path),
            next_step="Make one with: crossloop ledger checkpoint --new-key FILE",
        ) from error
    if os.name == "posix" and mode & _OTHERS:
        raise InputError(
            f"others can read this key: expected mode 600, got {mode & 0o777:o}.",
            where=Where(file=path),
            next_step="Make a new key if somebody may have copied it; else take their right away: chmod 600",
        )
    return content


def _private(path: Path, pem: bytes, passphrase: Callable[[], bytes | None]) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    secret = passphrase() if b"ENCRYPTED" in pem else None
    try:
        key = load_pem_private_key(pem, secret)
    except TypeError as error:  # encrypted, and there is no passphrase
        raise InputError(
            "the key has a passphrase and nobody can be asked for it.",
            where=Where(file=path),
            next_step="Run it in a terminal, or set CROSSLOOP_KEY_PASSPHRASE.",
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        what = "the passphrase is wrong or the file is damaged" if secret else "it is no private key in PEM"
        raise InputError(
            f"the key cannot be read: {what}.",
            where=Where(file=path),
            next_step="Try again, or name another file.",
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(
            f"expected an Ed25519 key, got {type(key).__name__}.",
            where=Where(file=path),
            next_step="Make one with: crossloop ledger checkpoint --new-key FILE",
        )
    return key
