"""A signal is frozen, bounded in time, and has the id its content gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from crossloop.ids import CaseId, SignalId, case_id, signal_id
from crossloop.signals import Evidence, Signal, SignalData
from tests.support.samples import AS_OF, geo_risk_signal


def test_a_first_observation_opens_a_case_of_its_own() -> None:
    signal = geo_risk_signal()
    assert signal.id == signal_id(signal.type, signal.source, signal.dedup_key)
    assert signal.correlation_id == case_id(signal.id)
    assert signal.causation_id is None


def test_a_caused_signal_stays_in_its_case() -> None:
    signal = geo_risk_signal(correlation_id=CaseId("case_x"), causation_id="dec_y")
    assert (signal.correlation_id, signal.causation_id) == ("case_x", "dec_y")


def test_the_same_fact_said_twice_has_one_id_whatever_is_said_of_it() -> None:
    later = geo_risk_signal(time=AS_OF + timedelta(hours=1), confidence=0.5, subject="region/south")
    assert later.id == geo_risk_signal().id
    assert geo_risk_signal(dedup_key="other").id != geo_risk_signal().id
    assert geo_risk_signal(source="/other").id != geo_risk_signal().id


def test_an_id_that_is_not_derived_is_refused() -> None:
    with pytest.raises(ValidationError, match="id must be derived"):
        Signal(**{**geo_risk_signal().__dict__, "id": SignalId("sig_x")})


def test_times_are_kept_in_utc() -> None:
    india = timezone(timedelta(hours=5, minutes=30))
    signal = geo_risk_signal(time=datetime(2022, 6, 12, 23, 59, tzinfo=india))
    assert signal.time == datetime(2022, 6, 12, 18, 29, tzinfo=UTC)
    assert signal.time.tzinfo is UTC


@pytest.mark.parametrize(
    "changes",
    [
        {"valid_until": AS_OF},
        {"valid_until": AS_OF - timedelta(days=1)},
        {"time": datetime(2022, 6, 12)},
        {"confidence": 1.01},
        {"confidence": -0.01},
        {"confidence": float("nan")},
        {"type": "logistics.geo_risk"},
        {"type": "logistics.geo_risk/0"},
        {"type": "Logistics.geo_risk/1"},
        {"source": ""},
        {"subject": ""},
        {"dedup_key": "x" * 301},
        {"department": ""},
        {"causation_id": ""},
        {"evidence": (Evidence(name="a", value=1, source="b"),) * 201},
    ],
)
def test_what_contradicts_itself_or_is_out_of_range_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        geo_risk_signal(**changes)


def test_a_signal_cannot_be_changed_or_extended() -> None:
    signal = geo_risk_signal()
    with pytest.raises(ValidationError):
        signal.confidence = 1.0  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Signal(**{**signal.__dict__, "note": "x"})


def test_the_payload_is_written_in_full_although_its_field_names_the_base() -> None:
    class Parcel(SignalData):
        weight: int

    signal = geo_risk_signal(type="test.parcel/1", data=Parcel(weight=3))
    assert signal.model_dump()["data"] == {"weight": 3}


@pytest.mark.parametrize("field", ["name", "source"])
def test_evidence_says_what_was_measured_and_where(field: str) -> None:
    with pytest.raises(ValidationError):
        Evidence(**{"name": "orders", "value": 1.0, "source": "orders.csv", field: ""})
