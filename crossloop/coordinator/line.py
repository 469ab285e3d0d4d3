"""The line of escalation: who is asked after those who did not answer in time.

Rules:

1. Only an escalation goes up the line: a question to those who stand under ``to``, because nobody could be
   sure. Whom a rule or a stage demands by name, nobody else stands in for.
2. Those under ``then`` are asked once, for as long as the first ones were. Who was asked already is not
   asked again. Nobody left: the question ends as *expired*.
3. The line is written down with the question. Another document changes nothing about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
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
    asked = cast("Mapping[str, Any] | None", read.entry(row.entry).body)
    if asked is None or "then" not in asked or tuple(asked["people"]) != row.people:
        return None
    return Next(tuple(asked["then"]), timedelta(seconds=asked["within_seconds"]))
