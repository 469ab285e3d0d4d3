"""Signed notes: text with signatures, in the format of https://c2sp.org/signed-note.

Rules:

1. A note is a text that ends with a newline, an empty line, and signature lines: an em dash, a space, the
   key's name, a space, base64 of key id and signature.
2. The key id is the first four bytes of SHA-256(name ‖ newline ‖ type ‖ public key). It finds a key and
   proves nothing. Only Ed25519 is known here (type 1).
3. Signatures by unknown keys are passed over, so that a note can be signed by an old and a new key. One by a
   known key that does not hold spoils the note; without any that holds, the text is not to be read.
4. Base64 is read strictly: each signature has one spelling.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from crossloop.errors import ProofInvalid

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SIGNATURE_MARK: Final = "\N{EM DASH} "
"""How a signature line begins."""

SIGNATURE_SIZE: Final = 64
"""Bytes of an Ed25519 signature."""

_ED25519: Final = b"\x01"
_KEY_SIZE: Final = 32
_ID_SIZE: Final = 4
_MOST_SIGNATURES: Final = 100


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with its name: what an auditor is given."""

    name: str
    public: bytes
    """Ed25519, 32 bytes."""

    @property
    def id(self) -> bytes:
        """The four bytes by which a signature names the key."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:_ID_SIZE]

    @property
    def label(self) -> str:
        """Name and id: enough to tell keys apart, for messages."""
        return f"{self.name}+{self.id.hex()}"

    def __str__(self) -> str:
        return f"{self.label}+{base64.b64encode(_ED25519 + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read ``name+id+base64``.

        Raises:
            ValueError: it is not a verifier key for Ed25519; the message says what is wrong with it.
        """
        parts = text.split("+", 2)  # base64 may hold further plus signs
        if len(parts) != 3:
            raise ValueError(f"expected name+id+base64, got {text!r}")
        name, id, data = parts
        check_name(name)
        material = strict_base64(data)
        if material[:1] != _ED25519 or len(material) != 1 + _KEY_SIZE:
            raise ValueError("expected an Ed25519 key (type 1, 32 bytes)")
        key = cls(name, material[1:])
        if key.id.hex() != id:
            raise ValueError(f"expected key id {key.id.hex()} for this name and key, got {id}")
        return key

    def holds(self, text: str, signature: bytes) -> bool:
        """Whether a signature over a text is by this key."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


class SignerKey:
    """A private key with its name. It is never shown: not by ``repr``, not in an error."""

    def __init__(self, name: str, private: Ed25519PrivateKey) -> None:
        """Take a key. Raises ValueError when the name cannot stand in a note."""
        check_name(name)
        self._private = private
        self.verifier = VerifierKey(name, private.public_key().public_bytes_raw())

    def sign(self, text: str) -> Signature:
        """Sign a text."""
        return Signature(self.verifier.name, self.verifier.id, self._private.sign(text.encode()))


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line."""

    name: str
    key_id: bytes
    signature: bytes

    def __str__(self) -> str:
        return f"{SIGNATURE_MARK}{self.name} {base64.b64encode(self.key_id + self.signature).decode()}"

    @classmethod
    def parse(cls, line: str) -> Signature:
        """Read a line without its newline. Raises ValueError when it is none."""
        if not line.startswith(SIGNATURE_MARK):
            raise ValueError(f"expected a signature line that begins with an em dash, got {line!r}")
        name, _, data = line.removeprefix(SIGNATURE_MARK).partition(" ")
        check_name(name)
        material = strict_base64(data)
        if len(material) <= _ID_SIZE:
            raise ValueError(f"expected key id and signature, got {len(material)} bytes")
        return cls(name, material[:_ID_SIZE], material[_ID_SIZE:])


@dataclass(frozen=True, slots=True)
class Note:
    """A text with its signatures, of which none has been checked yet."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return self.text + "\n" + "".join(f"{one}\n" for one in self.signatures)

    @classmethod
    def parse(cls, data: bytes) -> Note:
        """Read a note.

        Raises:
            ValueError: it is not one; the message says why.
        """
        whole = data.decode()  # a UnicodeDecodeError is a ValueError
        if any(sign < " " and sign != "\n" for sign in whole):
            raise ValueError("a note holds no control characters but newlines")
        text, gap, signed = whole.rpartition("\n\n")
        if not gap:
            raise ValueError("a note has an empty line between text and signatures")
        if not signed.endswith("\n"):
            raise ValueError("a note ends with signature lines and a newline")
        lines = signed[:-1].split("\n")
        if len(lines) > _MOST_SIGNATURES:
            raise ValueError(f"expected at most {_MOST_SIGNATURES} signatures, got {len(lines)}")
        return cls(text + "\n", tuple(Signature.parse(line) for line in lines))


def signed(text: str, signers: Iterable[SignerKey]) -> Note:
    """Return a note of this text. Raises ValueError when the text cannot be one."""
    note = Note(text, tuple(signer.sign(text) for signer in signers))
    if Note.parse(str(note).encode()) != note:
        raise ValueError("a note's text ends with one newline")
    return note


def verified(note: Note, known: Sequence[VerifierKey]) -> list[VerifierKey]:
    """Return the known keys that signed a note.

    Raises:
        ProofInvalid: a signature by a known key does not hold, or no known key signed.
    """
    keys = {(key.name, key.id): key for key in known}
    found: list[VerifierKey] = []
    for one in note.signatures:
        key = keys.get((one.name, one.key_id))
        if key is None:
            continue
        if not key.holds(note.text, one.signature):
            raise ProofInvalid(f"the signature by {key.label} does not hold: text or signature was changed.")
        if key not in found:
            found.append(key)
    if not found:
        names = ", ".join(f"{one.name}+{one.key_id.hex()}" for one in note.signatures)
        expected = " or ".join(key.label for key in known)
        raise ProofInvalid(f"expected a signature by {expected}, got one by {names}.")
    return found


def check_name(name: str) -> None:
    """Refuse a key's name that cannot stand in a note. Raises ValueError."""
    if not name or "+" in name or any(sign.isspace() or sign < " " for sign in name):
        raise ValueError(f"expected a key name without spaces and plus signs, got {name!r}")


def strict_base64(text: str) -> bytes:
    """Decode base64 in its one canonical spelling. Raises ValueError for any other."""
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"expected base64, got {text!r}") from error
    if base64.b64encode(data).decode() != text:
        raise ValueError(f"expected canonical base64, got {text!r}")
    return data
