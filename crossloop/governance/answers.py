"""Answering an approval: who may, until when, and for what exactly.

Rules, in the order they are asked; the first that is broken refuses the answer:

1. Only those who were asked answer.
2. An approval that has ended takes no further answer, and a person answers once.
3. After the deadline no answer counts: passing it escalates and never approves.
4. A *no* needs nothing more: it makes nothing happen, so whoever was asked may always say it, also after
   the rules have changed and their name is gone from them.
5. Whoever proposed it does not approve it.
6. A *yes* counts under the policy and for the exact action that were shown when people were asked.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from crossloop.clock import require_aware
from crossloop.errors import AnswerRefused
from crossloop.ids import ApprovalId, DecisionId, PersonId


class UnknownPerson(AnswerRefused):
    """The document names nobody of this name."""

    code: ClassVar[str] = "approval.unknown_person"


class NotAsked(AnswerRefused):
    """The person was not asked about this approval."""

    code: ClassVar[str] = "approval.not_asked"


class IsProposer(AnswerRefused):
    """Whoever proposed an action may not approve it."""

    code: ClassVar[str] = "approval.proposer"


class AlreadyAnswered(AnswerRefused):
    """The approval has ended, or this person has answered it."""

    code: ClassVar[str] = "approval.already_answered"


class DeadlinePassed(AnswerRefused):
    """The answer came too late."""

    code: ClassVar[str] = "approval.deadline_passed"


class PolicyChanged(AnswerRefused):
    """Another governance document is in force than the one people were asked under."""

    code: ClassVar[str] = "approval.policy_changed"


class ActionChanged(AnswerRefused):
    """The action is no longer the one that people were asked about."""

    code: ClassVar[str] = "approval.action_changed"


@dataclass(frozen=True, slots=True)
class ApprovalFacts:
    """What the rules have to know about one approval and the answers it has so far."""

    id: ApprovalId
    decision_id: DecisionId
    action_digest: str
    """Digest of the exact request that was shown."""

    policy: str
    """Digest of the policy under which people were asked."""

    people: tuple[PersonId, ...]
    """Who was asked."""

    quorum: int
    """How many of them have to approve."""

    due: datetime
    """Real time after which no answer counts."""

    proposer: str | None = None
    """Who proposed it: the department whose handler did."""

    approved: tuple[PersonId, ...] = ()
    rejected: tuple[PersonId, ...] = ()
    ended: str | None = None
    """How it ended, in words, and why; none while it waits."""

    @property
    def granted(self) -> bool:
        """True when nobody rejected it and enough different people who were asked approved it."""
        counted = (set(self.approved) & set(self.people)) - {self.proposer}
        return not self.rejected and len(counted) >= max(self.quorum, 1)


def check_answer(
    approval: ApprovalFacts,
    *,
    person: str,
    now: datetime,
    policy_digest: str,
    action_digest: str,
    decision: Literal["approve", "reject"] = "approve",
    people: Collection[str] | None = None,
) -> None:
    """Refuse an answer that must not count.

    Args:
        approval: the approval as it stands.
        person: who answers.
        now: real time of the answer.
        policy_digest: digest of the policy in force now.
        action_digest: digest of the request as it would be performed now.
        decision: what the answer is.
        people: everybody the document names, to tell a stranger from a colleague who was not asked.

    Raises:
        AnswerRefused: one of its subclasses; ``code`` says which rule is broken.
    """
    asked = ", ".join(approval.people)
    if person not in approval.people:
        if people is not None and person not in people:
            raise UnknownPerson(
                f"the governance document names nobody '{person}'.", next_step=f"Asked are: {asked}."
            )
        raise NotAsked(f"'{person}' was not asked about {approval.id}.", next_step=f"Asked are: {asked}.")
    if approval.ended is not None:
        raise AlreadyAnswered(f"{approval.id} has already ended: {approval.ended}.")
    if person in approval.approved or person in approval.rejected:
        raise AlreadyAnswered(f"'{person}' has already answered {approval.id}.")
    if require_aware(now) > approval.due:
        raise DeadlinePassed(f"{approval.id} was due at {approval.due.isoformat()}.")
    if decision == "reject":
        return
    if person == approval.proposer:
        raise IsProposer(f"'{person}' proposed it and may not approve it.")
    if policy_digest != approval.policy:
        raise PolicyChanged(
            f"the rules changed: people were asked under {approval.policy[:12]}, now it is "
            f"{policy_digest[:12]}. A yes counts only under the rules that were shown; a no still counts.",
            next_step="Run the loop: that withdraws the question, and what still holds is asked again.",
        )
    if action_digest != approval.action_digest:
        raise ActionChanged(
            f"people were shown action {approval.action_digest[:12]}, now it is {action_digest[:12]}.",
            next_step="Show the changed action and ask again.",
        )
