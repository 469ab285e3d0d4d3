"""Answering an approval: who may, until when, and for what exactly.

Rules, in the order they are asked; the first that is broken refuses the answer:

1. Only those who were asked answer: those who are asked now, and those before them in the line.
2. An approval that has ended takes no further answer, and a person answers once.
3. After the deadline no answer counts: passing it escalates and never approves. Where it escalates, the
   question goes on waiting, and a no counts meanwhile.
4. A *no* needs nothing more: it makes nothing happen, so whoever was asked may always say it while the
   question waits, also after the rules have changed and their name is gone from them, and after the
   question has gone on to others.
5. A *yes* counts from those who are asked now.
6. Whoever proposed it does not approve it.
7. A *yes* counts as long as the signal that it answers holds, as of the newest day that was looked at.
8. A *yes* counts under the policy and for the exact action that were shown when people were asked.
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
    """The person is not, or is no longer, asked about this approval."""

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


class SignalExpired(AnswerRefused):
    """Facts are known up to a later day than the one until which the signal that is answered was valid."""

    code: ClassVar[str] = "approval.signal_expired"


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
    """Who is asked."""

    quorum: int
    """How many of them have to approve."""

    due: datetime
    """Real time after which no answer counts."""

    before: tuple[PersonId, ...] = ()
    """Who was asked before the question went on to those who are asked now."""

    before_due: datetime | None = None
    """Until when they were asked; none where nobody was."""

    goes_on: bool = False
    """True when others are asked after the deadline, instead of nobody."""

    valid_until: datetime | None = None
    """Business instant until which the signal that is answered holds."""

    known_until: datetime | None = None
    """The newest business instant that was looked at."""

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
    _require_asked(approval, person, people)
    if approval.ended is not None:
        raise AlreadyAnswered(f"{approval.id} has already ended: {approval.ended}.")
    if person in approval.approved or person in approval.rejected:
        raise AlreadyAnswered(f"'{person}' has already answered {approval.id}.")
    if require_aware(now) > approval.due and not (approval.goes_on and decision == "reject"):
        raise DeadlinePassed(
            f"{approval.id} was due at {approval.due.isoformat()}.", next_step=_after_deadline(approval)
        )
    if decision == "approve":
        _require_grantable(approval, person, policy_digest, action_digest)


def _require_grantable(approval: ApprovalFacts, person: str, policy_digest: str, action_digest: str) -> None:
    """Refuse a yes where a no would still count."""
    if person not in approval.people and approval.before_due is not None:
        raise NotAsked(
            f"'{person}' was asked about {approval.id} until {approval.before_due.isoformat()}; now it is "
            f"with {', '.join(approval.people)}.",
            next_step="A no still counts, as long as it waits.",
        )
    if person == approval.proposer:
        raise IsProposer(f"'{person}' proposed it and may not approve it.")
    if approval.valid_until and approval.known_until and approval.known_until > approval.valid_until:
        raise SignalExpired(
            f"what {approval.id} answers was valid until {approval.valid_until.isoformat()}; facts are known "
            f"up to {approval.known_until.isoformat()} by now.",
            next_step="Run the loop: that ends the question, and what is still so is asked again.",
        )
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


def _after_deadline(approval: ApprovalFacts) -> str:
    if approval.goes_on:
        return "Run the loop: then others are asked. A no still counts until then."
    return "Run the loop: that ends the question, and what is still so is asked again."


def _require_asked(approval: ApprovalFacts, person: str, people: Collection[str] | None) -> None:
    if person in (*approval.people, *approval.before):
        return
    asked = f"Asked are: {', '.join(approval.people)}."
    if people is not None and person not in people:
        raise UnknownPerson(f"the governance document names nobody '{person}'.", next_step=asked)
    raise NotAsked(f"'{person}' is not asked about {approval.id}.", next_step=asked)
