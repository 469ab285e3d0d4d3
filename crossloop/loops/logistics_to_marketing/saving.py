"""What the loop would have done on past days, and what it would have saved. Pure, no I/O.

Rules:

1. Every condition is put to marketing and to the gates on the day that opens it, as a run would: *would act*
   and *would hold* count those verdicts, under the document as it stands (its stages, rules and cumulative
   daily limits), whether or not the run itself is in shadow.
2. Without known campaigns one notional campaign stands in: aimed at the whole country, its budget such that
   it drives every order. All savings are then attributed to advertising: an upper bound.
3. What an intervention would have saved is its value at the failure rate that the next window *really*
   had, on the orders it really had: returns avoided and advertising saved, less the margin forgone.
4. The intervention stays in force while the condition is open. Each day of it counts one ``window_days``-th
   of its next window, so that overlapping windows are not counted twice.
5. The interval comes from the range of the return cost. The other assumptions are stated with the basis.
   Where budgets or orders are in another currency than they, nothing is valued, and the basis says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import cast

from pydantic import JsonValue

from crossloop.canonical import to_json
from crossloop.clock import end_of_day
from crossloop.coordinator.views import strategies
from crossloop.departments import View
from crossloop.departments.marketing import Economics
from crossloop.departments.marketing.economics import cost_of_order, values
from crossloop.departments.marketing.exposure import exposure, not_comparable, reached
from crossloop.departments.marketing.policy import answer_risk
from crossloop.governance import GateState, Policy, SignalFacts, judge
from crossloop.loops.logistics_to_marketing.names import NAME
from crossloop.loops.logistics_to_marketing.replayed import AreaDay, BacktestReport, Condition
from crossloop.loops.logistics_to_marketing.signals import risk_signal
from crossloop.money import Money
from crossloop.signals import Proposal
from crossloop.signals.entities import Area, Campaign, GeoTarget
from crossloop.signals.types import GeoRisk

NOTIONAL = "notional"
"""Id of the campaign that stands in where none is known."""


@dataclass(frozen=True, slots=True)
class Saving:
    """What would have been done, and what it would have saved."""

    would_act: int
    would_hold: int
    would_do_nothing: int
    amount: Money
    low: Money
    high: Money
    basis: str

    def to_json(self) -> dict[str, JsonValue]:
        """Return actions and saving in the shape of the backtest's JSON."""
        return {
            "actions": {
                "would_act": self.would_act,
                "would_hold": self.would_hold,
                "would_do_nothing": self.would_do_nothing,
            },
            "estimated_saving": {
                "amount": str(self.amount.amount),
                "currency": self.amount.currency,
                "interval": [str(self.low.amount), str(self.high.amount)],
                "basis": self.basis,
            },
        }


def estimate(
    report: BacktestReport,
    *,
    campaigns: Sequence[Campaign],
    economics: Economics,
    policy: Policy,
    file: str,
) -> Saving:
    """Estimate what would have been done and saved, in the currency of the assumptions."""
    currency = economics.currency
    acting = _Acting(report, campaigns, economics, policy, file)
    for condition in report.conditions:
        acting.add(condition)
    low, best, high = acting.saved
    return Saving(
        would_act=acting.counted["act"],
        would_hold=acting.counted["hold"],
        would_do_nothing=acting.counted["nothing"],
        amount=Money.of(best, currency),
        low=Money.of(min(low, high), currency),
        high=Money.of(max(low, high), currency),
        basis=" ".join((_basis(report, campaigns, economics), *acting.not_valued)),
    )


@dataclass(frozen=True, slots=True)
class _Taken:
    """An intervention that would be in force, and what it was decided on."""

    proposal: Proposal
    risk: GeoRisk
    campaigns: tuple[Campaign, ...]


