"""The story of a run in words: what is new and what is not, who is asked, why an option is ruled out."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from crossloop.console.story import print_run
from crossloop.coordinator.report import RunReport
from crossloop.governance import Policy, load_policy
from crossloop.loops.ready import EMBEDDED_GOVERNANCE, ready_catalogue
from tests.support.governed import DEMO

LOOP = "logistics-to-marketing"


@pytest.fixture(scope="module")
def rules() -> Policy:
    return load_policy(DEMO, catalogue=ready_catalogue())


def signal(state: str = "open") -> dict[str, Any]:
    return {
        "id": "sig_1",
        "level": "state",
        "codes": ["KERALA"],
        "failures": 40,
        "earlier": {"orders": 900, "failures": 300},
        "orders": 100,
        "estimate": 0.4,
        "interval": [0.3, 0.5],
        "confidence": 0.9,
        "state": state,
    }


def option(name: str, value: str = "0.00", because: str = "") -> dict[str, Any]:
    worth = {"expected_value": value, "currency": "INR", "low": value, "high": value}
    return {"intervention": name, **worth, "permitted": not because, "because": because}


def decision(campaign: str = "brand", *options: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"dec_{campaign}",
        "signal_id": "sig_1",
        "case": "cas_1",
        "department": "marketing",
        "intervention": "suppress_cod",
        "verdict": "act",
        "reasons": [],
        "impact": {"resource": f"ads/campaign/{campaign}/budget", "share": 0.1},
        "options": options or (option("suppress_cod", "10.00"),),
        "confidence": 0.9,
        "rationale": "It pays.",
        "action_key": f"act_{campaign}",
        "approval_id": None,
        "dissent": [],
        "assumptions": {},
    }


def waiting(*people: str, quorum: int) -> dict[str, Any]:
    return {
        "approval_id": "apr_1",
        "decision_id": "dec_brand",
        "people": people,
        "quorum": quorum,
        "due": datetime(2026, 6, 30, 20, 0, tzinfo=UTC),
        "action": "suppress_cod",
    }


def told(policy: Policy, **changes: Any) -> str:
    """The story of a run, with its line breaks taken out."""
    settings = {"metric": "rto", "threshold": 0.25, "clear_threshold": 0.2, "horizon_days": 14}
    report = RunReport.model_validate(
        {
            "loop": LOOP,
            "as_of": "2026-06-30",
            "stage": "autonomous",
            "rows": {"read": 1, "used": 1, "set_aside": []},
            "inputs": {},
            "settings": settings,
            "signals": (),
            "decisions": (),
            "receipts": (),
            "notices": (),
            "waiting": (),
            "notes": (),
            "governance": "demo.yaml, digest 00",
            "ledger": {"entries": 1, "root": "00"},
            **changes,
        }
    )
    out = io.StringIO()
    console = Console(file=out, width=80, highlight=False, color_system=None)
    print_run(console, report, policy, ready_catalogue(), command="crossloop", at="")
    return " ".join(out.getvalue().split())


def test_where_one_answer_is_enough_it_says_or(rules: Policy) -> None:
    any_one = told(rules, waiting=(waiting("lena", "omar", quorum=1),))
    assert "1 question to lena or omar" in any_one
    assert "lena or omar, until" in any_one
    assert "lena and omar" not in any_one
    assert "1 question to lena and omar" in told(rules, waiting=(waiting("lena", "omar", quorum=2),))


def test_a_deadline_is_told_in_the_time_zone_of_the_document(rules: Policy) -> None:
    said = told(rules, waiting=(waiting("lena", quorum=1),))
    assert "until 2026-07-01 01:30 Asia/Kolkata" in said


def test_a_day_that_was_looked_at_before_says_what_holds_and_calls_nothing_new(rules: Policy) -> None:
    said = told(
        rules,
        signals=(signal(),),
        waiting=(waiting("asha", quorum=1),),
        looked_at_before=True,
        in_force=3,
    )
    assert (
        "In short: this day was looked at before, and nothing is new. What holds: 1 area at risk since this "
        "day, 3 changes in force and 1 question to asha." in said
    )
    assert "newly" not in said
    assert "In short: 1 area newly at risk; nothing was changed." in told(rules, signals=(signal(),))


def test_a_day_that_was_looked_at_before_tells_what_came_of_it_since(rules: Policy) -> None:
    receipt = {"action_key": "act_brand", "outcome": "done", "reference": None, "detail": ""}
    said = told(rules, signals=(signal(),), receipts=(receipt,), looked_at_before=True)
    assert "this day was looked at before; meanwhile: 1 area at risk since this day; 1 change made." in said


def test_without_a_document_the_rules_are_called_embedded(rules: Policy) -> None:
    shadow = load_policy(EMBEDDED_GOVERNANCE, catalogue=ready_catalogue()).in_shadow()
    said = told(shadow, stage="shadow", governance="embedded rules, in shadow, digest 00")
    assert said.startswith(f"{LOOP} as of 2026-06-30 embedded rules, in shadow In short")
    assert "stage autonomous, rules demo.yaml" in told(rules)


def test_other_settings_than_in_the_last_run_stand_at_the_top(rules: Policy) -> None:
    changed = (
        {"name": "threshold", "before": 0.1, "now": 0.25},
        {"name": "roas", "before": 3.5, "now": None},
    )
    said = told(rules, changed_settings=changed, last_as_of="2022-06-13")
    assert (
        "Other settings than in the last run (2022-06-13): threshold is 25% now; it was 10% roas is not set "
        "now; it was 3.5 In short" in said
    )
    assert "Other settings" not in told(rules)


def test_a_decision_about_a_risk_that_is_signalled_again_names_its_area(rules: Policy) -> None:
    again = {**decision(), "signal_id": "sig_2"}
    said = told(rules, signals=({**signal("still_open"), "case": "cas_1"},), decisions=(again,))
    assert "state Kerala campaign suppress_cod" in said
    assert "an earlier signal" not in said
    assert "an earlier signal" in told(rules, signals=(signal("still_open"),), decisions=(again,))


def test_how_a_change_is_undone_holds_for_these_settings(rules: Policy) -> None:
    receipt = {"action_key": "act_brand", "outcome": "done", "reference": "rst_1", "detail": ""}
    said = told(rules, signals=(signal(),), decisions=(decision(),), receipts=(receipt,))
    assert "back below 20% on fresh orders. That holds for the settings of this run" in said


def test_an_option_that_is_ruled_out_has_its_reason(rules: Policy) -> None:
    floor = "live campaigns would spend less than 20,000 INR a day"
    options = (option("suppress_cod", "10.00"), option("reduce_bid", because=floor))
    more = (*options, option("exclude", because=floor))
    decisions = (decision("brand", *more), decision("generic", *options))
    said = told(rules, signals=(signal(),), decisions=decisions)
    assert f"brand: reduce_bid and exclude ruled out: {floor}" in said
    assert f"generic: reduce_bid ruled out: {floor}" in said


def test_a_loop_that_compares_no_rates_is_told_by_what_it_said(rules: Policy) -> None:
    seen: dict[str, Any] = {"id": "sig_1", "type": "acme.stock_low/1", "subject": "sku/7", "state": "open"}
    story = told(rules, settings={}, signals=(seen,), rows={}, notes=("Two shelves were empty.",))
    assert "In short: 1 signal open; nothing was changed." in story
    assert "What was seen acme.stock_low/1 about sku/7: open Two shelves were empty." in story
    assert "In short: Nothing was seen; nothing was changed." in told(rules, settings={})
