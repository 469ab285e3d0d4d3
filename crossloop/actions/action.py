"""One action with what it rests on, as far as the ledger bears its rows out.

Rule: rows are what the program works with, and anybody who can write the file can change them. So whatever is
about to be performed is compared with the entries that its rows rest on
(:func:`crossloop.store.states.difference_of_action`). Where they differ, or where an entry does not say what
such an entry says, nothing permits it.
"""

from __future__ import annotations

from dataclasses import dataclass

from crossloop.errors import LedgerBroken, UnknownName
from crossloop.ids import ActionKey, undo_key
from crossloop.signals import ActionRequest, Permit, Proposal
from crossloop.store import Read, actions, decisions, states
from crossloop.store.decisions import DecisionRow
from crossloop.store.ledger.entries import understood


@dataclass(frozen=True, slots=True)
class Permitted:
    """What an action rests on."""

    proposal: Proposal
    request: ActionRequest
    permit: Permit


@dataclass(frozen=True, slots=True)
class Action:
    """One action. Nothing permits it when its request or its permit was removed from the ledger."""

    key: ActionKey
    decision: DecisionRow
    resource: str
    entry: int
    """The entry that permits it."""

    permitted: Permitted | None
    undoes: ActionKey | None = None
    """The action that this one takes back."""

    broken: str = ""
    """What its rows say and its entries do not; empty where they agree (rule 8)."""

    @property
    def takes_back(self) -> bool:
        """Whether it takes the own action of its decision back, because an undertaking came to nothing."""
        return self.undoes is not None and self.key == undo_key(self.undoes)


def load(read: Read, key: ActionKey) -> Action:
    """Return an action with what it rests on, as far as its entries bear its rows out (rule 8).

    Raises:
        UnknownName: there is no such action.
    """
    row = actions.get(read, key)
    decision = None if row is None else decisions.get(read, row.decision_id)
    if row is None or decision is None:
        raise UnknownName(f"there is no action {key}.")
    undoes = None if row.undoes is None else ActionKey(row.undoes)
    broken = states.difference_of_action(read, key)
    if broken is not None:
        return Action(key, decision, row.resource, row.entry, None, undoes, broken)
    try:
        permitted = _rests_on(read, decision.entry, row.permitted)
    except LedgerBroken as odd:
        return Action(key, decision, row.resource, row.entry, None, undoes, odd.message.rstrip("."))
    return Action(key, decision, row.resource, row.entry, permitted, undoes)


def _rests_on(read: Read, decision: int, permit: int | None) -> Permitted | None:
    """What two entries say of an action; None where one of them is not there (any more).

    Raises:
        LedgerBroken: an entry does not say what such an entry says.
    """
    decided = read.entry(decision).body
    permitted = None if permit is None else read.entry(permit).body
    if permit is None or decided is None or permitted is None:
        return None
    with understood(decision, decisions.DECISION):
        proposal = Proposal.model_validate(decided["proposal"])
    with understood(permit, actions.PERMIT):
        # What takes the decision's own action back is no part of the proposal: it stands beside its permit.
        own = permitted.get("request")
        request = proposal.action if own is None else ActionRequest.model_validate(own)
        if request is None:
            raise ValueError("the decision asks for nothing")
        return Permitted(proposal, request, Permit.model_validate(permitted["permit"]))