class _Acting:
    """Goes through the conditions in the order in which they open."""

    def __init__(
        self,
        report: BacktestReport,
        campaigns: Sequence[Campaign],
        economics: Economics,
        policy: Policy,
        file: str,
    ) -> None:
        self._settings = report.settings
        self._campaigns = tuple(campaigns)
        self._economics = economics
        self._policy = replace(policy, shadow_only=False)  # as the document stands (rule 1)
        self._currency = economics.currency
        self._file = file
        self._moved: dict[tuple[str, date], tuple[float, Decimal]] = {}
        """By resource and day: the share of its budget and the money a day that were moved."""

        self.counted = {"act": 0, "hold": 0, "nothing": 0}
        self.not_valued: dict[str, None] = {}
        """Why decisions went without a value, each reason once, in the order in which they were met."""

        self.saved = (0.0, 0.0, 0.0)

    def add(self, condition: Condition) -> None:
        """Decide on a condition that opens, and add up what its days would have saved."""
        for taken in self._decide(condition.days[0]):
            for one in condition.days:
                day = self._day_value(taken, one)
                low, best, high = self.saved
                self.saved = (low + day[0], best + day[1], high + day[2])

    def _decide(self, at: AreaDay) -> list[_Taken]:
        instant = end_of_day(at.day, self._policy.document.timezone)
        cost = (
            Money(amount=self._economics.rto_cost_low, currency=self._currency),
            Money(amount=self._economics.rto_cost_high, currency=self._currency),
        )
        signal = risk_signal(at.finding, self._settings, cost, instant, at.day, self._file)
        campaigns = self._campaigns or (self._notional(at),)
        risk = cast("GeoRisk", signal.data)
        different = (not_comparable(one, risk, self._economics) for one in campaigns if one.status == "live")
        self.not_valued |= {f"Not valued: {one}.": None for one in different if one}
        view = View(
            as_of=instant,
            timezone=self._policy.document.timezone,
            strategies=strategies(self._policy),
            settings={NAME: cast("dict[str, JsonValue]", to_json(self._economics))},
            records={Campaign: campaigns},
        )
        taken: list[_Taken] = []
        for proposal in answer_risk(signal, view):
            outcome = self._verdict(proposal, SignalFacts.of(signal, as_of=instant), at.day)
            self.counted[outcome] += 1
            if outcome != "nothing":
                taken.append(_Taken(proposal, risk, campaigns))
        return taken

    def _verdict(self, proposal: Proposal, signal: SignalFacts, day: date) -> str:
        impact = proposal.impact
        share, amount = (0.0, Decimal(0)) if impact is None else self._today(impact.resource, day)
        state = GateState(share_today=share, amount_today=amount)
        verdict = judge(proposal, signal, state, self._policy, now=signal.time)
        if verdict.outcome not in ("act", "hold", "escalate"):
            return "nothing"
        if impact is not None:
            self._moved[(impact.resource, day)] = share + impact.share, amount + impact.amount.amount
        return "act" if verdict.outcome == "act" else "hold"

    def _today(self, resource: str, day: date) -> tuple[float, Decimal]:
        return self._moved.get((resource, day), (0.0, Decimal(0)))

    def _notional(self, at: AreaDay) -> Campaign:
        area = at.finding.area
        country = Area(level="country", code=area.country, country=area.country)
        share = at.finding.area_order_share.get(country.path, 1.0)
        orders = at.finding.orders_per_day / share if share else 0.0
        value = at.finding.order_value or Money(amount=self._economics.order_value, currency=self._currency)
        return Campaign(
            campaign_id=NOTIONAL,
            name="everything",
            status="live",
            daily_budget=Money.of(
                cost_of_order(float(value.amount), self._economics) * orders, value.currency
            ),
            targets=(GeoTarget(area=country),),
        )

    def _day_value(self, taken: _Taken, at: AreaDay) -> tuple[float, float, float]:
        """What one day of an intervention saved, at the rate and on the orders that the next window had."""
        if not at.next_orders or taken.proposal.action is None:
            return (0.0, 0.0, 0.0)
        rate = at.next_failures / at.next_orders
        really = taken.risk.model_copy(
            update={
                "estimate": rate,
                "interval": (rate, rate),
                "orders_per_day": at.next_orders / self._settings.window_days,
            }
        )
        own = taken.proposal.action.arguments["campaign_id"]
        live = [one for one in taken.campaigns if one.status == "live"]
        reach = next(one for one in reached(at.finding.area, live, really) if one.campaign.campaign_id == own)
        stake = exposure(reach, really, self._economics)
        one_day = self._economics.model_copy(update={"horizon_days": 1})
        value = next(one for one in values(stake, one_day) if one.intervention == taken.proposal.intervention)
        return (value.low, value.expected, value.high)


def _basis(report: BacktestReport, campaigns: Sequence[Campaign], economics: Economics) -> str:
    attributed = (
        "orders are attributed to the campaigns by their budgets and the assumed cost of an order"
        if campaigns
        else "no campaign is known, so every order of the area is attributed to advertising"
    )
    return (
        f"Upper bound: {attributed}. Value at the failure rate that the following window really had, each "
        f"day on which it is open counting 1/{report.settings.window_days} of it. Assumed: a return costs "
        f"{economics.rto_cost_low} to {economics.rto_cost_high} {economics.currency}, advertising brings "
        f"{economics.roas:g} times its cost in orders, margin {economics.margin:.0%}, cash on delivery "
        f"{economics.cod_share:.0%} where not measured, returning {economics.cod_risk_ratio:g} times as "
        "often as prepaid."
    )
