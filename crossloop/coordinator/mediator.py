"""The mediator: which of the proposals of one wave stand against each other, and which goes first.

Rules, in the order the code follows them:

1. Two claims meet when one resource contains the other and their windows overlap.
2. Claims that meet conflict when their directions cannot both be had and they are made in different
   interests. What can be had together is not a conflict.
3. A conflict has a kind, told by its resource. The precedence rule of that kind decides; without one,
   or where it does not name both interests, the conflict is unresolved and goes to people.
4. The loser is told who won and by which rule; its argument is kept. Nothing is dropped.

Conflicts with what was claimed in another wave are found by the same rules inside the deciding
transaction, where nobody can add a claim in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from pydantic import JsonValue

from crossloop.governance import Policy, Resolution, conflict_kind, in_conflict, resolve
from crossloop.ids import DecisionId
from crossloop.signals import Claim, Proposal


@dataclass(frozen=True, slots=True)
class Rival:
    """A claim that stands against a proposal, from whatever time or wave."""

    holder: str
    claim: Claim
    argument: str


@dataclass(frozen=True, slots=True)
class Mediated:
    """How a proposal fared against its rivals."""

    resolution: Resolution | None
    dissent: tuple[dict[str, JsonValue], ...]
    """One record for each rival: who, what, why, and by which rule it was settled."""


def rivals_in(proposal: Proposal, others: Sequence[Proposal]) -> tuple[Rival, ...]:
    """Return the claims of other proposals that stand against one proposal."""
    return tuple(
        Rival(holder=f"proposal {other.id} of {other.department}", claim=theirs, argument=other.rationale)
        for other in others
        if other.id != proposal.id
        for theirs in other.claims
        if any(in_conflict(mine, theirs) for mine in proposal.claims)
    )


def settle(proposal: Proposal, rivals: Sequence[Rival], policy: Policy) -> Mediated:
    """Settle one proposal against its rivals (rules 3 and 4): the worst outcome counts."""
    resolutions: list[Resolution] = []
    dissent: list[dict[str, JsonValue]] = []
    for rival in rivals:
        mine = next(one for one in proposal.claims if in_conflict(one, rival.claim))
        kind = conflict_kind(mine.resource, rival.claim.resource)
        resolution = resolve(kind, (mine.interest, rival.claim.interest), policy)
        resolutions.append(resolution)
        dissent.append(
            {
                "conflict": kind,
                "with": rival.holder,
                "interest": rival.claim.interest,
                "wants": f"{rival.claim.direction} {rival.claim.resource}",
                "argument": rival.argument,
                "winner": resolution.winner,
                "because": resolution.rule,
            }
        )
    return Mediated(worst(proposal, resolutions), tuple(dissent))


def worst(proposal: Proposal, resolutions: Sequence[Resolution]) -> Resolution | None:
    """Return the resolution that goes worst for a proposal: lost, then unresolved, then won."""
    own = {claim.interest for claim in proposal.claims}

    def rank(resolution: Resolution) -> int:
        if resolution.winner is None:
            return 1
        return 0 if resolution.winner in own else 2

    return max(resolutions, key=rank, default=None)


def settled_within(proposals: Sequence[Proposal], policy: Policy) -> dict[DecisionId, Mediated]:
    """Settle the proposals of one wave among themselves; only those in conflict are returned."""
    met = {
        one.id
        for left, right in combinations(proposals, 2)
        if any(in_conflict(mine, theirs) for mine in left.claims for theirs in right.claims)
        for one in (left, right)
    }
    return {one.id: settle(one, rivals_in(one, proposals), policy) for one in proposals if one.id in met}
