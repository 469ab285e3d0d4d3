"""What departments are shown: strategies, settings, records of the company, and what is in force.

What was permitted and is not done yet is shown with what is in force, and marked: systems are at work while
the next wave is thought about. Of one case it is not, for that is asked in order to take something back.

Records are not read here: a view knows where they come from, and whoever declares them has them read.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from typing import Final

from pydantic import JsonValue

from crossloop.coordinator.company import Company
from crossloop.departments import InForce, Strategy, View
from crossloop.departments.view import AllInForce, Reading
from crossloop.governance import Policy
from crossloop.ids import ActionKey, CaseId, LoopName
from crossloop.signals import Proposal
from crossloop.store import Read, Store, actions, decisions
from crossloop.store.actions import IN_FORCE, ActionRow, ActionState

_UNDER_WAY: Final[tuple[ActionState, ...]] = ("permitted", "started")
_ALL: Final = 100_000

Settings = Mapping[LoopName, Mapping[str, JsonValue]]
"""Settings of each loop, defaults included."""


class Views:
    """Takes views while one coordinator works on a store.

    What is in force is read when a department looks at it: of one case from the store's index; whole once,
    and after that only actions that have moved meanwhile. Reading all of it for every wave would cost a
    long run the square of its length.
    """

    def __init__(self, store: Store, company: Company, policy: Policy) -> None:
        self._store = store
        self._company = company
        self._timezone = policy.document.timezone
        self._strategies = strategies(policy)
        self._in_force: dict[str, tuple[int, InForce]] | None = None
        self._moved: list[ActionKey] = []
        self._turn = threading.Lock()
        """Slow handlers look from threads of their own."""

    def moved(self, keys: Iterable[ActionKey]) -> None:
        """Note that these actions were permitted, have a receipt, or were looked into."""
        with self._turn:
            if self._in_force is not None:
                self._moved += keys

    def forget(self) -> None:
        """Read anew: somebody else has worked on the store."""
        with self._turn:
            self._in_force = None
            self._moved = []

    @asynccontextmanager
    async def take(self, as_of: datetime, settings: Settings) -> AsyncGenerator[View]:
        """Take a view at a business instant, for as long as a wave is thought about."""
        async with aclosing(Reading(self._company.readers)) as reading:
            yield View(
                as_of=as_of,
                timezone=self._timezone,
                strategies=self._strategies,
                settings=settings,
                in_force=AllInForce(self._present, self._of_case),
                reading=reading,
            )

    def _present(self) -> list[InForce]:
        """What is in force now, in the order in which it was permitted."""
        with self._turn:
            moved, self._moved = self._moved, []
            if self._in_force is None:
                self._in_force = self._store.read(_in_force)
            elif moved:
                known = self._in_force
                self._store.read(lambda read: _follow(read, known, moved))
            return [one for _, one in sorted(self._in_force.values(), key=lambda pair: pair[0])]

    def _of_case(self, case: CaseId) -> list[InForce]:
        return [one for _, one in self._store.read(lambda read: _in_force(read, case)).values()]


def strategies(policy: Policy) -> dict[LoopName, Strategy]:
    """Return what the owners of the loops declared, as departments see it."""
    strategies: dict[LoopName, Strategy] = {}
    for name, loop in policy.document.loops.items():
        declared = policy.document.departments[loop.owner].strategy
        answers = policy.permitted[name].get(loop.signal, frozenset[str]())  # taking back is no choice
        strategies[LoopName(name)] = Strategy(
            choose=loop.choose,
            interventions=tuple(one for one in loop.interventions if one in answers),
            protected=declared.protected,
            spend_floor=declared.spend_floor,
            allowed_regions=declared.allowed_regions or (),
        )
    return strategies


def _in_force(read: Read, case: CaseId | None = None) -> dict[str, tuple[int, InForce]]:
    rows = actions.in_force(read, case=case)
    if case is None:
        rows += [*actions.started(read), *actions.permitted(read, _ALL)]
    found = ((row, _proposal(read, row)) for row in rows)
    return {
        row.key: (row.entry, _shown(row, proposal))
        for row, proposal in found
        if proposal is not None and not _takes_back(row, proposal)
    }


def _follow(read: Read, known: dict[str, tuple[int, InForce]], moved: Iterable[ActionKey]) -> None:
    for key in moved:
        row = actions.get(read, key)
        proposal = None if row is None else _proposal(read, row)
        if row is None or proposal is None or row.state not in (*IN_FORCE, *_UNDER_WAY):
            known.pop(key, None)  # a person may have taken it back
        elif not _takes_back(row, proposal):
            known[key] = (row.entry, _shown(row, proposal))
        elif row.undoes is not None and row.state in IN_FORCE:
            known.pop(row.undoes, None)


def _takes_back(row: ActionRow, proposal: Proposal) -> bool:
    """Whether an action takes another one back, be it one that nobody knows."""
    return row.undoes is not None or proposal.undoes is not None


def _proposal(read: Read, row: ActionRow) -> Proposal | None:
    """The proposal behind an action; none where its content was removed from the ledger."""
    decision = decisions.get(read, row.decision_id)
    body = None if decision is None else read.entry(decision.entry).body
    return None if body is None else Proposal.model_validate(body["proposal"])


def _shown(row: ActionRow, proposal: Proposal) -> InForce:
    impact = proposal.impact
    return InForce(
        action_key=ActionKey(row.key),
        case=CaseId(row.case),
        intervention=proposal.intervention,
        resource=row.resource,
        reference=row.reference,
        share=0.0 if impact is None else impact.share,
        amount=None if impact is None else impact.amount,
        arguments={} if proposal.action is None else proposal.action.arguments,
        under_way=row.state in _UNDER_WAY,
    )
