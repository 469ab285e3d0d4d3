"""The parts of a company: found by name, slow if any listener is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crossloop.errors import UnknownName
from crossloop.signals import Catalogue, Intervention
from crossloop.signals.types import SIGNAL_EXPIRED
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


def test_every_company_can_read_what_crossloop_itself_publishes(opened: Trial) -> None:
    assert SIGNAL_EXPIRED.name in opened.company.catalogue
    own = replace(SIGNAL_EXPIRED, interventions=(Intervention("look", "reversible", "Look again."),))
    assert replace(opened.company, catalogue=Catalogue([own])).catalogue[own.name] is own


def test_a_type_is_handled_when_some_department_answers_it(opened: Trial) -> None:
    assert opened.company.handles(NOTICE.name)
    assert not opened.company.handles("trial.unheard/1")
