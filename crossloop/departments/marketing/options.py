"""What marketing can do about one campaign in one area, which of it it takes, and why. Pure, no I/O.

Rules:

1. An option is ruled out, and kept with the first reason that applies, when

   a. the declared strategy protects the campaign, or the area or the budget of it;
   b. the area lies outside the allowed regions;
   c. the loop does not permit the intervention;
   d. the ad platform has it in force there anyway, whoever set it;
   e. all live campaigns together would spend less a day than the floor. Spend in other currencies than the
      floor's is not counted, so a floor that cannot be compared rules out.

2. Of the options that are left and worth more than doing nothing, ``choose: value`` takes the one of highest
   expected value and ``choose: order`` the first of the team's order.
3. If none is left, nothing is done, and the answer says of every option why: ruled out and by what, or not
   worth it, or both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from crossloop.departments.marketing.economics import Economics, Exposure, Value, break_even_rate, values
from crossloop.departments.view import Strategy
from crossloop.ids import Resource
from crossloop.money import Money
from crossloop.resources import covers, touches_protected
from crossloop.signals.entities import Area, Campaign


@dataclass(frozen=True, slots=True)
class Situation:
    """One campaign in one area, with all that its answer depends on."""

    campaign: Campaign
    area: Area
    exposure: Exposure
    economics: Economics
    strategy: Strategy
    spend: Money | None
    """What all live campaigns spend a day, in the currency of the floor; None without a floor."""

    in_place: frozenset[str]
    """Interventions that the ad platform has in force there."""

    @property
    def currency(self) -> str:
        """Currency of every amount: that of the campaign, in which the assumptions are, too."""
        return self.campaign.daily_budget.currency

    @property
    def resource(self) -> Resource:
        """The campaign in the area."""
        return Resource(f"ads/campaign/{self.campaign.campaign_id}/{self.area.path}")

    @property
    def budget(self) -> Resource:
        """The campaign's budget, whose day a change moves."""
        return Resource(f"ads/campaign/{self.campaign.campaign_id}/budget")

    def moved(self, value: Value) -> Money:
        """Money per day that an intervention moves."""
        return Money.of(value.share * self.exposure.daily_budget, self.currency)


@dataclass(frozen=True, slots=True)
class Considered:
    """One option: what it is worth, and why it is ruled out."""

    value: Value
    ruled_out: str
    """Empty when it is not."""

    @property
    def worthwhile(self) -> bool:
        """Worth more than doing nothing."""
        return self.value.expected > 0


def consider(situation: Situation) -> tuple[Considered, ...]:
    """Value every intervention and hold it against the strategy (rule 1)."""
    return tuple(
        Considered(value, _ruled_out(situation, value))
        for value in values(situation.exposure, situation.economics)
    )


def choose(strategy: Strategy, considered: Sequence[Considered]) -> Value | None:
    """Take the option that the team would take, or None when none is left (rule 2)."""
    left = [one.value for one in considered if one.worthwhile and not one.ruled_out]
    if not left:
        return None
    if strategy.choose == "order":
        return min(left, key=lambda value: strategy.interventions.index(value.intervention))
    return max(left, key=lambda value: value.expected)


def why_nothing(situation: Situation, considered: Sequence[Considered]) -> str:
    """Say why nothing is done, option by option where they differ (rule 3)."""
    campaign = situation.campaign.campaign_id
    if not any(one.ruled_out for one in considered):
        edge = break_even_rate(situation.exposure, situation.economics)
        return (
            f"doing nothing is best for campaign {campaign}: advertising in {place(situation.area)} still "
            f"pays when {situation.exposure.rate[1]:.1%} come back (it stops paying at {edge:.1%})"
        )
    told: dict[str, list[str]] = {}
    for one in considered:
        told.setdefault(_verdict(one), []).append(one.value.intervention)
    if len(told) == 1:
        return f"nothing is done for campaign {campaign}: every option is {next(iter(told))}"
    each = "; ".join(f"{', '.join(names)}: {verdict}" for verdict, names in told.items())
    return f"nothing is done for campaign {campaign}: {each}"


def place(area: Area) -> str:
    """An area in words: ``pin prefix 560``."""
    return f"{area.level.replace('_', ' ')} {area.code}"


def _verdict(one: Considered) -> str:
    if not one.ruled_out:
        return "not worth it"
    return f"ruled out, {one.ruled_out}" + ("" if one.worthwhile else ", and not worth it")


def _ruled_out(situation: Situation, value: Value) -> str:
    strategy, area = situation.strategy, situation.area.path
    for protected in strategy.protected:
        if any(touches_protected(protected, one) for one in (situation.resource, situation.budget)):
            return f"{protected} is protected"
    regions = strategy.allowed_regions
    if regions and not any(covers(region, area) for region in regions):
        return f"{area} lies outside the allowed regions"
    if value.intervention not in strategy.interventions:
        return "the loop does not permit it"
    if value.intervention in situation.in_place:
        return "the ad platform has it in force there already"
    return _below_floor(situation, situation.moved(value))


def _below_floor(situation: Situation, moved: Money) -> str:
    floor, spend = situation.strategy.spend_floor, situation.spend
    if floor is None or spend is None:
        return ""
    left = spend.amount - (moved.amount if moved.currency == floor.currency else Decimal(0))
    if left >= floor.amount:
        return ""
    return f"all live campaigns together would spend {Money.of(left, floor.currency)} a day, below {floor}"
