"""What every department must do, asked with generated signals.

Rules:

1. A signal is generated for every type the department listens to; what it sees with it, the author says.
   The same examples are tried everywhere.
2. An answer is asked for through the boundary of production, so that a failure shows as ``no_answer``.
3. A department that gives too few different answers is a stub: one that looks at what it is told does not
   answer every input alike.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import ClassVar, Final, cast

from crossloop.canonical import JSON, canonical_json, digest_of, to_json
from crossloop.departments import Department, Handler, View
from crossloop.departments.boundary import ask
from crossloop.extras import require
from crossloop.governance.patterns import Pattern
from crossloop.signals import NO_ACTION, NO_ANSWER, Catalogue, Claim, Proposal, Signal, SignalType
from crossloop.testing import strategies
from crossloop.testing.conformance.suite import Suite, expect, proves

require("the conformance suite of departments", extra="testing", modules=("hypothesis",))

from hypothesis import HealthCheck, Phase, given, settings  # noqa: E402 - explained above
from hypothesis import strategies as st  # noqa: E402

Given = tuple[Signal, View]
"""A signal, and what the department sees when it is asked."""

LONGEST_DEADLINE: Final = timedelta(days=1)

_SLOW: Final = [HealthCheck.too_slow, HealthCheck.data_too_large]


class DepartmentConformance(Suite):
    """Inherit, give ``department``, ``catalogue`` and ``owns``, and name the class ``Test…``."""

    examples: ClassVar[int] = 40
    """Signals generated for each type."""

    answers: ClassVar[int] = 3
    """Different answers that it gives to them at least, all types together."""

    courses: ClassVar[int] = 2
    """Different interventions among them at least, doing nothing included."""

    quick: ClassVar[float] = 0.25
    """Seconds within which a handler that is not declared slow gives its quickest answer."""

    @abstractmethod
    def department(self) -> Department:
        """The department."""

    @abstractmethod
    def catalogue(self) -> Catalogue:
        """The signal types of the company, with the interventions that each may be answered with."""

    @abstractmethod
    def owns(self) -> Sequence[str]:
        """Its decision boundary, as a governance document writes it: ``("ads/**",)``."""

    def signals(self, kind: SignalType) -> st.SearchStrategy[Signal]:
        """Signals of one type; give a strategy of your own where the generated ones say too little."""
        return strategies.signals([kind])

    def views(self, signal: Signal) -> st.SearchStrategy[View]:
        """What it may see when it is asked about a signal; nothing at all unless you say."""
        return st.just(View(as_of=signal.time, timezone="UTC"))

    drawn: ClassVar[dict[str, list[Given]]]
    """Inputs by signal type, drawn once for all checks of a class."""

    def timer(self) -> float:
        """Seconds on a clock that runs while a handler computes."""
        return time.perf_counter()

    # -- what is claimed ----------------------------------------------------------------------------

    @proves("declaration")
    def test_what_it_listens_to_and_says_is_in_the_catalogue(self) -> None:
        department, catalogue = self.department(), self.catalogue()
        expect(len(department.handlers) > 0, f"{department.name} listens to nothing")
        for name in (*department.listens, *department.emits):
            expect(name in catalogue, f"{name} is not in the catalogue")

    @proves("declaration")
    def test_every_handler_says_by_when_it_answers(self) -> None:
        for handler in self.department().handlers:
            stated = handler.deadline
            held = timedelta(0) < stated <= LONGEST_DEADLINE
            expect(held, f"{handler.signal_type}: expected a deadline of at most a day, got {stated}")

    @proves("declaration")
    def test_a_handler_that_waits_says_that_it_is_slow(self) -> None:
        """One that is not declared slow computes and returns: it shares a wave with others."""
        for kind, handler, inputs in self._asked():
            if handler.slow:
                continue
            took: list[float] = []

            def answered(
                one: Given, handler: Handler = handler, took: list[float] = took, kind: str = kind.name
            ) -> None:
                before = self.timer()
                answer = handler.handle(*one)
                if inspect.isawaitable(answer):
                    waits = _suspends(answer)
                    expect(not waits, f"{kind}: the handler waits for something; declare slow=True")
                took.append(self.timer() - before)

            _each(inputs, answered)
            best = min(took)
            expect(
                best <= self.quick, f"{kind.name}: its quickest answer took {best:.3f} s; declare slow=True"
            )

    @proves("answers")
    def test_every_generated_signal_is_answered(self) -> None:
        def answered(one: Given) -> None:
            for proposal in self._answer(one):
                said = f"{one[0].type}: {proposal.rationale}"
                expect(proposal.intervention != NO_ANSWER, f"expected an answer, got none: {said}")

        for _, _, inputs in self._asked():
            _each(inputs, answered)

    @proves("answers")
    def test_a_signal_that_is_over_is_answered_and_raises_nothing(self) -> None:
        def answered(one: Given) -> None:
            signal, view = one
            past = signal.model_copy(update={"valid_until": signal.time + timedelta(microseconds=1)})
            for proposal in self._answer((past, view)):
                said = f"{signal.type}, no longer valid: {proposal.rationale}"
                expect(proposal.intervention != NO_ANSWER, f"expected an answer, got none: {said}")

        for _, _, inputs in self._asked():
            _each(inputs, answered)

    @proves("answers")
    def test_where_it_sees_nothing_it_answers_and_raises_nothing(self) -> None:
        def answered(one: Given) -> None:
            signal, _ = one
            for proposal in self._answer((signal, View(as_of=signal.time, timezone="UTC"))):
                said = f"{signal.type}, nothing known: {proposal.rationale}"
                expect(proposal.intervention != NO_ANSWER, f"expected an answer, got none: {said}")

        for _, _, inputs in self._asked():
            _each(inputs, answered)

    @proves("answers")
    def test_it_does_not_answer_every_input_alike(self) -> None:
        answers: set[bytes] = set()
        courses: set[str] = set()

        def told(one: Given) -> None:
            proposals = self._answer(one)
            answers.add(canonical_json([_course(proposal) for proposal in proposals]))
            courses.update(proposal.intervention for proposal in proposals)

        for _, _, inputs in self._asked():
            _each(inputs, told)
        expect(
            len(answers) >= self.answers,
            f"expected at least {self.answers} different answers, got {len(answers)}: this is a stub",
        )
        expect(
            len(courses) >= self.courses,
            f"expected at least {self.courses} different interventions, got {sorted(courses)}",
        )

    @proves("boundary")
    def test_it_asks_only_for_what_the_signal_type_enumerates(self) -> None:
        for kind, handler, inputs in self._asked():
            declared = {one.name: one.risk for one in kind.interventions}

            def enumerated(
                one: Given, handler: Handler = handler, declared: dict[str, str] = declared
            ) -> None:
                for asked in self._acting(one):
                    name = asked.intervention
                    expect(name in declared, f"{one[0].type} has no intervention {name}: {sorted(declared)}")
                    got = (asked.risk, asked.loop)
                    wanted = (declared[name], handler.loop)
                    expect(got == wanted, f"{name}: expected risk and loop {wanted}, got {got}")

            _each(inputs, enumerated)

    @proves("boundary")
    def test_what_it_asks_for_lies_inside_its_decision_boundary(self) -> None:
        owns = [Pattern.of(text) for text in self.owns()]

        def inside(one: Given) -> None:
            for asked in self._acting(one):
                for resource in _touched(asked):
                    known = any(pattern.matches(resource) for pattern in owns)
                    expect(
                        known, f"{asked.intervention}: {resource} lies outside of {', '.join(self.owns())}"
                    )

        for _, _, inputs in self._asked():
            _each(inputs, inside)

    @proves("boundary")
    def test_what_it_asks_to_change_it_claims(self) -> None:
        """Only what is claimed can be seen to conflict; taking back one's own change claims nothing."""

        def claimed(one: Given) -> None:
            for asked in self._acting(one):
                if asked.action is not None and asked.undoes is None:
                    name = f"{asked.intervention} on {asked.action.resource}"
                    expect(_claims(asked.claims, asked.action.resource), f"{name} is not claimed")

        for _, _, inputs in self._asked():
            _each(inputs, claimed)

    @proves("money")
    def test_all_amounts_of_one_proposal_are_in_one_currency(self) -> None:
        def one_currency(one: Given) -> None:
            for asked in self._answer(one):
                found = sorted(set(_currencies(asked)))
                expect(len(found) <= 1, f"{asked.intervention}: expected one currency, got {found}")

        for _, _, inputs in self._asked():
            _each(inputs, one_currency)

    @proves("purity")
    def test_the_same_signal_and_view_are_answered_the_same(self) -> None:
        def same(one: Given) -> None:
            first, second = _written(self._answer(one)), _written(self._answer(one))
            expect(first == second, f"asked twice about {one[0].id}: {first!r}, then {second!r}")

        for _, _, inputs in self._asked():
            _each(inputs, same)

    @proves("purity")
    def test_what_is_done_to_an_answer_reaches_nobody_else(self) -> None:
        """An answer shares no list or mapping with the signal, the view, or the next answer."""

        def apart(one: Given) -> None:
            signal, before = one[0], (digest_of(one[0]), repr(one[1]))
            proposals = self._answer(one)
            expect((digest_of(signal), repr(one[1])) == before, "answering changed the signal or the view")
            told = _written(proposals)
            for proposal in proposals:
                _spoil(proposal)
            expect((digest_of(signal), repr(one[1])) == before, "the answer shares data with what was asked")
            again = _written(self._answer(one))
            expect(again == told, f"the next answer shares data with the one before: {again!r}")

        for _, _, inputs in self._asked():
            try:
                _each(inputs, apart)
            finally:
                type(self).drawn.clear()  # an input that shares data with its answer is spoilt now

    # -- how it is asked ----------------------------------------------------------------------------

    def _asked(self) -> Iterator[tuple[SignalType, Handler, Sequence[Given]]]:
        catalogue = self.catalogue()
        for handler in self.department().handlers:
            kind = catalogue[handler.signal_type]
            yield kind, handler, self._inputs(kind)

    def _inputs(self, kind: SignalType) -> Sequence[Given]:
        known = type(self).__dict__.get("drawn")
        if known is None:
            known = type(self).drawn = {}
        if kind.name not in known:
            inputs = self.signals(kind).flatmap(lambda said: st.tuples(st.just(said), self.views(said)))
            known[kind.name] = _drawn(inputs, self.examples)
        return known[kind.name]

    def _answer(self, one: Given) -> tuple[Proposal, ...]:
        signal, view = one
        department = self.department()
        handler = department.handler(signal.type)
        if handler is None:
            raise AssertionError(f"{department.name} does not answer {signal.type}")
        return asyncio.run(ask(department.name, handler, signal, view))

    def _acting(self, one: Given) -> list[Proposal]:
        answered = self._answer(one)
        return [asked for asked in answered if asked.intervention not in (NO_ACTION, NO_ANSWER)]


