"""What the four embedded systems share: one key, one effect.

Rules:

1. The operation must be known (Unsupported) and the arguments must fit (Invalid) before anything is
   opened for writing.
2. Then, in one transaction: a key that is known answers as it answered first, if the request is the same
   one, else Conflict; a key that is new does its work and is written beside it. So there is no instant at
   which the effect exists and the key does not, or the other way round.
3. A refused request leaves no key: it may be sent again once what stood in its way is gone.
4. What stands in the file and cannot be read back is an error of the system, never an empty answer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar, cast

from pydantic import ValidationError

from crossloop.actions.port import AdapterError, Capabilities, Conflict, Invalid, Performed, Unsupported
from crossloop.adapters.arguments import Arguments, parse
from crossloop.adapters.embedded.database import Database
from crossloop.canonical import NotCanonical
from crossloop.frozen import Frozen
from crossloop.ids import ActionKey
from crossloop.signals import ActionRequest

ArgumentsT = TypeVar("ArgumentsT", bound=Arguments)
RecordT = TypeVar("RecordT", bound=Frozen)


@dataclass(frozen=True, slots=True)
class Operation(Generic[ArgumentsT]):
    """One operation of a system."""

    summary: str
    """What it does, in one sentence."""

    arguments: type[ArgumentsT]
    effect: Callable[[sqlite3.Connection, ArgumentsT, ActionKey], Performed]
    """Does it inside the transaction it is given; raises an AdapterError to refuse."""

    undo: Callable[[ArgumentsT, Performed], ActionRequest | None] = lambda _arguments, _performed: None
    """The request that takes it back; none where nothing does."""


class EmbeddedSystem:
    """One of the four systems: an Adapter over the shared database."""

    name: ClassVar[str]
    known: ClassVar[Mapping[str, Operation[Any]]]

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def system(self) -> str:
        """Name by which requests address it."""
        return self.name

    @property
    def capabilities(self) -> Capabilities:
        """It keeps keys, finds by key, and most changes have an operation that takes them back."""
        return Capabilities(idempotent=True, find=True, undo=True)

    @property
    def operations(self) -> Mapping[str, str]:
        """Operations with what each does."""
        return {name: operation.summary for name, operation in self.known.items()}

    async def perform(self, key: ActionKey, request: ActionRequest) -> Performed:
        """Carry the request out once; see :class:`crossloop.actions.port.Adapter`."""
        operation = self.known.get(request.operation) if request.system == self.name else None
        if operation is None:
            known = ", ".join(self.known)
            raise Unsupported(
                f"'{self.name}' does not know '{request.system}.{request.operation}'; it knows: {known}."
            )
        arguments = parse(request, operation.arguments)
        try:
            digest = request.digest()
        except NotCanonical as wrong:
            raise Invalid(f"{self.name}.{request.operation}: {wrong}.") from None

        def once(connection: sqlite3.Connection) -> Performed:
            before = _effect(connection, key)
            if before is not None:
                _, first, performed = before
                if first != digest:
                    raise Conflict(f"the key {key} was used before, for another request.")
                return performed
            performed = operation.effect(connection, arguments, key)
            connection.execute(
                "INSERT INTO effect (key, system, digest, reference, detail) VALUES (?, ?, ?, ?, ?)",
                (key, self.name, digest, performed.reference, performed.detail),
            )
            return performed

        return await self._database.write(once)

    async def find(self, key: ActionKey) -> Performed | None:
        """Return the effect of a key in this system, or None when there certainly is none."""
        found = await self._database.read(lambda connection: _effect(connection, key))
        return found[2] if found is not None and found[0] == self.name else None

    def undo_request(self, request: ActionRequest, performed: Performed) -> ActionRequest | None:
        """Return the request that takes a change back; see :class:`crossloop.actions.port.Adapter`."""
        operation = self.known.get(request.operation) if request.system == self.name else None
        return None if operation is None else operation.undo(parse(request, operation.arguments), performed)


def stored(model: type[RecordT], body: str) -> RecordT:
    """Read a record back from the text under which it is kept.

    Raises:
        AdapterError: it is none of this kind any more, because something else wrote to the file.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise AdapterError(
            f"the embedded company keeps a damaged {model.__name__}: {where}: {first['msg']}.",
            next_step="Restore its file from a backup.",
        ) from None


def _effect(connection: sqlite3.Connection, key: ActionKey) -> tuple[str, str, Performed] | None:
    row = cast(
        "tuple[str, str, str, str] | None",
        connection.execute(
            "SELECT system, digest, reference, detail FROM effect WHERE key = ?", (key,)
        ).fetchone(),
    )
    if row is None:
        return None
    return row[0], row[1], Performed(reference=row[2], detail=row[3])
