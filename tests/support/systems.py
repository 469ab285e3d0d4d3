"""A system in memory that goes wrong on demand, and actions in a store that are permitted to change it.

:class:`FakeSystem` implements the adapter port in full; the embedded company is the real one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from crossloop.actions import Capabilities, Performed
from crossloop.canonical import to_json
from crossloop.coordinator.permitting import write_permit
from crossloop.ids import ActionKey
from crossloop.signals import ActionRequest, Permit, Proposal
from crossloop.store import Store, Tx, decisions
from tests.support import governed
from tests.support.stores import START, admit


class Killed(BaseException):
    """The process died here."""


@dataclass(frozen=True)
class Trouble:
    """What goes wrong with one call."""

    error: BaseException | None = None
    """Raised, where it is set."""

    after: bool = False
    """Whether the effect has happened by then."""

    answer: object = None
    """Given instead of the system's own answer, where no error is."""

    meanwhile: Callable[[], object] | None = None
    """Called first: what happens elsewhere while the system is at work."""


def before(error: BaseException) -> Trouble:
    """The call fails and nothing has happened."""
    return Trouble(error)


def after(error: BaseException) -> Trouble:
    """The call fails when the effect has happened."""
    return Trouble(error, after=True)


FINE = Trouble(after=True)
"""Nothing goes wrong."""


class FakeSystem:
    """A system with chosen capabilities. Troubles befall its calls one by one; then all goes well."""

    def __init__(
        self,
        *,
        idempotent: bool = True,
        find: bool = True,
        performing: Iterable[Trouble] = (),
        finding: Iterable[Trouble] = (),
        system: str = "ads",
    ) -> None:
        self.system = system
        self.capabilities = Capabilities(idempotent=idempotent, find=find, undo=True)
        self.operations: Mapping[str, str] = {
            "suppress_audience": "Hide a campaign from an audience.",
            "take_back": "Take a change back.",
        }
        self.calls: list[str] = []
        """``perform KEY`` and ``find KEY``, in order."""

        self.effects: list[tuple[ActionKey, ActionRequest]] = []
        """What has happened in this system."""

        self._performing = list(performing)
        self._finding = list(finding)

    async def perform(self, key: ActionKey, request: ActionRequest) -> Performed:
        self.calls.append(f"perform {key}")
        trouble = self._performing.pop(0) if self._performing else FINE
        if trouble.meanwhile is not None:
            trouble.meanwhile()
        known = self._known(key) if self.capabilities.idempotent else None
        if trouble.after and known is None:
            self.effects.append((key, request))
        return self._told(trouble, self._known(key) or self._reference(0))

    async def find(self, key: ActionKey) -> Performed | None:
        self.calls.append(f"find {key}")
        trouble = self._finding.pop(0) if self._finding else FINE
        if trouble.meanwhile is not None:
            trouble.meanwhile()
        return self._told(trouble, self._known(key))

    def undo_request(self, request: ActionRequest, performed: Performed) -> ActionRequest | None:
        arguments = {"reference": performed.reference}
        return request.model_copy(update={"operation": "take_back", "arguments": arguments})

    def _told(self, trouble: Trouble, own: Performed | None) -> Any:
        if trouble.error is not None:
            raise trouble.error
        return own if trouble.answer is None else trouble.answer

    def _known(self, key: ActionKey) -> Performed | None:
        places = [place for place, (known, _) in enumerate(self.effects) if known == key]
        return self._reference(places[0]) if places else None

    def _reference(self, place: int) -> Performed:
        return Performed(reference=f"{self.system}-{place}", detail="It is done.")


def permit(proposal: Proposal, *, lasts: timedelta = timedelta(hours=1), **changes: Any) -> Permit:
    """The permit of a proposal."""
    assert proposal.action is not None
    return Permit(
        **{
            "action_key": proposal.action_key,
            "action_digest": proposal.action.digest(),
            "policy": "0" * 64,
            "granted_at": START,
            "expires_at": START + lasts,
            **changes,
        }
    )


def permitted(
    store: Store,
    proposal: Proposal | None = None,
    granted: Permit | None = None,
    body: Proposal | None = None,
) -> ActionKey:
    """Put a decided and permitted action into a store; its signal is admitted where it is new.

    Args:
        body: what the decision holds, where that is another proposal than the one permitted.
    """
    proposal = proposal or governed.proposal()
    granted = granted or permit(proposal)

    def work(tx: Tx) -> None:
        case = f"case_of_{proposal.signal_id}"
        admit(tx, proposal.signal_id, case=case)
        decisions.record(
            tx,
            id=proposal.id,
            signal_id=proposal.signal_id,
            department=proposal.department,
            step=proposal.step,
            loop=proposal.loop,
            intervention=proposal.intervention,
            verdict="act",
            case=case,
            body={"proposal": to_json(body or proposal)},
        )
        write_permit(tx, case, proposal, granted)

    store.write(work)
    return proposal.action_key
