"""The parts of a company: found by name, slow if any listener is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crossloop.errors import UnknownName
from tests.support.fake_loop import FakeLoop
from tests.support.trials import NOTICE, QUESTION, Trial


def test_a_loop_is_found_by_its_name(opened: Trial) -> None:
    loop = FakeLoop()
    company = replace(opened.company, loops={loop.name: loop})
    assert company.loop("trial-marketing") is loop
    with pytest.raises(UnknownName, match="no loop 'other'") as unknown:
        company.loop("other")
    assert unknown.value.next_step == "Loops: trial-marketing."
    with pytest.raises(UnknownName) as none:
        opened.company.loop("other")
    assert none.value.next_step == "Loops: none."


def test_a_type_is_slow_when_some_listener_waits_for_a_model_or_the_network(opened: Trial) -> None:
    slow = {name: opened.company.is_slow(name) for name in (NOTICE.name, QUESTION.name, "trial.unheard/1")}
    assert slow == {NOTICE.name: False, QUESTION.name: True, "trial.unheard/1": False}
