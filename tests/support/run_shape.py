"""The JSON documents of the command line, checked strictly: every promised key, its type and what it means.

Further keys are free. Whoever reads such a document relies on exactly what is checked here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

VERDICTS = {"act", "hold", "refuse", "escalate", "shadow"}
STATES = {"open", "still_open", "cleared"}
LEVELS = {"pin_code", "pin_prefix", "state", "country"}
OUTCOMES = {"done", "failed", "unknown"}
HEX = re.compile(r"[0-9a-f]{64}")


def check_run(found: Mapping[str, Any]) -> None:
    """Check the document of ``run``."""
    _keys(found, loop=str, as_of=str, rows=dict, signals=list, decisions=list, receipts=list, ledger=dict)
    _keys(found, looked_at_before=bool, changed_settings=list, in_force=int)
    date.fromisoformat(found["as_of"])
    check_rows(found["rows"])
    for rows in found["inputs"].values():
        check_rows(rows)
    for signal in found["signals"]:
        _signal(signal)
    _unlike(found["signals"], "id")
    for decision in found["decisions"]:
        _decision(decision)
    _unlike(found["decisions"], "id")
    for receipt in found["receipts"]:
        _keys(receipt, action_key=str, outcome=str)
        assert receipt["outcome"] in OUTCOMES
        assert isinstance(receipt["reference"], str) == (receipt["outcome"] == "done")
    _keys(found["ledger"], entries=int, root=str)
    assert HEX.fullmatch(found["ledger"]["root"])


def check_rows(rows: Mapping[str, Any]) -> None:
    """Check the accounting of an input: every line is used or set aside for a reason, with examples."""
    _keys(rows, read=int, used=int, set_aside=list)
    for aside in rows["set_aside"]:
        _keys(aside, reason=str, count=int, examples=list)
        assert aside["count"] > 0
        assert 0 < len(aside["examples"]) <= aside["count"]
    _unlike(rows["set_aside"], "reason")
    assert rows["read"] == rows["used"] + sum(one["count"] for one in rows["set_aside"])


def check_backtest(found: Mapping[str, Any]) -> None:
    """Check the document of ``backtest``."""
    _keys(found, days=int, level=str, model=dict, literal_rule=dict, reliability=list)
    _keys(found, actions=dict, estimated_saving=dict)
    _rate(found["base_rate"])
    for rule in (found["model"], found["literal_rule"]):
        _keys(rule, windows=int, areas=int, next_window_orders=int)
        assert (rule["next_window_rate"] is None) == (rule["next_window_orders"] == 0)
        if rule["next_window_rate"] is not None:
            _rate(rule["next_window_rate"])
    for one in found["reliability"]:
        _keys(one, windows=int)
        assert 0 <= one["stated_low"] < one["stated_high"] <= 1
        assert one["windows"] > 0
        _rate(one["observed"])
    _rate(found["expected_calibration_error"])
    _keys(found["actions"], would_act=int, would_hold=int)
    saving = found["estimated_saving"]
    _keys(saving, amount=str, currency=str, interval=list, basis=str)
    low, high = map(Decimal, saving["interval"])
    assert low <= Decimal(saving["amount"]) <= high
    assert re.fullmatch(r"[A-Z]{3}", saving["currency"])


def check_approvals(found: Mapping[str, Any]) -> None:
    """Check the document of ``approvals list``."""
    _keys(found, approvals=list)
    for one in found["approvals"]:
        check_approval(one)
    _unlike(found["approvals"], "id")


def check_approval(one: Mapping[str, Any]) -> None:
    """Check one approval, as ``approvals show`` prints it."""
    _keys(one, id=str, action=dict, impact=dict, evidence=str, options=list, approved_by=list)
    _keys(one, due_at=str, digest=str, state=str, valid_until=str, overdue=bool, answers=list)
    assert (one["ended"] is None) == (one["state"] == "waiting")
    _keys(one["action"], system=str, operation=str, resource=str, arguments=dict)
    assert one["id"].startswith("apr_")
    assert one["from"]
    assert set(one["approved_by"]) <= set(one["from"])
    assert one["state"] in {"waiting", "approved", "rejected", "expired", "withdrawn", "superseded"}
    assert HEX.fullmatch(one["digest"])
    assert datetime.fromisoformat(one["due_at"]).tzinfo is not None
    if one["next"] is not None:
        assert one["next"]["from"]
        assert datetime.fromisoformat(one["next"]["due_at"]) > datetime.fromisoformat(one["due_at"])
    assert "do_nothing" in {option["intervention"] for option in one["options"]}


def check_error(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Check the document of an error, and return what it says."""
    assert list(found) == ["error"]
    error: Mapping[str, Any] = found["error"]
    _keys(error, code=str, message=str, next_step=str)
    assert error["message"].strip()
    return error


