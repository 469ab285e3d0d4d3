"""The story of a case on the screen: one place for each thing, nothing said twice."""

from __future__ import annotations

import io

from rich.console import Console

from crossloop.console.explain import print_story
from crossloop.coordinator.explain import Step, Story


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
