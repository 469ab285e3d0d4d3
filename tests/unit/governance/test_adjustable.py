"""What may be chosen beside the document: within what it lists, and anything where nothing can happen."""

from __future__ import annotations

from typing import Any

import pytest

from crossloop.governance import Policy, may_act, not_adjustable
from tests.support.governed import LOOP, demo_text, policy

STATED: dict[str, Any] = {"threshold": 0.25, "rto_cost_low": "180", "level": "auto", "cost_per_order": None}
SIGNALS = ("logistics.geo_risk/1",)


def open_to(listed: str) -> Policy:
    """The demonstration document with another list of what may be adjusted."""
    text = demo_text()
    found = text[text.index("    adjustable:") : text.index("    notify:")]
    return policy((found, f"    adjustable: {listed}\n"))


def refused(listed: str, **chosen: Any) -> Any:
    return not_adjustable(open_to(listed), LOOP, chosen, STATED, {**STATED, **chosen})


@pytest.mark.parametrize("value", [0.08, 0.1, 0.35, 1])
def test_both_ends_of_a_range_belong_to_it(value: float) -> None:
    assert refused("{threshold: [0.08, 1]}", threshold=value) is None


@pytest.mark.parametrize("value", [0.0799, 0.3501, "high", None, True])
def test_what_lies_outside_is_refused_and_says_what_may_be_chosen(value: Any) -> None:
    found = refused("{threshold: [0.08, 0.35]}", threshold=value)
    assert (found.name, found.stated, found.chosen, found.allowed) == (
        "threshold",
        0.25,
        value,
        "0.08 to 0.35",
    )


def test_what_is_not_listed_is_refused() -> None:
    assert refused("{level: [auto]}", threshold=0.26).allowed == ""


def test_words_are_a_choice() -> None:
    assert refused("{level: [auto, state]}", level="state") is None
    assert refused("{level: [auto, state]}", level="country").allowed == "auto or state"


def test_money_is_compared_as_a_number() -> None:
    assert refused("{}", rto_cost_low="180.00") is None
    assert refused("{rto_cost_low: [100, 200]}", rto_cost_low="199.50") is None
    assert refused("{rto_cost_low: [100, 200]}", rto_cost_low="200.01") is not None


def test_choosing_what_the_document_says_needs_no_leave() -> None:
    assert refused("{}", threshold=0.25, level="auto", cost_per_order=None) is None


def test_what_only_follows_from_a_choice_was_not_chosen() -> None:
    wanted = {**STATED, "threshold": 0.1, "clear": 0.08}
    stated = {**STATED, "clear": 0.2}
    under = open_to("{threshold: [0.08, 0.35]}")
    assert not_adjustable(under, LOOP, ["threshold"], stated, wanted) is None


@pytest.mark.parametrize(
    ("change", "acts"),
    [
        (None, True),
        (("stage: autonomous\n    respond", "stage: supervised\n    respond"), True),
        (("stage: autonomous\n    respond", "stage: shadow\n    respond"), False),
        (("nothing else\n    stage: autonomous", "nothing else\n    stage: shadow"), False),
    ],
)
def test_a_loop_may_act_from_the_stage_supervised_on(change: Any, acts: bool) -> None:
    assert may_act(policy(*([change] if change else [])), LOOP, SIGNALS) is acts


def test_nothing_may_act_in_shadow_and_nothing_that_is_not_governed() -> None:
    assert not may_act(policy().in_shadow(), LOOP, SIGNALS)
    assert not may_act(policy(), "another", ("another.signal/1",))


def test_a_loop_acts_through_whoever_answers_its_signals() -> None:
    assert may_act(policy((f"  {LOOP}:", "  another-loop:")), LOOP, SIGNALS)
