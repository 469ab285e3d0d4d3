"""From findings to signals and conditions. Pure, no I/O.

Rules:

1. A finding that raises and whose area has no open condition opens one and publishes ``geo_risk``. One
   whose condition is open is *still open* and publishes nothing: conditions do not fire daily. Only where
   what was decided about it came to nothing is it said again, in the same case.
2. A finding that clears closes its condition and publishes ``geo_risk_cleared`` in the same case.
3. A condition whose area shows nothing new stays open.
4. The deduplication key holds metric, area and the as-of day of opening: running one day twice yields the
   same signals with the same ids.
5. A condition that was opened or cleared on this very day is looked at as it was before, so that running
   the day again says the same. One that is over, and whose restrictions were not lifted, is said again, at
   most once a day for the same ending: the key of a clearing holds the day.
6. A risk signal may start an action until the day after the next window would be over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pydantic import JsonValue

from crossloop.coordinator.loop import IN_FORCE, Change, Condition
from crossloop.departments.marketing import Economics
from crossloop.ids import CaseId, SignalId
from crossloop.loops.logistics_to_marketing.detection import Detection, Finding
from crossloop.loops.logistics_to_marketing.names import LOGISTICS, SOURCE
from crossloop.loops.logistics_to_marketing.settings import Settings
from crossloop.money import Money
from crossloop.signals import Evidence, Signal
from crossloop.signals.entities import Area
from crossloop.signals.types import GEO_RISK, GEO_RISK_CLEARED, GeoRisk, GeoRiskCleared
from crossloop.signals.types.geo_risk import Window


@dataclass(frozen=True, slots=True)
class Told:
    """What a detection amounts to for the coordinator."""

    signals: tuple[Signal, ...]
    changes: tuple[Change, ...]
    reported: tuple[dict[str, JsonValue], ...]


def tell(
    detection: Detection,
    conditions: Sequence[Condition],
    *,
    settings: Settings,
    rto_cost: tuple[Money, Money],
    instant: datetime,
    as_of: date,
    file: str,
) -> Told:
    """Turn a detection into signals, condition changes and report lines."""
    known = {one.path: one for one in conditions if one.metric == settings.metric}
    signals: list[Signal] = []
    changes: list[Change] = []
    reported: list[dict[str, JsonValue]] = []
    for finding in detection.findings:
        path = condition_path(settings.metric, finding.area)
        condition = known.get(path)
        if condition is not None and _over(condition, as_of) and not (condition.again and finding.clears):
            condition = None
        if condition is not None and not finding.clears:
            changes.append(Change("seen", condition))
            if condition.state == "open" and condition.again:
                signals.append(risk_signal(finding, settings, rto_cost, instant, as_of, file, condition))
            state = "open" if condition.since == as_of else "still_open"
            reported.append(
                _line(finding, settings, condition.signal_id, GEO_RISK.name, state, finding.confidence)
                | {"case": condition.case}
            )
        elif condition is not None:
            signal = _cleared(finding, condition, settings, instant, as_of, file)
            signals.append(signal)
            if condition.state == "open":
                changes.append(Change("cleared", _closed(condition, as_of)))
            line = _line(finding, settings, signal.id, signal.type, "cleared", signal.confidence)
            reported.append(line | {"case": condition.case})
        elif finding.raises:
            signal = risk_signal(finding, settings, rto_cost, instant, as_of, file)
            signals.append(signal)
            changes.append(Change("opened", _opened(finding, signal, settings, as_of)))
            line = _line(finding, settings, signal.id, signal.type, "open", signal.confidence)
            reported.append(line | {"case": signal.correlation_id})
    return Told(tuple(signals), tuple(changes), tuple(reported))


def rto_cost(economics: Economics) -> tuple[Money, Money]:
    """The least and the greatest cost of a return, with the currency of the assumptions."""
    low, high = economics.rto_cost_low, economics.rto_cost_high
    return Money(amount=low, currency=economics.currency), Money(amount=high, currency=economics.currency)


def looked_at(conditions: Sequence[Condition], metric: str, as_of: date) -> list[str]:
    """Area paths whose condition may have to be cleared (rules 3 and 5)."""
    return [
        one.path.removeprefix(f"{metric}/")
        for one in conditions
        if one.metric == metric and (not _over(one, as_of) or one.again)
    ]


def _over(condition: Condition, as_of: date) -> bool:
    return condition.state == "cleared" and condition.since != as_of


def condition_path(metric: str, area: Area) -> str:
    """The path of the condition that one area can be in."""
    return f"{metric}/{area.path}"


def _opened(finding: Finding, signal: Signal, settings: Settings, as_of: date) -> Condition:
    return Condition(
        path=condition_path(settings.metric, finding.area),
        metric=settings.metric,
        level=finding.area.level,
        code=finding.area.code,
        state="open",
        signal_id=signal.id,
        case=signal.correlation_id,
        since=as_of,
    )


def _closed(condition: Condition, as_of: date) -> Condition:
    return Condition(
        path=condition.path,
        metric=condition.metric,
        level=condition.level,
        code=condition.code,
        state="cleared",
        signal_id=condition.signal_id,
        case=condition.case,
        since=as_of,
    )


def risk_signal(
    finding: Finding,
    settings: Settings,
    rto_cost: tuple[Money, Money],
    instant: datetime,
    as_of: date,
    file: str,
    again: Condition | None = None,
) -> Signal:
    """Say that one area is at risk; again, in its own case, where what was decided came to nothing."""
    day = as_of if again is None else again.since
    repeated = "" if again is None else f":{again.again}"
    data = GeoRisk.model_validate(
        {
            **_measured(finding, settings, settings.threshold),
            "assessment": finding.assessment,
            "rto_cost_low": rto_cost[0],
            "rto_cost_high": rto_cost[1],
            "orders_per_day": finding.orders_per_day,
            "order_value": finding.order_value,
            "cod_share": finding.cod_share,
            "area_order_share": dict(finding.area_order_share),
            "share_of_country": dict(finding.share_of_country),
        }
    )
    return Signal.said(
        type=GEO_RISK.name,
        source=SOURCE,
        department=LOGISTICS,
        subject=finding.area.path,
        dedup_key=f"{settings.metric}:{finding.area.path}:{day.isoformat()}{repeated}",
        time=instant,
        valid_until=instant + timedelta(days=settings.window_days + 1),
        confidence=finding.confidence,
        data=data,
        evidence=_evidence(finding, settings, file),
        correlation_id=None if again is None else again.case,
        causation_id=None if again is None else again.signal_id,
    )


def _cleared(
    finding: Finding,
    condition: Condition,
    settings: Settings,
    instant: datetime,
    as_of: date,
    file: str,
) -> Signal:
    said_before = condition.state == "cleared" and condition.again not in (None, IN_FORCE)
    repeated = f":{condition.again}" if said_before else ""
    data = GeoRiskCleared.model_validate(
        {
            **_measured(finding, settings, settings.clear_threshold),
            "opened_by": condition.signal_id,
            "open_since": condition.since,
            "limit_when_opened": _moved_from(condition, settings),
        }
    )
    return Signal.said(
        type=GEO_RISK_CLEARED.name,
        source=SOURCE,
        department=LOGISTICS,
        subject=finding.area.path,
        dedup_key=f"{settings.metric}:{finding.area.path}:{condition.signal_id}:cleared:{as_of}{repeated}",
        time=instant,
        valid_until=instant + timedelta(days=settings.window_days + 1),
        confidence=finding.clear_confidence,
        data=data,
        evidence=_evidence(finding, settings, file),
        correlation_id=CaseId(condition.case),
        causation_id=SignalId(condition.signal_id),
    )


def _moved_from(condition: Condition, settings: Settings) -> float | None:
    """The clearing threshold under which a condition opened, where it is another one now."""
    then = (condition.opened_under or {}).get("clear_threshold")
    return then if isinstance(then, float) and then != settings.clear_threshold else None


def _measured(finding: Finding, settings: Settings, threshold: float) -> Mapping[str, object]:
    return {
        "metric": settings.metric,
        "level": finding.area.level,
        "codes": (finding.area.code,),
        "areas": (finding.area,),
        "window": Window(first=finding.first, last=finding.last),
        "orders": finding.orders,
        "failures": finding.failures,
        "pending": finding.pending,
        "lost": finding.lost,
        "rate": finding.rate,
        "estimate": finding.estimate,
        "interval": finding.interval,
        "trend_per_week": finding.trend_per_week,
        "threshold": threshold,
        "maturity_days": settings.maturity_days,
    }


def _evidence(finding: Finding, settings: Settings, file: str) -> tuple[Evidence, ...]:
    window = f"{finding.first} to {finding.last}"
    rows: tuple[tuple[str, float | str, str], ...] = (
        ("orders with a known outcome", finding.orders, "orders"),
        (f"failures ({settings.metric})", finding.failures, "orders"),
        ("orders of the windows before", finding.earlier_orders, "orders"),
        ("failures among them", finding.earlier_failures, "orders"),
        ("orders without an outcome yet", finding.pending, "orders"),
        ("lost or damaged", finding.lost, "orders"),
        ("order days", window, ""),
        ("outcomes taken as known after", settings.maturity_days, "days"),
    )
    return tuple(Evidence(name=name, value=value, unit=unit, source=file) for name, value, unit in rows)


def _line(
    finding: Finding, settings: Settings, signal_id: str, type: str, state: str, confidence: float
) -> dict[str, JsonValue]:
    return {
        "id": signal_id,
        "type": type,
        "metric": settings.metric,
        "level": finding.area.level,
        "codes": [finding.area.code],
        "path": finding.area.path,
        "orders": finding.orders,
        "failures": finding.failures,
        "earlier": {"orders": finding.earlier_orders, "failures": finding.earlier_failures},
        "pending": finding.pending,
        "rate": finding.rate,
        "estimate": finding.estimate,
        "interval": list(finding.interval),
        "confidence": confidence,
        "trend_per_week": finding.trend_per_week,
        "assessment": finding.assessment,
        "window": [finding.first.isoformat(), finding.last.isoformat()],
        "state": state,
    }
