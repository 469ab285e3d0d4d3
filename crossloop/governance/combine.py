"""Combining what the gates said into one outcome and one group of people.

Rules:

1. The strictest finding wins: refuse, then shadow, escalate, hold, act. No finding at all is a refusal.
2. People are asked only where the outcome is hold or escalate, but then everybody whom any gate named is
   asked: an escalation does not spare the approval that a rule demands.
3. Whoever a gate demands (each of ``all``, or the only one of ``any``) has to approve. A group of which any
   one suffices is satisfied when one of its people has to approve anyway. A single such group left, with
   nobody demanded, stays "any one"; otherwise everybody named has to approve.
4. The earliest deadline counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from crossloop.governance.policy import Asking
from crossloop.ids import PersonId
from crossloop.signals import Outcome, Required

STRICTNESS: Final[tuple[Outcome, ...]] = ("act", "hold", "escalate", "shadow", "refuse")
"""From the mildest to the strictest."""

_RANK: Final[dict[Outcome, int]] = {outcome: rank for rank, outcome in enumerate(STRICTNESS)}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one gate found, and whom it wants asked."""

    outcome: Outcome
    text: str
    asking: Asking | None = None


def strictest(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome that wins; a refusal where there is none."""
    return STRICTNESS[max([_RANK[one] for one in outcomes], default=len(STRICTNESS) - 1)]


def required(findings: Sequence[Finding], now: datetime) -> Required | None:
    """Merge everybody who is asked, by the rules above; None when nobody is."""
    groups = [one.asking for one in findings if one.asking is not None]
    if not groups:
        return None
    demanded = _in_order(group.people for group in groups if group.every or len(group.people) == 1)
    open_groups = {
        frozenset(group.people): group.people
        for group in groups
        if not group.every and not set(group.people) & set(demanded)
    }
    if not demanded and len(open_groups) == 1:
        people, quorum = next(iter(open_groups.values())), 1
    else:
        people = _in_order((demanded, *open_groups.values()))
        quorum = len(people)
    due = now + min(group.within for group in groups)
    return Required(people=tuple(PersonId(name) for name in people), quorum=quorum, due=due)


def _in_order(groups: Iterable[Sequence[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for group in groups for name in group))
