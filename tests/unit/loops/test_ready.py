"""Opening a company: what is wrong is said first, and nothing is left where there was nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import crossloop
from crossloop.adapters.embedded import EmbeddedCompany
from crossloop.errors import GovernanceDocumentError, StoreNotUsable, UnknownName
from crossloop.ids import LoopName
from crossloop.loops import ready
from crossloop.signals.types import GEO_RISK
from tests.support.fake_loop import FakeLoop
from tests.support.governed import DEMO, demo_text
from tests.support.trials import NOTICE

LOOP = "logistics-to-marketing"
DAY = date(2026, 5, 10)
OWN_RULES = """
governance: 1
company: Own
timezone: UTC
people: {omar: {name: Omar Khan, email: omar@own.example, heads: purchasing}}
departments: {purchasing: {owns: [], stage: shadow}}
loops: {}
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def left(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def test_opening_and_closing_leaves_nothing(here: Path) -> None:
    crossloop.open_company("sqlite:///new.db", governance=DEMO).close()
    assert left(here) == []


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda company: company.run("no-such-loop"), "no loop 'no-such-loop'"),
        (lambda company: company.run(LOOP, data="none.csv"), "no such file"),
        (lambda company: company.run(LOOP, others={"campaigns": "none.csv"}), "no such file"),
        (lambda company: company.run(LOOP, others={"weather": "none.csv"}), "no input called 'weather'"),
        (lambda company: company.run(LOOP, mapping="none.yaml"), "without --data"),
        (lambda company: company.run(LOOP, as_of=date(1999, 1, 1)), "can be used"),
        (lambda company: company.run(LOOP, settings={"treshold": "0.1"}), "no setting 'treshold'"),
        (lambda company: company.run(LOOP, settings={"threshold": "0.6"}), "may be 0.08 to 0.35"),
        (lambda company: company.run(LOOP, settings={"currency": "USD"}), "currency"),
        (lambda company: company.run(LOOP, settings={"threshold": 0.6}), "may be 0.08 to 0.35"),
        (lambda company: company.run(LOOP, settings={"threshold": None}), "field threshold"),
        (lambda company: company.run(LOOP, as_of="12 June"), "expected a day"),
        (lambda company: company.run(LOOP, data={"orders": "orders.csv"}), "others="),
        (lambda company: company.backtest(LOOP, as_of="12 June"), "expected a day"),
        (lambda company: company.backtest(LOOP, settings={"threshold": [1]}), "field threshold"),
        (lambda company: company.backtest("no-such-loop"), "no loop 'no-such-loop'"),
        (lambda company: company.backtest(LOOP, data="none.csv"), "no such file"),
    ],
)
def test_bad_input_leaves_nothing_behind(here: Path, call: Callable[[Any], Any], says: str) -> None:
    with (
        crossloop.open_company("sqlite:///new.db", governance=DEMO) as company,
        pytest.raises(crossloop.InputError, match=says),
    ):
        call(company)
    assert left(here) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (("threshold: [0.08, 0.35]  ", "treshold: [0.08, 0.35]  "), "adjustable.treshold"),
        (("threshold: [0.08, 0.35]  ", "threshold: [8, 35]  "), "adjustable.threshold"),
        (("metric: [rto, ndr]", "metric: [rto, returns]"), "adjustable.metric"),
        (("metric: [rto, ndr]", "metric: [0.1, 0.2]"), "adjustable.metric"),
        (("    adjustable:\n", "    set: {margin: '7'}\n    adjustable:\n"), "set.margin"),
    ],
)
def test_a_document_that_says_of_settings_what_no_loop_knows_is_refused(
    here: Path, change: tuple[str, str], field: str
) -> None:
    (here / "rules.yaml").write_text(demo_text(change), encoding="utf-8")
    with pytest.raises(GovernanceDocumentError) as wrong:
        crossloop.open_company("sqlite:///new.db", governance="rules.yaml")
    assert wrong.value.where.field == f"loops.{LOOP}.{field}"
    assert wrong.value.where.line
    assert left(here) == ["rules.yaml"]


@pytest.mark.parametrize(
    ("change", "field", "says", "step"),
    [
        (
            ("  logistics-to-marketing:", "  logistic-to-marketing:"),
            "loops.logistic-to-marketing",
            "the company has no loop 'logistic-to-marketing'",
            "Did you mean 'logistics-to-marketing'?",
        ),
        (
            ('owns: ["ads/**"]', 'owns: ["crm/**", "campaigns/**"]'),
            "departments.marketing.owns.1",
            "'campaigns/**' owns nothing: the company has no system 'campaigns'",
            "Known: ads, crm, erp, wms.",
        ),
        (
            ('owns: ["wms/**"]', 'owns: ["wsm/**"]'),
            "departments.logistics.owns.0",
            "no system 'wsm'",
            "Did you mean 'wms'?",
        ),
    ],
)
def test_a_document_that_names_what_the_company_does_not_have_is_refused(
    here: Path, change: tuple[str, str], field: str, says: str, step: str
) -> None:
    (here / "rules.yaml").write_text(demo_text(change), encoding="utf-8")
    (here / "elsewhere").mkdir()
    (here / "elsewhere" / "governance.yaml").write_text(demo_text(change), encoding="utf-8")
    with pytest.raises(GovernanceDocumentError, match=re.escape(says)) as wrong:
        crossloop.open_company("sqlite:///new.db", governance="rules.yaml")
    assert wrong.value.where.field == field
    assert wrong.value.where.line
    assert wrong.value.next_step == step
    os.chdir(here / "elsewhere")
    with pytest.raises(GovernanceDocumentError, match=re.escape(says)):
        crossloop.open_company("sqlite:///new.db")
    assert left(here) == ["elsewhere", "rules.yaml"]


