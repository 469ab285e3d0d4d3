"""The proposal: please do this. What a department asks for; it carries no right to do it."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Annotated, Final, Literal

from pydantic import Field, JsonValue, field_validator, model_validator

from crossloop.canonical import Canonical, canonical_json, digest_of, to_json
from crossloop.clock import require_aware
from crossloop.frozen import Frozen
from crossloop.ids import (
    ActionKey,
    DecisionId,
    DepartmentName,
    LoopName,
    Resource,
    SignalId,
    action_key,
    decision_id,
)
from crossloop.money import Money
from crossloop.signals.model import Confidence, Risk, ShortText

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
Path = Annotated[Resource, Field(pattern=r"^[A-Za-z0-9_.&()' -]+(/[A-Za-z0-9_.&()' -]+)*$", max_length=300)]

Direction = Literal["increase", "decrease", "exclude", "hold"]
"""What a claim wants of its resource: more of it, less of it, none of it, or that nobody touches it."""


class Claim(Frozen):
    """A resource that a proposal wants to move, the way it wants to move it, and for how long."""

    resource: Path
    direction: Direction
    starts: datetime
    """First instant of the claim (business time, inclusive)."""

    ends: datetime
    """End of the claim (business time, exclusive)."""

    interest: DepartmentName
    """The department in whose interest the resource is moved; precedence compares interests."""

    @field_validator("starts", "ends")
    @classmethod
    def _aware(cls, moment: datetime) -> datetime:
        return require_aware(moment)

    @model_validator(mode="after")
    def _ordered(self) -> Claim:
        if self.ends <= self.starts:
            raise ValueError("a claim must end after it starts")
        return self


class ActionRequest(Frozen):
    """The exact request to one system: its digest is what a permit permits (invariant 3)."""

    system: Name
    """The adapter's name, for example ``ads``."""

    operation: Name
    """An operation that the adapter declares, for example ``exclude_area``."""

    resource: Path
    """The one resource that is changed; it must lie inside the department's decision boundary."""

    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    """Arguments of the operation; money as text."""

    def digest(self) -> str:
        """Hexadecimal SHA-256 over the canonical request."""
        return digest_of(self)


class Impact(Frozen):
    """How much of a resource's day a proposal moves; limits add it up over the day."""

    resource: Path
    """What the share is of, for example ``ads/campaign/C1/budget``."""

    share: Annotated[float, Field(ge=0.0)]
    """Share of the daily budget that is moved, 0.15 meaning 15 %."""

    amount: Money
    """The same in money per day."""


class Option(Frozen):
    """One course that was considered, doing nothing included, with what it would bring."""

    intervention: Name
    expected_value: Money
    """Expected gain over the horizon against doing nothing; negative is a loss."""

    low: Money
    high: Money
    """Interval of the expected value under the stated assumptions (90 %)."""

    share: Annotated[float, Field(ge=0.0)] = 0.0
    """Share of the campaign's daily budget it would move."""

    permitted: bool = True
    """False where the declared strategy rules it out."""

    because: Annotated[str, Field(max_length=500)] = ""
    """Why it is ruled out, or what drives its value."""


class Proposal(Frozen):
    """What one department asks for in answer to one signal, with everything it considered."""

    signal_id: SignalId
    department: DepartmentName
    step: Annotated[int, Field(ge=0, le=9999)]
    """Position among this department's answers to the signal: part of the action key."""

    loop: LoopName | None = None
    intervention: Name
    """An intervention the loop permits; ``no_action`` and ``no_answer`` ask for nothing."""

    risk: Risk
    action: ActionRequest | None = None
    """The exact request; none when nothing is asked."""

    claims: tuple[Claim, ...] = ()
    confidence: Confidence
    impact: Impact | None = None
    options: tuple[Option, ...] = ()
    assumptions: dict[str, JsonValue] = Field(default_factory=dict)
    """Every number that the values rest on and that was not measured."""

    facts: dict[str, float | int | str | bool] = Field(default_factory=dict)
    """Facts for rules, as declared by the loop (flat)."""

    rationale: ShortText
    undoes: ActionKey | None = None
    """The action this one takes back."""

    saga: Name | None = None
    """The undertaking this is a step of. Proposals of one department in answer to one signal that name the
    same one are performed in the order of their steps, each when the one before it is done; when one comes
    to nothing, the later ones are dropped and those that were done are taken back, the last one first."""

    @cached_property
    def id(self) -> DecisionId:
        """The id of the decision about it; derived once, for a decision asks for it many times."""
        return decision_id(self.signal_id, self.department, self.step)

    @cached_property
    def written(self) -> Canonical:
        """Its canonical JSON, as the ledger keeps it.

        Raises:
            NotCanonical: it has none.
        """
        return Canonical(canonical_json(to_json(self)))

    @cached_property
    def action_digest(self) -> str | None:
        """Digest of the exact request that is judged and permitted; none where nothing is asked.

        Taken once. Whoever is about to perform a request takes :meth:`ActionRequest.digest` anew.

        Raises:
            NotCanonical: the request has no canonical form.
        """
        return None if self.action is None else self.action.digest()

    @cached_property
    def action_key(self) -> ActionKey:
        """The key under which its action is performed, if it is."""
        return action_key(self.signal_id, self.department, self.step)


NO_ACTION: Final = "no_action"
"""The intervention that asks for nothing: a department looked and found nothing to do."""

NO_ANSWER: Final = "no_answer"
"""It asks for nothing either: a department was asked and could not answer."""
