"""Approval rules in CEL: closed on every doubt, at load time where it can be known then."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossloop.governance.facts import Fact, declared_facts
from crossloop.governance.rules import RuleFailed, RuleMistake, check_rule, compile_rule
from crossloop.signals.types import GEO_RISK

DECLARED: dict[str, Fact] = {
    **declared_facts([GEO_RISK], intervention=("exclude", "lift")),
    "new": Fact("new", "flag", "", "A flag."),
}


def checked(source: str) -> None:
    check_rule(compile_rule("r", source), DECLARED)


@pytest.mark.parametrize(
    "source",
    [
        "daily_budget_share > 0.15",
        "orders > 100 && rate >= 0.25 || risk != 'reversible'",
        "intervention in ['exclude', \"lift\"] && !(confidence > 0.9)",
        "failures / orders > 0.3",
        "orders * 2.0 > 100",
        "new && orders > 1",
        "new == true",
        "'exclude' == intervention",
        "risk == 'costly' ? rate > 0.1 : rate > 0.3",
        "true",
        "rate > .5 // a comment, has(rate)",
        "signal == 'any text, for its values are not enumerated'",
        "daily_budget_share >= 1.0 || 0 <= rate",
        "100.0 * daily_budget_share > 10.0",
        "10.0 < daily_budget_share * 100.0",
        "(daily_budget_share + rate) > 1.5",
        "trend_per_week > -1 && orders_per_day > 1000.0",
        "rate - 5.0 < 0.0",
        "(rate + estimate) - 5.0 < threshold",
        "amount > 1e6",
    ],
)
def test_plain_conditions_are_accepted(source: str) -> None:
    checked(source)


@pytest.mark.parametrize(
    ("source", "told", "step"),
    [
        (
            "daily_budget_share > 10",
            "'daily_budget_share' is from 0 to 1 and is compared with 10 (>)",
            "0.10 for 10 %",
        ),
        ("daily_budget_share > 15.0", "with 15.0", "Write 0.15 for 15 %."),
        ("daily_budget_share > 1", "with 1 (>)", "Write 0.01 for 1 %."),
        ("own_share >= 12.5", "with 12.5 (>=)", "Write 0.125 for 12.5 %."),
        ("10 < own_share", "'own_share' is from 0 to 1 and is compared with 10 (>)", "Write 0.10 for 10 %."),
        ("orders > 5 && !((confidence) <= (85))", "with 85 (<=)", "Write 0.85 for 85 %."),
        ("rate == 20 ? true : orders > 5", "with 20 (==)", "Write 0.20 for 20 %."),
        ("rate in [0.2, 25]", "with 25 (==)", "Write 0.25 for 25 %."),
        ("rate < 0", "with 0 (<)", "from 0 to 1"),
        ("rate > -0.1", "with -0.1 (>)", "from 0 to 1"),
        ("-2 < trend_per_week", "'trend_per_week' is from -1 to 1", "from -1 to 1"),
        ("amount <= -1.0", "'amount' is at least 0", "at least 0"),
        ("confidence > 500", "with 500", "from 0 to 1"),
    ],
)
def test_a_comparison_with_a_number_that_the_fact_never_reaches_is_refused(
    source: str, told: str, step: str
) -> None:
    with pytest.raises(RuleMistake) as caught:
        checked(source)
    assert told in caught.value.message
    assert step in caught.value.next_step


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("weather == 'hot'", "'weather', which nobody declared"),
        ("has(rate) && rate > 0.1", "nobody would be asked"),
        ("has (rate.x)", "nobody would be asked"),
        ("rate == null", "'null' is not allowed"),
        ("rate.x > 1", "'.' is not allowed"),
        ("rate[0] > 1", "'[' is not allowed"),
        ("[1, 2].exists(i, i > orders)", "not allowed"),
        ("size(metric) > 1", "may not use size"),
        ("now() > 1", "may not use now"),
        ("matches(metric, '(a+)+$')", "may not use matches"),
        ("rate > 15%", "not valid CEL"),
        ("rate >", "not valid CEL"),
        ("", "not valid CEL"),
        ("(" * 3000 + "true" + ")" * 3000, "not valid CEL"),
        ("rate", "neither true nor false"),
        ("'yes'", "neither true nor false"),
        ("orders * 2 > 100", "2.0, not 2"),
        ("rate > 'x'", "no answer"),
        ("metric == 'rtoo'", "can never be 'rtoo'"),
        ("'Exclude' == intervention", "can never be 'Exclude'"),
        ("intervention in ['exclude', 'lit']", "can never be 'lit'"),
        ("metric == 1", "compared with the number 1"),
        ("rate == 'high'", "compared with the text 'high'"),
        ("new == 'true'", "compared with the text 'true'"),
        ("rate == true", "compared with the flag true"),
        ("rate == metric", "compared with the text metric"),
        ("metric in [1]", "compared with the number 1"),
        ("metric == '''rto'''", "can never be"),
        ("signal == '''x'y'''", "cannot be checked"),
        ("metric in level", "no answer"),
    ],
)
def test_a_condition_that_would_mislead_is_refused_when_it_is_loaded(source: str, words: str) -> None:
    with pytest.raises(RuleMistake, match=r".") as caught:
        checked(source)
    assert words in f"{caught.value.message} {caught.value.next_step}"


def test_a_fact_is_needed_even_where_a_short_circuit_would_not_look_at_it() -> None:
    rule = compile_rule("r", "orders > 100 && rate > 0.1")
    with pytest.raises(RuleFailed, match="rate"):
        rule.asks({"orders": 5.0})
    assert rule.asks({"orders": 5.0, "rate": 0.9}) is False
    assert rule.asks({"orders": 500.0, "rate": 0.9}) is True


@pytest.mark.parametrize(
    ("source", "facts", "words"),
    [
        ("rate > 0.1", {"rate": float("nan")}, "do not fit"),
        ("rate > 0.1", {"rate": "x"}, "do not fit"),
        ("failures / orders > 0.1", {"failures": 0.0, "orders": 0.0}, "do not fit"),
        ("1 / 0 > 1", {}, "zero"),
        ("9223372036854775807 + 1 > 0", {}, "too large"),
        ("rate > 0.5 ? 'x' : true", {"rate": 1.0}, "neither true nor false"),
    ],
)
def test_a_condition_without_a_boolean_answer_fails(
    source: str, facts: dict[str, float | str | bool], words: str
) -> None:
    with pytest.raises(RuleFailed, match=words):
        compile_rule("r", source).asks(facts)


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_a_comparison_says_what_python_says(share: float, limit: float) -> None:
    assert compile_rule("r", "own_share > rate").asks({"own_share": share, "rate": limit}) == (share > limit)


def test_a_rule_compiled_in_one_thread_runs_in_others() -> None:
    rule = compile_rule("r", "rate > 0.5")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(rule.asks, [{"rate": number / 10} for number in range(10)]))
    assert answers == [number > 5 for number in range(10)]
