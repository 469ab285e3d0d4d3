"""``crossloop loops``, ``signals`` and ``explain``: what there is, what was said, and why."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from tests.support import books
from tests.support.console import DEMO, LOOP, warm
from tests.support.run_shape import check_error


def test_a_loop_is_listed_with_who_says_what_to_whom(tmp_path: Path) -> None:
    (loop,) = warm("loops", "--json", cwd=tmp_path).expect(0).json["loops"]
    assert loop["name"] == LOOP
    assert loop["signal"] == "logistics.geo_risk/1"
    assert (loop["source"], loop["targets"]) == ("logistics", ["marketing"])
    assert (loop["owner"], loop["stakeholders"]) == ("marketing", ["logistics"])


def test_a_loop_is_live_only_under_rules_that_permit_to_act(tmp_path: Path) -> None:
    (without,) = warm("loops", "--json", cwd=tmp_path).expect(0).json["loops"]
    (under,) = warm("loops", "--governance", DEMO, "--json", cwd=tmp_path).expect(0).json["loops"]
    assert (without["stage"], without["live"]) == ("shadow", False)
    assert (under["stage"], under["live"]) == ("autonomous", True)
    assert list(tmp_path.iterdir()) == [], "looking creates nothing"


def test_signals_are_listed_the_newest_first(june: Path) -> None:
    signals = warm("signals", "--json", cwd=june).expect(0).json["signals"]
    known = books.rows(june / "crossloop.db", "SELECT id, state FROM signals ORDER BY key DESC")
    assert [(one["id"], one["state"]) for one in signals] == known
    for one in signals:
        assert datetime.fromisoformat(one["time"]) < datetime.fromisoformat(one["valid_until"])
    assert warm("signals", "--limit", "1", "--json", cwd=june).json["signals"] == signals[:1]


def test_signals_of_one_state_are_listed_alone(june: Path) -> None:
    found = warm("signals", "--state", "decided", "--json", cwd=june).expect(0).json["signals"]
    assert {one["state"] for one in found} == {"decided"}


@pytest.mark.parametrize("columns", [80, 120])
def test_lists_for_people_fit_and_cut_nothing_off(columns: int, june: Path) -> None:
    for command in ("signals", "loops"):
        out = warm(command, cwd=june, columns=columns).expect(0).out
        assert "…" not in out
        assert all(len(line) <= columns for line in out.splitlines())
    assert books.rows(june / "crossloop.db", "SELECT id FROM signals LIMIT 1")[0][0] in (
        warm("signals", cwd=june, columns=columns).out
    )


QUERIES = {
    "signal": "SELECT s.id, c.id FROM signals s JOIN cases c ON c.key = s.case_key",
    "decision": "SELECT d.id, c.id FROM decisions d JOIN cases c ON c.key = d.case_key",
    "action": "SELECT a.id, c.id FROM actions a JOIN cases c ON c.key = a.case_key",
    "approval": "SELECT a.id, c.id FROM approvals a JOIN cases c ON c.key = a.case_key",
    "case": "SELECT id, id FROM cases",
}


@pytest.mark.parametrize("kind", QUERIES)
def test_the_story_is_told_by_the_id_of_anything_in_it_or_its_beginning(kind: str, june: Path) -> None:
    id, case = books.rows(june / "crossloop.db", QUERIES[kind])[0]
    story = warm("explain", id, "--json", cwd=june).expect(0).json
    assert story["case"] == case
    assert warm("explain", id[:20], "--json", cwd=june).expect(0).json == story


def test_the_story_goes_from_fact_to_effect_in_the_order_of_the_ledger(june: Path) -> None:
    ((id,),) = books.rows(
        june / "crossloop.db", "SELECT id FROM actions WHERE state = 'compensated' ORDER BY key LIMIT 1"
    )
    steps = warm("explain", id, "--json", cwd=june).expect(0).json["steps"]
    for step in steps:
        assert list(step) == ["entry", "at", "kind", "who", "what", "because"]
    entries = [step["entry"] for step in steps]
    assert entries == sorted(set(entries))
    kinds = [step["kind"] for step in steps]
    order = [kinds.index(kind) for kind in ("signal.received", "decision", "permit", "receipt")]
    assert order == sorted(order)
    assert kinds.count("signal.received") == 2, "the risk, and that it is over"
    assert "lift" in " ".join(step["what"] for step in steps)


def test_a_beginning_that_fits_several_cases_is_refused(june: Path) -> None:
    error = check_error(warm("explain", "sig_", "--json", cwd=june).expect(2).json)
    assert "fits" in error["message"]
    assert error["next_step"]