def _drawn(inputs: st.SearchStrategy[Given], count: int) -> list[Given]:
    """The same examples everywhere."""
    found: list[Given] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=_SLOW,
    )
    @given(inputs)
    def keep(one: Given) -> None:
        found.append(one)

    keep()
    return found


def _each(inputs: Sequence[Given], claim: Callable[[Given], None]) -> None:
    for one in inputs:
        claim(one)


def _suspends(answer: object) -> bool:
    """True when something awaitable does not come to its end by computing alone."""
    steps = cast("Iterator[object]", answer.__await__())  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    try:
        next(steps)
    except StopIteration:
        return False
    except RuntimeError:  # it asked for a running event loop: to wait
        return True
    steps.close()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    return True


def _course(proposal: Proposal) -> dict[str, JSON]:
    """What makes one answer another one: not whom it names, and not how sure the signal was."""
    kept = ("intervention", "action", "impact", "undoes")
    return {name: value for name, value in to_json(proposal).items() if name in kept}


def _touched(proposal: Proposal) -> Iterator[str]:
    if proposal.action is not None:
        yield proposal.action.resource
    if proposal.impact is not None:
        yield proposal.impact.resource
    yield from (claim.resource for claim in proposal.claims)


def _claims(claims: Iterable[Claim], resource: str) -> bool:
    return any(resource == one.resource or resource.startswith(one.resource + "/") for one in claims)


def _currencies(proposal: Proposal) -> Iterator[str]:
    if proposal.impact is not None:
        yield proposal.impact.amount.currency
    for option in proposal.options:
        yield from (amount.currency for amount in (option.expected_value, option.low, option.high))


def _written(proposals: Sequence[Proposal]) -> bytes:
    return canonical_json([to_json(one) for one in proposals])


def _spoil(value: object) -> None:
    """Empty every mapping and list inside a value."""
    if isinstance(value, dict | list):
        inner = cast("dict[object, object] | list[object]", value)
        for one in list(inner.values() if isinstance(inner, dict) else inner):
            _spoil(one)
        inner.clear()
    elif isinstance(value, tuple):
        for one in cast("tuple[object, ...]", value):
            _spoil(one)
    elif hasattr(value, "__dict__"):
        for one in list(vars(value).values()):
            _spoil(one)
