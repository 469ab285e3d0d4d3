"""The signal: something is so. Frozen, typed, bounded in time, with the data that supports it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, SerializeAsAny, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from crossloop.clock import require_aware
from crossloop.frozen import Frozen
from crossloop.ids import CaseId, DepartmentName, SignalId, case_id, signal_id

Confidence = Annotated[float, Field(ge=0.0, le=1.0)]
"""A probability in [0, 1]; every signal type documents of what."""

TypeName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*/[1-9][0-9]*$")]
"""``department.name/version``, for example ``logistics.geo_risk/1``."""

TraceParent = Annotated[str, Field(pattern=r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")]
"""W3C trace context, version 00 form."""

ShortText = Annotated[str, Field(min_length=1, max_length=2000)]


def contradiction(message: str, *path: str | int) -> ValidationError:
    """Return the error to raise in a validator of a whole model, with the path of the field to name."""
    said = PydanticCustomError("contradiction", "{message}", {"message": message})
    return ValidationError.from_exception_data("contradiction", [{"type": said, "loc": path, "input": None}])


class SignalData(Frozen):
    """Base of the typed payload of every signal type."""

    def about(self, subject: str) -> bool:  # noqa: ARG002 - for types that can tell
        """False when the payload is certainly about something else than the subject of its signal."""
        return True


class Evidence(Frozen):
    """One data point that supports the assessment."""

    name: Annotated[str, Field(min_length=1, max_length=120)]
    """What was measured, in words."""

    value: float | str
    """The measured value; money and codes as text."""

    unit: Annotated[str, Field(max_length=40)] = ""
    """Unit of the value, empty for a plain number or text."""

    source: Annotated[str, Field(min_length=1, max_length=300)]
    """Where it was read: a file, a table, a system."""


class Signal(Frozen):
    """Something is so, says one department, with this confidence and until then.

    Build one with :meth:`said`, which derives the id from type, source and deduplication key.
    """

    id: SignalId
    type: TypeName
    source: Annotated[str, Field(min_length=1, max_length=300)]
    """The producer, as a URI reference: ``/logistics/geo-risk``."""

    department: Annotated[DepartmentName, Field(min_length=1, max_length=120)]
    """The department that says it."""

    subject: Annotated[str, Field(min_length=1, max_length=300)]
    """What it is about, as a path: ``geo/IN/KARNATAKA``."""

    dedup_key: Annotated[str, Field(min_length=1, max_length=300)]
    """The same key from the same source is the same fact, however often it is published."""

    correlation_id: Annotated[CaseId, Field(min_length=1, max_length=300)]
    """The case: everything that follows from one fact shares it."""

    causation_id: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    """Id of what caused this signal (a signal or a decision); none for a first observation."""

    time: datetime
    """Business time: the as-of instant at which it was so (aware, UTC)."""

    valid_until: datetime
    """After this instant the signal may no longer start an action (aware, UTC)."""

    confidence: Confidence
    data: SerializeAsAny[SignalData]
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=200)] = ()
    traceparent: TraceParent | None = None
    """W3C trace context of the publisher."""

    @field_validator("time", "valid_until")
    @classmethod
    def _aware(cls, moment: datetime) -> datetime:
        return require_aware(moment)

    @model_validator(mode="after")
    def _consistent(self) -> Signal:
        if self.valid_until <= self.time:
            raise contradiction("valid_until must be after time", "valid_until")
        if not self.data.about(self.subject):
            raise contradiction("the data is about something else than the subject", "subject")
        expected = signal_id(self.type, self.source, self.dedup_key)
        if self.id != expected:
            raise ValueError(f"id must be derived from type, source and dedup_key: expected {expected}")
        return self

    @classmethod
    def said(
        cls,
        *,
        type: str,
        source: str,
        department: str,
        subject: str,
        dedup_key: str,
        time: datetime,
        valid_until: datetime,
        confidence: float,
        data: SignalData,
        evidence: tuple[Evidence, ...] = (),
        correlation_id: CaseId | None = None,
        causation_id: str | None = None,
    ) -> Signal:
        """Build a signal; without a correlation id it opens a case of its own."""
        own = signal_id(type, source, dedup_key)
        return cls(
            id=own,
            type=type,
            source=source,
            department=DepartmentName(department),
            subject=subject,
            dedup_key=dedup_key,
            correlation_id=correlation_id or case_id(own),
            causation_id=causation_id,
            time=time,
            valid_until=valid_until,
            confidence=confidence,
            data=data,
            evidence=evidence,
        )


Risk = Literal["reversible", "costly", "irreversible"]
"""How bad a wrong intervention is: undone at no cost, undone at a cost, or not at all."""
