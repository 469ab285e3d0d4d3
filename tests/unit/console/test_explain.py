"""The story of a case on the screen: one place for each thing, nothing said twice."""

from __future__ import annotations

import io

from rich.console import Console

from crossloop.console.explain import print_story
from crossloop.coordinator.explain import Step, Story, Undertaking, UndertakingStep


def step(entry: int, kind: str, who: str, what: str, because: str = "") -> Step:
    at = "2026-11-20T11:40:47.537175+00:00"
    return Step(entry=entry, at=at, kind=kind, who=who, what=what, because=because)


def printed(*steps: Step) -> list[str]:
    stream = io.StringIO()
    print_story(Console(file=stream, width=80, color_system=None), Story(case="case_1", steps=steps))
    return [line.rstrip() for line in stream.getvalue().splitlines()][3:]


def test_the_reason_of_every_gate_and_the_verdict_have_a_line_of_their_own() -> None:
    what = "asks for exclude. It pays; truly. Verdict: hold; against finance which wants to increase: so"
    because = (
        "substance: asks ads for exclude on ads/campaign/perf/geo/IN/ASSAM.; stage: supervised: asha; head."
    )
    assert printed(step(10, "decision", "marketing", what, because)) == [
        "#10 decision marketing  2026-11-20 11:40:47 UTC",
        "    asks for exclude. It pays; truly.",
        "    verdict: hold; against finance which wants to increase: so",
        "    because substance: asks ads for exclude on campaign perf in Assam.",
        "      stage: supervised: asha; head.",
    ]


def test_a_notice_is_told_without_the_kind_that_its_text_says() -> None:
    told = printed(
        step(8, "notice", "coordinator", "tells asha and ravi: Done: all [of it].", "done"),
        step(11, "notice", "coordinator", "tells ravi: Not done.", "failed"),
    )
    assert told == [
        "#8 notice coordinator  2026-11-20 11:40:47 UTC",
        "    tells asha and ravi: Done: all [of it].",
        "",
        "#11 notice coordinator",
        "    tells ravi: Not done.",
    ]


def test_a_claim_does_not_repeat_what_its_decision_has_said() -> None:
    decision = step(1, "decision", "marketing", "asks for exclude. It pays. Verdict: act", "stage: ok.")
    claims = step(2, "claim", "dec_1", "claims", "It pays."), step(3, "claim", "plan", "claims", "A sale.")
    assert [line for line in printed(decision, *claims) if "because" in line] == [
        "    because stage: ok.",
        "    because A sale.",
    ]


def test_an_undertaking_is_a_table_of_its_steps_as_they_are_now() -> None:
    told = {"intervention": "cut", "resource": "ads/campaign/C1/geo/IN/KERALA", "decision": "dec_1"}
    of = (
        {"step": 0, "state": "done", "taken_back": "started", "incident": None},
        {"step": 1, "state": "unknown", "taken_back": None, "incident": "inc_1"},
    )
    steps = tuple(UndertakingStep.model_validate({**told, **one}) for one in of)
    undertaking = Undertaking(name="spring_sale", department="marketing", signal="sig_1", steps=steps)
    stream = io.StringIO()
    story = Story(case="case_1", steps=(), undertakings=(undertaking,))
    print_story(Console(file=stream, width=120, color_system=None), story)
    out = [" ".join(line.split()) for line in stream.getvalue().splitlines()]
    assert "Undertaking spring_sale of marketing, as it stands now" in out
    assert "0 cut campaign C1 in Kerala done being taken back: started" in out
    assert "1 cut campaign C1 in Kerala unknown somebody has to look: inc_1" in out
