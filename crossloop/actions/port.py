"""The adapter port: how the executor touches a system, and what a system can promise.

Rules for every implementation:

1. ``perform`` is called with a key. A system that is ``idempotent`` has at most one effect per key,
   however often it is called, and answers the second call as it answered the first.
2. ``find`` tells by key whether the effect exists. None means that it certainly does not.
3. ``undo_request`` says which request takes a change back, and does no I/O. When that was carried out, the
   system counts as it did before the change; where nothing does that, the answer is None.
4. An error says whether the effect can have happened: every error but :class:`OutcomeUnknown` means
   that it did not. Whatever is raised besides counts as :class:`OutcomeUnknown`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Protocol

from pydantic import Field

from crossloop.errors import CrossloopError
from crossloop.frozen import Frozen
from crossloop.ids import ActionKey
from crossloop.signals import ActionRequest


class Capabilities(Frozen):
    """What a system can promise; the executor relies on nothing else."""

    idempotent: bool
    """One key has at most one effect, however often it is sent."""

    find: bool
    """The effect of a key can be looked up."""

    undo: bool
    """The system offers operations that take changes back; ``undo_request`` names them."""


class Performed(Frozen):
    """The effect of one request."""

    reference: Annotated[str, Field(min_length=1, max_length=300)]
    """The system's own id of the change, to find it there and to undo it."""

    detail: str = ""
    """What was changed, in words."""


class Adapter(Protocol):
    """One system of the company."""

    @property
    def system(self) -> str:
        """Name by which requests address it, for example ``ads``."""
        ...

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def operations(self) -> Mapping[str, str]:
        """Operations it performs, each with what it does in one sentence."""
        ...

    async def perform(self, key: ActionKey, request: ActionRequest) -> Performed:
        """Carry the request out once.

        Raises:
            AdapterError: it was not carried out, or (OutcomeUnknown) nobody can tell.
        """
        ...

    async def find(self, key: ActionKey) -> Performed | None:
        """Return the effect of a key, or None when there certainly is none, and none can still come about
        from a request that was sent before."""
        ...

    def undo_request(self, request: ActionRequest, performed: Performed) -> ActionRequest | None:
        """Return the request that takes a change back, on the resource that was changed.

        It is performed under a key and a permit of its own, like any other. None: it cannot be taken back.

        Args:
            request: what was carried out.
            performed: how the system answered it.
        """
        ...


class AdapterError(CrossloopError):
    """A system did not do what was asked. ``transient`` errors are worth another try."""

    code: ClassVar[str] = "adapter.error"
    transient: ClassVar[bool] = False


class Unsupported(AdapterError):
    """The system does not know this operation."""

    code: ClassVar[str] = "adapter.unsupported"


class NotFound(AdapterError):
    """What the request names does not exist there."""

    code: ClassVar[str] = "adapter.not_found"


class Conflict(AdapterError):
    """The system refuses because of its present state (duplicate number, no stock, changed meanwhile)."""

    code: ClassVar[str] = "adapter.conflict"


class Invalid(AdapterError):
    """The system refuses the arguments."""

    code: ClassVar[str] = "adapter.invalid"


class RateLimited(AdapterError):
    """Too many requests; ``retry_after`` says for how many seconds to wait, where the system says so."""

    code: ClassVar[str] = "adapter.rate_limited"
    transient: ClassVar[bool] = True

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(AdapterError):
    """The system could not be reached; the request never arrived."""

    code: ClassVar[str] = "adapter.unavailable"
    transient: ClassVar[bool] = True


class OutcomeUnknown(AdapterError):
    """The request was sent and no answer came: look up by key before anything else."""

    code: ClassVar[str] = "adapter.outcome_unknown"
