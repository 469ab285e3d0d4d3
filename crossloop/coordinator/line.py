"""The line of escalation: who is asked after those who did not answer in time.

Rules:

1. Only an escalation goes up the line: a question to those who stand under ``to``, because nobody could be
   sure. Whom a rule or a stage demands by name, nobody else stands in for.
2. Those under ``then`` are asked once, for as long as the first ones were. Who was asked already is not
   asked again. Nobody left: the question ends as *expired*.
3. The line is written down with the question. Another document changes nothing about it.
4. Those who were asked before may still say no, as long as the question waits for the next ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from pydantic import JsonValue

from crossloop.governance import Policy
from crossloop.signals import Proposal, Verdict
from crossloop.store import Read
from crossloop.store.approvals import ApprovalRow


@dataclass(frozen=True, slots=True)
class Next:
    """Who is asked next, any one of them, and how long they have."""

    people: tuple[str, ...]
    within: timedelta


@dataclass(frozen=True, slots=True)
class Before:
    """Who was asked before the question went up the line."""

    people: tuple[str, ...]
    until: datetime


def written(proposal: Proposal, verdict: Verdict, policy: Policy) -> dict[str, JsonValue]:
    """What is written down with a question about who comes next (rule 3); nothing where nobody does."""
    loop = policy.document.loops.get(proposal.loop) if proposal.loop else None
    chain = policy.document.departments[loop.owner].escalate if loop else None
    demanded = any(one.outcome == "hold" for one in verdict.reasons)
    if verdict.outcome != "escalate" or demanded or chain is None:
        return {}
    people: list[JsonValue] = [one for one in chain.then if one not in chain.to]
    return {"then": people, "within_seconds": int(chain.within.total_seconds())} if people else {}


def comes_next(read: Read, row: ApprovalRow) -> Next | None:
    """Return who is asked when a question is not answered in time; None where it ends (rule 2)."""
    asked = _asked(read, row)
    if asked is None or "then" not in asked or tuple(asked["people"]) != row.people:
        return None
    return Next(tuple(asked["then"]), timedelta(seconds=asked["within_seconds"]))


def asked_before(read: Read, row: ApprovalRow) -> Before | None:
    """Return who was asked before those who are asked now (rule 4); None where nobody was, or where what
    says so was removed from the ledger."""
    asked = _asked(read, row)
    if asked is None or tuple(asked["people"]) == row.people:
        return None
    return Before(tuple(asked["people"]), datetime.fromisoformat(asked["due"]))


def _asked(read: Read, row: ApprovalRow) -> Mapping[str, Any] | None:
    return cast("Mapping[str, Any] | None", read.entry(row.entry).body)
