"""The error tree: one root, a stable code, what was expected against what was got, and the next step.

Every error a person may see says what happened and what to do next. ``code`` is stable across
releases and is what programs compare; messages are for people and may be reworded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Where:
    """The place a person has to look at to mend an input: any part may be unknown."""

    file: Path | str | None = None
    line: int | None = None
    field: str | None = None

    def __str__(self) -> str:
        place = str(self.file) if self.file is not None else ""
        if self.line is not None:
            place = f"{place}:{self.line}" if place else f"line {self.line}"
        if self.field:
            place = f"{place}, field {self.field}" if place else f"field {self.field}"
        return place


class CrossloopError(Exception):
    """Root of every error that crossloop raises on purpose.

    Args:
        message: what happened, with expected and got where that helps.
        next_step: what the reader can do about it, as an imperative sentence.
    """

    code: ClassVar[str] = "crossloop.error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}".strip()


class InputError(CrossloopError):
    """Something handed in is wrong: the caller can mend it, and nothing was written."""

    code: ClassVar[str] = "input.invalid"
    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, *, where: Where | None = None, next_step: str = "") -> None:
        super().__init__(message, next_step=next_step)
        self.where = where or Where()

    def __str__(self) -> str:
        place = str(self.where)
        return f"{place}: {super().__str__()}" if place else super().__str__()


class DataFileError(InputError):
    """A data file cannot be read or does not have the declared shape."""

    code: ClassVar[str] = "input.data_file"


class MappingError(InputError):
    """A declared mapping is wrong, or does not fit the file it is applied to."""

    code: ClassVar[str] = "input.mapping"


class SettingError(InputError):
    """A setting (``--set key=value``) has an unknown name or a value out of range."""

    code: ClassVar[str] = "input.setting"


class GovernanceDocumentError(InputError):
    """The governance document is not well-formed or contradicts itself."""

    code: ClassVar[str] = "input.governance"


class SignalRefused(InputError):
    """A signal from outside does not fit its type; the field says which path is wrong."""

    code: ClassVar[str] = "signal.refused"


class UnknownName(InputError):
    """A loop, signal type, department, intervention or id that nobody declared."""

    code: ClassVar[str] = "input.unknown_name"


class StoreNotUsable(InputError):
    """The store URL names something that is not a crossloop store, or one of another version."""

    code: ClassVar[str] = "store.not_usable"


class AnswerRefused(InputError):
    """An approval was answered by the wrong person, too late, twice, or for a changed action."""

    code: ClassVar[str] = "approval.answer_refused"


class MissingExtra(InputError):
    """A feature needs an optional dependency that is not installed."""

    code: ClassVar[str] = "input.missing_extra"

    def __init__(self, feature: str, extra: str, module: str) -> None:
        super().__init__(
            f"{feature} needs the '{extra}' extra; the Python module '{module}' is not installed.",
            next_step=f"Install it with: pip install 'crossloop[{extra}]'",
        )
        self.extra = extra


class StaleLease(CrossloopError):
    """Another worker holds the lease now: this one may change nothing any more (invariant 9)."""

    code: ClassVar[str] = "store.stale_lease"


class ForkedProcess(CrossloopError):
    """What is used was opened by the process that this one was forked off."""

    code: ClassVar[str] = "process.forked"


class StoreBusy(CrossloopError):
    """Another process holds the store for writing and did not let go within the waiting time."""

    code: ClassVar[str] = "store.busy"


class ThreadsUnusable(CrossloopError):
    """LangGraph's view of what waits cannot be brought in step now; the next run tries again."""

    code: ClassVar[str] = "approval.threads"


class LedgerBroken(CrossloopError):
    """The ledger does not verify; ``position`` is the first entry that is wrong."""

    code: ClassVar[str] = "ledger.broken"

    def __init__(self, message: str, *, position: int | None, next_step: str = "") -> None:
        super().__init__(message, next_step=next_step)
        self.position = position


class ProofInvalid(CrossloopError):
    """A proof, a signature or a kept checkpoint does not hold; expected and got stand in the message."""

    code: ClassVar[str] = "ledger.proof_invalid"
