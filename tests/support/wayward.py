"""An ad platform that goes wrong for chosen campaigns, and an undertaking over several of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from crossloop.actions import Adapter, Capabilities, Conflict, OutcomeUnknown, Performed, Unavailable
from crossloop.ids import ActionKey
from crossloop.signals import ActionRequest
from tests.support.trials import Ask, Trial

CAMPAIGNS = ("C1", "C2", "C3")
SAGA = "spring_sale"


@dataclass
class Wayward:
    """Passes everything on to a real system, but for the campaigns that go wrong."""

    inner: Adapter
    refused: set[str] = field(default_factory=set[str])
    """Campaigns of which every change is refused."""

    lost: set[str] = field(default_factory=set[str])
    """Campaigns whose changes are made, and nobody hears of it."""

    unsent: set[str] = field(default_factory=set[str])
    """Campaigns whose changes never arrive, and nobody hears of it."""

    kept: set[str] = field(default_factory=set[str])
    """Campaigns of which nothing is lifted."""

    for_good: set[str] = field(default_factory=set[str])
    """Campaigns whose changes have nothing that takes them back."""

    blind: bool = True
    """Whether nothing can be looked up."""

    performed: list[str] = field(default_factory=list[str])
    """Operation and campaign of what was carried out, in order."""

    @property
    def system(self) -> str:
        return self.inner.system

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    @property
    def operations(self) -> Mapping[str, str]:
        return self.inner.operations

    async def perform(self, key: ActionKey, request: ActionRequest) -> Performed:
        campaign = str(request.arguments["campaign_id"])
        if campaign in (self.kept if request.operation == "lift" else self.refused):
            raise Conflict(f"{campaign} stays as it is.")
        silent = request.operation != "lift" and campaign in self.lost | self.unsent
        if silent and campaign in self.unsent:
            raise OutcomeUnknown("no answer came")
        done = await self.inner.perform(key, request)
        self.performed.append(f"{request.operation} {campaign}")
        if silent:
            raise OutcomeUnknown("no answer came")
        return done

    async def find(self, key: ActionKey) -> Performed | None:
        if self.blind:
            raise Unavailable("cannot be asked")
        return await self.inner.find(key)

    def undo_request(self, request: ActionRequest, performed: Performed) -> ActionRequest | None:
        if request.arguments["campaign_id"] in self.for_good:
            return None
        return self.inner.undo_request(request, performed)


def make_wayward(opened: Trial) -> Wayward:
    """Let the ad platform of a trial company go wrong on demand."""
    system = Wayward(opened.systems.ads)
    opened.company.adapters["ads"] = system  # pyright: ignore[reportIndexIssue]
    opened.coordinator._working = None
    return system


def steps(**changes: object) -> tuple[Ask, ...]:
    """One undertaking: a cut of each campaign, in their order."""
    return tuple(Ask.model_validate({"campaign": one, "saga": SAGA, **changes}) for one in CAMPAIGNS)
