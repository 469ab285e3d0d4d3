"""The mediator: which of the proposals of one wave stand against each other, and which goes first.

Rules, in the order the code follows them:

1. Two claims meet when one resource contains the other and their windows overlap.
2. Claims that meet conflict when their directions cannot both be had and they are made in different
   interests. What can be had together is not a conflict.
3. A proposal that could not become an action whatever the conflict says (refused, or in shadow) stands
   against nobody: whoever may not act may not stop others either.
4. A conflict has a kind, told by its resource. The precedence rule of that kind decides; without one,
   or where it does not name both interests, the conflict is unresolved and goes to people.
5. The loser is told who won and by which rule; its argument is kept. Nothing is dropped.

Conflicts with what was claimed in another wave are found by the same rules inside the deciding
transaction, where nobody can add a claim in between.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import JsonValue

from crossloop.governance import (
    GateState,
    Policy,
    Resolution,
    SignalFacts,
    conflict_kind,
    in_conflict,
    judge,
    resolve,
)
from crossloop.ids import DecisionId
from crossloop.signals import Claim, Proposal, Signal

if TYPE_CHECKING:  # what answers the gates is light, what thinks is not
    from crossloop.departments.graph import Answers

Stands = Callable[[Proposal], bool]
"""Whether a proposal could become an action if nothing stood against it (rule 3)."""


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

    rivals: frozenset[DecisionId] = frozenset()
    """Proposals of the same wave that it was settled against."""


def settle(proposal: Proposal, rivals: Sequence[Rival], policy: Policy) -> Mediated:
    """Settle one proposal against its rivals (rules 4 and 5): the worst outcome counts."""
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


def mediate(
    wave: Sequence[Signal], answers: Answers, policy: Policy, *, as_of: datetime, now: datetime
) -> dict[DecisionId, Mediated]:
    """Settle what the departments answered to one wave; only proposals in conflict are returned.

    Args:
        answers: proposals by signal and department.
        as_of: business time of the judgement.
        now: real time, for deadlines of people.
    """
    signals = {signal.id: signal for signal in wave}
    proposals = [
        proposal
        for signal in wave
        for by_department in answers.get(signal.id, {}).values()
        for proposal in by_department
    ]

    def stands(proposal: Proposal) -> bool:
        facts = SignalFacts.of(signals[proposal.signal_id], as_of=as_of)
        alone = judge(proposal, facts, GateState(), policy, now=now)
        return alone.outcome in ("act", "hold", "escalate")

    return settled_within(proposals, policy, stands)


def settled_within(
    proposals: Sequence[Proposal], policy: Policy, stands: Stands = lambda _: True
) -> dict[DecisionId, Mediated]:
    """Settle the proposals of one wave among themselves; only those in conflict are returned."""
    met: defaultdict[int, set[tuple[int, int]]] = defaultdict(set)
    for one, (rival, claim) in _meetings(proposals):
        met[one].add((rival, claim))
    counts = {one: stands(proposals[one]) for one in met}
    settled: dict[DecisionId, Mediated] = {}
    for one in sorted(met):
        against = sorted((rival, claim) for rival, claim in met[one] if counts[rival])
        if not against:
            continue
        rivals = [_rival(proposals[rival], claim) for rival, claim in against]
        fared = settle(proposals[one], rivals, policy)
        ids = frozenset(proposals[rival].id for rival, _ in against)
        settled[proposals[one].id] = Mediated(fared.resolution, fared.dissent, ids)
    return settled


def _rival(other: Proposal, claim: int) -> Rival:
    return Rival(f"proposal {other.id} of {other.department}", other.claims[claim], other.rationale)


def _meetings(proposals: Sequence[Proposal]) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield (proposal, (rival, claim of the rival)) for every conflict, both ways round.

    Claims are looked up by the paths that contain them: comparing each with each would cost a wave of 64
    signals and 50 campaigns five million comparisons.
    """
    claimed: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for number, proposal in enumerate(proposals):
        for position, claim in enumerate(proposal.claims):
            claimed[claim.resource].append((number, position))
    for number, proposal in enumerate(proposals):
        for position, claim in enumerate(proposal.claims):
            for path in _containing(claim.resource):
                for other, at in claimed.get(path, ()):
                    if other != number and in_conflict(claim, proposals[other].claims[at]):
                        yield number, (other, at)
                        yield other, (number, position)


def _containing(resource: str) -> Iterator[str]:
    """Yield a resource and every path above it."""
    while resource:
        yield resource
        resource = resource.rpartition("/")[0]
