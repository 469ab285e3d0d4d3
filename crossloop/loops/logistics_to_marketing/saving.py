"""What the loop would have done on past days, and what it would have saved. Pure, no I/O.

Rules:

1. On each evaluation day every area that is flagged and was not the day before is put to marketing and to
   the gates, as a run would: *would act* and *would hold* count those verdicts, under the document as it
   stands (its stages, rules and cumulative daily limits), whether or not the run itself is in shadow.
2. Without known campaigns one notional campaign stands in: aimed at the whole country, its budget such that
   it drives every order. All savings are then attributed to advertising: an upper bound.
3. What an intervention would have saved is its value at the failure rate that the next window *really*
   had, on the orders it really had: returns avoided and advertising saved, less the margin forgone.
4. The intervention stays in force while the area stays flagged. Each flagged day counts one
   ``window_days``-th of its next window, so that overlapping windows are not counted twice.
5. The interval comes from the range of the return cost. The other assumptions are stated with the basis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from pydantic import JsonValue

from crossloop.clock import end_of_day
from crossloop.coordinator.runtime import strategies
from crossloop.departments import View
from crossloop.departments.marketing import Economics
from crossloop.departments.marketing.economics import Exposure, values
from crossloop.departments.marketing.policy import answer_risk
from crossloop.governance import GateState, Policy, SignalFacts, judge
from crossloop.loops.logistics_to_marketing.backtest import BacktestReport, Flagged
from crossloop.loops.logistics_to_marketing.names import NAME
from crossloop.loops.logistics_to_marketing.signals import risk_signal
from crossloop.money import Money
from crossloop.signals import Proposal
from crossloop.signals.entities import Area, Campaign, GeoTarget

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
    currency: str,
    file: str,
) -> Saving:
    """Estimate what would have been done and saved over the evaluation days."""
    acting = _Acting(report, campaigns, economics, policy, currency, file)
    for flagged in report.flagged:
        acting.add(flagged)
    low, best, high = acting.saved
    return Saving(
        would_act=acting.counted["act"],
        would_hold=acting.counted["hold"],
        would_do_nothing=acting.counted["nothing"],
        amount=Money.of(best, currency),
        low=Money.of(min(low, high), currency),
        high=Money.of(max(low, high), currency),
        basis=_basis(report, campaigns, economics),
    )


class _Acting:
    """Goes through the flagged areas in order of days."""

    def __init__(
        self,
        report: BacktestReport,
        campaigns: Sequence[Campaign],
        economics: Economics,
        policy: Policy,
        currency: str,
        file: str,
    ) -> None:
        self._settings = report.settings
        self._campaigns = campaigns
        self._economics = economics
        self._policy = policy
        self._currency = currency
        self._file = file
        self._moved: dict[tuple[str, date], float] = {}
        self._in_force: dict[str, list[tuple[Proposal, Campaign]]] = {}
        self.counted = {"act": 0, "hold": 0, "nothing": 0}
        self.saved = (0.0, 0.0, 0.0)

    def add(self, flagged: Flagged) -> None:
        """Decide on an area that is newly flagged, and add up what its day would have saved."""
        path = flagged.finding.area.path
        if flagged.new or path not in self._in_force:
            self._in_force[path] = self._decide(flagged)
        for proposal, campaign in self._in_force[path]:
            day = _day_value(proposal, campaign, flagged, self._economics, self._settings.window_days)
            low, best, high = self.saved
            self.saved = (low + day[0], best + day[1], high + day[2])

    def _decide(self, flagged: Flagged) -> list[tuple[Proposal, Campaign]]:
        instant = end_of_day(flagged.day, self._policy.document.timezone)
        signal = risk_signal(
            flagged.finding,
            self._settings,
            (
                Money(amount=self._economics.rto_cost_low, currency=self._currency),
                Money(amount=self._economics.rto_cost_high, currency=self._currency),
            ),
            instant,
            flagged.day,
            self._file,
        )
        campaigns = self._campaigns or (self._notional(flagged),)
        view = View(
            as_of=instant,
            timezone=self._policy.document.timezone,
            strategies=strategies(self._policy),
            settings={NAME: {key: str(value) for key, value in self._economics}},
            records={Campaign: campaigns},
        )
        by_id = {one.campaign_id: one for one in campaigns}
        taken: list[tuple[Proposal, Campaign]] = []
        for proposal in answer_risk(signal, view):
            outcome = self._verdict(proposal, SignalFacts.of(signal, as_of=instant), flagged.day)
            self.counted[outcome] += 1
            if outcome != "nothing" and proposal.action is not None:
                taken.append((proposal, by_id[str(proposal.action.arguments["campaign_id"])]))
        return taken

    def _verdict(self, proposal: Proposal, signal: SignalFacts, day: date) -> str:
        moved = 0.0 if proposal.impact is None else self._moved.get((proposal.impact.resource, day), 0.0)
        verdict = judge(
            proposal,
            signal,
            GateState(share_today=moved, amount_today=Decimal(0)),
            self._policy,
            now=signal.time,
        )
        if verdict.outcome not in ("act", "hold", "escalate"):
            return "nothing"
        if proposal.impact is not None:
            self._moved[(proposal.impact.resource, day)] = moved + proposal.impact.share
        return "act" if verdict.outcome == "act" else "hold"

    def _notional(self, flagged: Flagged) -> Campaign:
        area = flagged.finding.area
        country = Area(level="country", code=area.country, country=area.country)
        share = flagged.finding.area_order_share.get(country.path, 1.0)
        orders = flagged.finding.orders_per_day / share if share else 0.0
        return Campaign(
            campaign_id=NOTIONAL,
            name="everything",
            status="live",
            daily_budget=Money.of(float(self._economics.cost_per_order) * orders, self._currency),
            targets=(GeoTarget(area=country),),
        )


def _day_value(
    proposal: Proposal, campaign: Campaign, flagged: Flagged, economics: Economics, window_days: int
) -> tuple[float, float, float]:
    """What one day of an intervention saved at the rate that the next window really had."""
    if not flagged.next_orders:
        return (0.0, 0.0, 0.0)
    rate = flagged.next_failures / flagged.next_orders
    finding = flagged.finding
    exposure = Exposure(
        daily_budget=float(campaign.daily_budget.amount),
        budget_share=float(str(proposal.assumptions["budget_share_of_area"])),
        orders_per_day=flagged.next_orders / window_days,
        rate=(rate, rate, rate),
        cod_share=economics.cod_share if finding.cod_share is None else finding.cod_share,
        order_value=float(
            economics.order_value if finding.order_value is None else finding.order_value.amount
        ),
    )
    one = economics.model_copy(update={"horizon_days": 1})
    value = next(found for found in values(exposure, one) if found.intervention == proposal.intervention)
    return (value.low, value.expected, value.high)


def _basis(report: BacktestReport, campaigns: Sequence[Campaign], economics: Economics) -> str:
    attributed = (
        "orders are attributed to the campaigns by their budgets and the assumed cost of an order"
        if campaigns
        else "no campaign is known, so every order of the area is attributed to advertising"
    )
    return (
        f"Upper bound: {attributed}. Value at the failure rate that the following window really had, each "
        f"flagged day counting 1/{report.settings.window_days} of it. Assumed: a return costs "
        f"{economics.rto_cost_low} to {economics.rto_cost_high}, an order {economics.cost_per_order} of "
        f"advertising, margin {economics.margin:.0%}, cash on delivery {economics.cod_share:.0%} where not "
        f"measured, returning {economics.cod_risk_ratio:g} times as often as prepaid."
    )
