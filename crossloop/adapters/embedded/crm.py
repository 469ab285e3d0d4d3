"""The embedded CRM: parties and opportunities.

Rules it enforces:

1. A party's code is unique for ever: a party taken out of use keeps it.
2. An opportunity belongs to an active party.
3. An opportunity moves from the stage the request names, and from no other: whoever acts on an old picture
   is refused.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, ClassVar, cast

from crossloop.actions.port import Conflict, NotFound, Performed
from crossloop.adapters.arguments import CreateOpportunity, CreateParty, DeactivateParty, MoveOpportunity
from crossloop.adapters.embedded.system import EmbeddedSystem, Operation, stored
from crossloop.ids import ActionKey
from crossloop.signals import ActionRequest
from crossloop.signals.entities import Opportunity, Party

_PARTY = "SELECT code, name, kind, active FROM party"


def find_party(connection: sqlite3.Connection, code: str) -> Party | None:
    """The party with this code, or None."""
    row = connection.execute(f"{_PARTY} WHERE code = ?", (code,)).fetchone()
    return None if row is None else _party(row)


def require_party(connection: sqlite3.Connection, code: str) -> Party:
    """The active party with this code.

    Raises:
        NotFound: there is none.
        Conflict: it was taken out of use.
    """
    party = find_party(connection, code)
    if party is None:
        raise NotFound(f"there is no party '{code}'.")
    if not party.active:
        raise Conflict(f"the party '{code}' is not in use any more.")
    return party


def _party(row: tuple[Any, ...]) -> Party:
    code, name, kind, active = row
    return Party(code=code, name=name, kind=kind, active=bool(active))


def _create_party(connection: sqlite3.Connection, arguments: CreateParty, _key: ActionKey) -> Performed:
    party = arguments.party
    if find_party(connection, party.code) is not None:
        raise Conflict(f"there is a party '{party.code}' already.")
    connection.execute(
        "INSERT INTO party (code, name, kind) VALUES (?, ?, ?)", (party.code, party.name, party.kind)
    )
    return Performed(reference=f"party/{party.code}", detail=f"The {party.kind} {party.name} was created.")


def _deactivate_party(
    connection: sqlite3.Connection, arguments: DeactivateParty, _key: ActionKey
) -> Performed:
    party = require_party(connection, arguments.code)
    connection.execute("UPDATE party SET active = 0 WHERE code = ?", (party.code,))
    return Performed(reference=f"party/{party.code}", detail=f"{party.name} was taken out of use.")


def _create_opportunity(
    connection: sqlite3.Connection, arguments: CreateOpportunity, _key: ActionKey
) -> Performed:
    wanted = arguments.opportunity
    require_party(connection, wanted.party_code)
    if connection.execute("SELECT 1 FROM opportunity WHERE reference = ?", (wanted.reference,)).fetchone():
        raise Conflict(f"there is an opportunity '{wanted.reference}' already.")
    connection.execute(
        "INSERT INTO opportunity (reference, party_code, stage, body) VALUES (?, ?, ?, ?)",
        (wanted.reference, wanted.party_code, wanted.stage, wanted.model_dump_json()),
    )
    return Performed(
        reference=f"opportunity/{wanted.reference}", detail=f"{wanted.title}, {wanted.amount}, was created."
    )


def _move_opportunity(
    connection: sqlite3.Connection, arguments: MoveOpportunity, _key: ActionKey
) -> Performed:
    row = cast(
        "tuple[str] | None",
        connection.execute(
            "SELECT stage FROM opportunity WHERE reference = ?", (arguments.reference,)
        ).fetchone(),
    )
    if row is None:
        raise NotFound(f"there is no opportunity '{arguments.reference}'.")
    if row[0] != arguments.from_stage:
        raise Conflict(
            f"'{arguments.reference}' is at the stage '{row[0]}', not at '{arguments.from_stage}'."
        )
    connection.execute(
        "UPDATE opportunity SET stage = ? WHERE reference = ?", (arguments.to_stage, arguments.reference)
    )
    return Performed(
        reference=f"opportunity/{arguments.reference}",
        detail=f"{arguments.reference} moved from {arguments.from_stage} to {arguments.to_stage}.",
    )


def _deactivating(arguments: CreateParty, _performed: Performed) -> ActionRequest:
    return DeactivateParty(code=arguments.party.code).request("crm", "deactivate_party")


def _moving_back(arguments: MoveOpportunity, _performed: Performed) -> ActionRequest:
    back = {"from_stage": arguments.to_stage, "to_stage": arguments.from_stage}
    return arguments.model_copy(update=back).request("crm", "move_opportunity")


class EmbeddedCrm(EmbeddedSystem):
    """Implements :class:`crossloop.adapters.ports.Crm`."""

    name: ClassVar[str] = "crm"
    known: ClassVar[Mapping[str, Operation[Any]]] = {
        "create_party": Operation(
            "Create a customer or supplier.", CreateParty, _create_party, _deactivating
        ),
        "deactivate_party": Operation("Take a party out of use.", DeactivateParty, _deactivate_party),
        "create_opportunity": Operation(
            "Create an opportunity for a party.", CreateOpportunity, _create_opportunity
        ),
        "move_opportunity": Operation(
            "Move an opportunity from its present stage to another.",
            MoveOpportunity,
            _move_opportunity,
            _moving_back,
        ),
    }

    async def party(self, code: str) -> Party | None:
        """The party with this code, or None."""
        return await self._database.read(lambda connection: find_party(connection, code))

    async def parties(self) -> tuple[Party, ...]:
        """Every active party, by code."""
        rows = await self._database.rows(f"{_PARTY} WHERE active = 1 ORDER BY code")
        return tuple(_party(row) for row in rows)

    async def opportunities(self, party_code: str | None = None) -> tuple[Opportunity, ...]:
        """Opportunities of one party or of all, by reference."""
        rows = await self._database.rows(
            "SELECT body, stage FROM opportunity WHERE :party IS NULL OR party_code = :party "
            "ORDER BY reference",
            {"party": party_code},
        )
        return tuple(stored(Opportunity, body).model_copy(update={"stage": stage}) for body, stage in rows)