def check_verification(found: Mapping[str, Any]) -> None:
    """Check the document of ``ledger verify``."""
    _keys(found, ok=bool, entries=int, root=str)
    assert HEX.fullmatch(found["root"])
    assert found["first_bad"] is None or (isinstance(found["first_bad"], int) and not found["ok"])


def _signal(signal: Mapping[str, Any]) -> None:
    _keys(
        signal, id=str, type=str, metric=str, level=str, codes=list, orders=int, failures=int, interval=list
    )
    assert signal["id"].startswith("sig_")
    assert signal["type"] in {"logistics.geo_risk/1", "logistics.geo_risk_cleared/1"}
    assert signal["metric"] in {"rto", "ndr"}
    assert signal["level"] in LEVELS
    assert signal["codes"]
    assert all(isinstance(code, str) for code in signal["codes"])
    assert signal["state"] in STATES
    assert (signal["state"] == "cleared") == (signal["type"] == "logistics.geo_risk_cleared/1")
    assert 0 <= signal["failures"] <= signal["orders"]
    assert 0 <= signal["earlier"]["failures"] <= signal["earlier"]["orders"]
    _rate(signal["rate"])
    assert signal["rate"] == (signal["failures"] / signal["orders"] if signal["orders"] else 0)
    low, high = signal["interval"]
    assert 0 <= low <= high <= 1
    _rate(signal["confidence"])


def _decision(decision: Mapping[str, Any]) -> None:
    _keys(decision, id=str, signal_id=str, department=str, intervention=str, verdict=str, reasons=list)
    _keys(decision, options=list)
    assert decision["id"].startswith("dec_")
    assert decision["signal_id"].startswith("sig_")
    assert decision["verdict"] in VERDICTS
    assert decision["reasons"], "every decision says why"
    for reason in decision["reasons"]:
        _keys(reason, gate=str, outcome=str, text=str)
        assert reason["text"].strip()
    if decision["impact"] is not None:
        _keys(decision["impact"], resource=str, share=float)
        assert decision["impact"]["share"] >= 0
    for option in decision["options"]:
        _keys(option, intervention=str, expected_value=str)
        assert Decimal(option["expected_value"]).is_finite()
    _unlike(decision["options"], "intervention")


def _keys(found: Mapping[str, Any], **types: type) -> None:
    for key, kind in types.items():
        assert key in found, f"{key} is missing of {sorted(found)}"
        value = found[key]
        allowed = (int, float) if kind is float else (kind,)
        assert isinstance(value, allowed), f"{key} is {value!r}, expected {kind.__name__}"
        assert kind is bool or not isinstance(value, bool), f"{key} is {value!r}, expected {kind.__name__}"


def _rate(value: object) -> None:
    assert isinstance(value, int | float)
    assert 0 <= value <= 1


def _unlike(items: list[Mapping[str, Any]], key: str) -> None:
    values = [one[key] for one in items]
    assert len(values) == len(set(values)), f"{key} stands there twice: {values}"