def test_a_document_may_name_the_loop_of_an_own_department_and_an_own_system(here: Path) -> None:
    own = demo_text(
        ("  logistics-to-marketing:", "  own-loop:"), ('owns: ["wms/**"]', 'owns: ["calls/**", "*/x"]')
    )
    (here / "rules.yaml").write_text(own, encoding="utf-8")
    ready = crossloop.ready_company("sqlite:///new.db")

    def answer(signal: crossloop.Signal, view: crossloop.View) -> tuple[crossloop.Proposal, ...]:
        raise NotImplementedError

    service = crossloop.Department(
        crossloop.DepartmentName("service"),
        (crossloop.Handler("logistics.geo_risk/1", crossloop.LoopName("own-loop"), answer),),
    )
    company = replace(
        ready,
        departments={**ready.departments, service.name: service},
        adapters={**ready.adapters, "calls": ready.adapters["crm"]},
    )
    crossloop.open_company("sqlite:///new.db", company=company, governance="rules.yaml").close()


def test_what_a_store_keeps_can_be_looked_at_without_the_department_that_it_names(here: Path) -> None:
    own = demo_text(('owns: ["wms/**"]', 'owns: ["calls/**"]'))
    (here / "rules.yaml").write_text(own, encoding="utf-8")
    ready = crossloop.ready_company("sqlite:///new.db")
    company = replace(ready, adapters={**ready.adapters, "calls": ready.adapters["crm"]})
    with crossloop.open_company("sqlite:///new.db", company=company, governance="rules.yaml") as opened:
        opened.run(LOOP, as_of=DAY)
    with crossloop.open_company("sqlite:///new.db", create=False) as again:
        assert again.verify().ok


def test_a_store_that_must_be_there_is_not_created(here: Path) -> None:
    with pytest.raises(StoreNotUsable):
        crossloop.open_company("sqlite:///new.db", create=False)
    assert left(here) == []


def test_the_store_of_another_company_in_the_place_of_the_threads_is_left_as_it_is(here: Path) -> None:
    with crossloop.open_company("sqlite:///acme-threads.db", governance=DEMO) as other:
        other.run(LOOP, as_of=DAY)
        before = {one.name: one.read_bytes() for one in here.iterdir()}
        with pytest.raises(StoreNotUsable, match=r"acme-threads\.db, which is the database of another") as no:
            crossloop.open_company("sqlite:///acme.db", governance=DEMO)
        assert (no.value.exit_code, "--store" in no.value.next_step) == (2, True)
        assert {one.name: one.read_bytes() for one in here.iterdir()} == before
        assert other.verify().ok


def test_a_run_creates_what_it_needs_and_a_backtest_nothing(here: Path) -> None:
    with crossloop.open_company("sqlite:///new.db", governance=DEMO) as company:
        days: list[tuple[int, int]] = []
        found = company.backtest(
            LOOP, as_of=date(2026, 4, 20), settings={"threshold": "0.6"}, progress=lambda *at: days.append(at)
        ).to_json()
        assert (found["threshold"], found["days"]) == (0.6, len(days))
        assert left(here) == []
        report = company.run(LOOP, as_of=DAY, settings={"threshold": "0.30"})
        assert report.settings["threshold"] == 0.3
        assert "new.db" in left(here)
        assert company.run(LOOP, as_of=DAY, settings={"threshold": "0.30"}).decisions == ()


def test_a_company_of_ones_own_is_opened_and_closed_like_the_ready_one(here: Path) -> None:
    closed: list[str] = []
    ready = crossloop.ready_company("sqlite:///new.db")
    loop = FakeLoop()

    def close() -> None:
        closed.append("systems")
        ready.close()

    own = replace(ready, loops={**ready.loops, loop.name: loop}, close=close)
    with crossloop.open_company("sqlite:///new.db", company=own, governance=DEMO) as company:
        assert company.company.loop(loop.name) is loop
        with pytest.raises(UnknownName, match="has no backtest") as refused:
            company.backtest(loop.name)
        assert refused.value.next_step == f"With one: {LOOP}."
    assert closed == ["systems"]
    assert left(here) == []


def test_a_company_without_the_ready_loops_needs_rules_of_its_own_once(here: Path) -> None:
    def own() -> crossloop.Company:
        return crossloop.Company(crossloop.Catalogue([]), departments={}, loops={}, adapters={})

    with pytest.raises(crossloop.InputError, match="no rules for this company") as refused:
        crossloop.open_company("sqlite:///own.db", company=own())
    assert "governance=" in (refused.value.next_step or "")
    assert left(here) == []
    rules = here / "own.yaml"
    rules.write_text(OWN_RULES, encoding="utf-8")
    with crossloop.open_company("sqlite:///own.db", company=own(), governance=rules) as opened:
        opened.publish([])
    with crossloop.open_company("sqlite:///own.db", company=own()) as opened:
        assert opened.policy.document.company == "Own"


def test_a_loop_among_the_ready_ones_brings_its_signal_types(monkeypatch: pytest.MonkeyPatch) -> None:
    class Another(FakeLoop):
        types = (NOTICE, GEO_RISK)  # a type may belong to two loops

        def __init__(self, company: EmbeddedCompany) -> None:
            super().__init__(name=LoopName("another"))

    before = list(ready.ready_catalogue())
    monkeypatch.setattr(ready, "READY_LOOPS", (*ready.READY_LOOPS, Another))
    names = [one.name for one in ready.ready_catalogue()]
    assert sorted(names) == sorted([*(one.name for one in before), NOTICE.name])
    company = crossloop.ready_company("sqlite:///new.db")
    try:
        assert sorted(company.loops) == ["another", LOOP]
        assert NOTICE in list(company.catalogue)
    finally:
        company.close()
