"""Whatever a handler does, its signal has an answer and the others of the wave never notice."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from langgraph.errors import GraphBubbleUp, GraphInterrupt

from crossloop.canonical import canonical_json, to_json
from crossloop.departments import Answer, Handler, View
from crossloop.departments.boundary import ask
from crossloop.departments.view import Reading
from crossloop.signals import ActionRequest, Proposal, Signal
from crossloop.signals.entities import Campaign
from tests.support.departments import LOOP, MARKETING, answer, handler, plain, run, view
from tests.support.embedded import campaign
from tests.support.samples import geo_risk_signal

SOON = timedelta(milliseconds=1)
SIGNAL = geo_risk_signal()


def asked(one: Handler, **options: Any) -> tuple[Proposal, ...]:
    return run(ask(MARKETING, one, SIGNAL, view(), **options))


def failure(one: Handler) -> str:
    """The recorded answer of a handler that failed; it asks for nothing and the ledger can keep it."""
    (recorded,) = asked(one)
    canonical_json(to_json(recorded))
    assert recorded.intervention == "no_answer"
    assert recorded.action is None
    assert (recorded.signal_id, recorded.department, recorded.loop) == (SIGNAL.id, MARKETING, LOOP)
    return recorded.rationale


def raising(error: BaseException) -> Handler:
    def handle(signal: Signal, seen: View) -> Answer:
        raise error

    return handler(handle)


def answering(build: Callable[[Signal], Any]) -> Handler:
    return handler(lambda signal, seen: build(signal))


# What is believed.


def test_a_handler_gets_the_signal_and_the_view() -> None:
    given: list[object] = []

    def handle(signal: Signal, seen: View) -> Answer:
        given.extend([signal, seen])
        return plain(signal, seen)

    seen = view()
    run(ask(MARKETING, handler(handle), SIGNAL, seen))
    assert given[0] is SIGNAL
    assert given[1] is seen


def test_a_synchronous_answer_is_believed() -> None:
    expected = (answer(SIGNAL), answer(SIGNAL, step=1))
    assert asked(answering(lambda _: list(expected))) == expected


def test_an_asynchronous_answer_is_believed() -> None:
    async def handle(signal: Signal, seen: View) -> Answer:
        await asyncio.sleep(0)
        return plain(signal, seen)

    assert asked(handler(handle)) == (answer(SIGNAL),)
    assert asked(handler(handle, slow=True)) == (answer(SIGNAL),)


def test_a_callable_that_answers_asynchronously_is_believed_in_both_lanes() -> None:
    class Handling:
        def __call__(self, signal: Signal, seen: View) -> Awaitable[Answer]:
            async def later() -> Answer:
                return plain(signal, seen)

            return later()

    assert asked(handler(Handling())) == (answer(SIGNAL),)
    assert asked(handler(Handling(), slow=True)) == (answer(SIGNAL),)


def test_an_empty_answer_is_recorded_as_having_nothing_to_say() -> None:
    (recorded,) = asked(answering(lambda _: ()))
    assert recorded.intervention == "no_action"
    assert recorded.rationale == "marketing has nothing to say about it"


# What is a failure.


@pytest.mark.parametrize("slow", [False, True])
def test_an_exception_is_recorded_with_its_class_and_message(slow: bool) -> None:
    def handle(signal: Signal, seen: View) -> Answer:
        raise KeyError("margin")

    assert failure(handler(handle, slow=slow)) == "marketing could not answer: KeyError: 'margin'"


def test_an_exception_after_waiting_is_recorded() -> None:
    async def handle(signal: Signal, seen: View) -> Answer:
        await asyncio.sleep(0)
        raise RecursionError("too deep")

    assert failure(handler(handle)) == "marketing could not answer: RecursionError: too deep"


def test_a_message_that_the_ledger_cannot_keep_is_mended() -> None:
    told = failure(raising(ValueError("remark \x00 of \ud83d a courier")))
    assert told == "marketing could not answer: ValueError: remark \ufffd of \ufffd a courier"


def test_a_message_that_cannot_be_made_is_no_second_failure() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("nothing to say")

    assert "Mute" in failure(raising(Mute()))


def test_a_long_message_is_cut() -> None:
    assert len(failure(raising(ValueError("x" * 10_000)))) == 2000


def test_no_answer_within_the_deadline_is_recorded() -> None:
    async def handle(signal: Signal, seen: View) -> Answer:
        await asyncio.get_running_loop().create_future()
        raise AssertionError("nobody answers")

    assert failure(handler(handle, deadline=SOON)) == "marketing did not answer within 0.001 s"


def test_a_timeout_of_the_handlers_own_is_not_called_a_missed_deadline() -> None:
    told = failure(raising(TimeoutError("the model is down")))
    assert told == "marketing could not answer: TimeoutError: the model is down"


def test_a_slow_synchronous_handler_does_not_hold_up_the_loop_and_has_a_deadline() -> None:
    released = threading.Event()

    def handle(signal: Signal, seen: View) -> Answer:
        released.wait(timeout=20)
        return plain(signal, seen)

    async def main() -> tuple[Proposal, ...]:
        late = asyncio.create_task(ask(MARKETING, handler(handle, slow=True, deadline=SOON), SIGNAL, view()))
        in_time = asyncio.create_task(ask(MARKETING, handler(handle, slow=True), SIGNAL, view()))
        told = await late
        released.set()
        return told + await in_time

    late, in_time = asyncio.run(main())
    assert late.rationale == "marketing did not answer within 0.001 s"
    assert in_time == answer(SIGNAL)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda signal: None, "expected a sequence of proposals, got NoneType"),
        (answer, "expected a sequence of proposals, got Proposal"),
        (lambda signal: {answer(signal).id: answer(signal)}, "expected a sequence of proposals, got dict"),
        (lambda signal: (one for one in (answer(signal),)), "got generator"),
        (lambda signal: "no action", "got str"),
        (lambda signal: [answer(signal), None], "expected a sequence of proposals, got list"),
    ],
)
def test_an_answer_that_is_no_sequence_of_proposals_is_a_failure(
    build: Callable[[Signal], Any], said: str
) -> None:
    assert said in failure(answering(build))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"step": 1}, "proposal 0 has step 1"),
        ({"department": "finance"}, "proposal 0 is not about this signal or not from marketing"),
        ({"signal_id": geo_risk_signal(dedup_key="another").id}, "proposal 0 is not about this signal"),
    ],
)
def test_an_answer_from_elsewhere_is_a_failure(changes: dict[str, Any], said: str) -> None:
    assert said in failure(answering(lambda signal: [answer(signal, **changes)]))


def test_two_answers_with_the_same_step_are_a_failure() -> None:
    assert "proposal 1 has step 0" in failure(answering(lambda signal: [answer(signal), answer(signal)]))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rationale": "a\x00b"}, "$.rationale: U+0000 in text"),
        ({"assumptions": {"rate": 1e300}}, "$.assumptions.rate: number 1e+300"),
        ({"assumptions": {"état": 1}}, "$.assumptions: key 'état' is not ASCII"),
        (
            {
                "action": ActionRequest(
                    system="ads", operation="lift", resource="ads/C1", arguments={"n": 2**60}
                )
            },
            "$.action.arguments.n: integer of 61 bits",
        ),
        ({"facts": {"remark": "\ud800"}}, "$.facts.remark: lone surrogate"),
    ],
)
def test_what_the_ledger_cannot_keep_fails_here_and_not_the_wave(changes: dict[str, Any], said: str) -> None:
    assert said in failure(answering(lambda signal: [answer(signal, **changes)]))


def test_a_handler_that_falls_over_a_cancelled_task_of_its_own_has_failed() -> None:
    async def handle(signal: Signal, seen: View) -> Answer:
        gone = asyncio.get_running_loop().create_future()
        gone.cancel()
        await gone
        raise AssertionError("cancelled before")

    assert failure(handler(handle)) == ("marketing could not answer: something it waited for was cancelled")


# What passes.


@pytest.mark.parametrize("error", [GraphBubbleUp(), GraphInterrupt(())])
@pytest.mark.parametrize("slow", [False, True])
def test_control_flow_of_the_graph_passes(error: GraphBubbleUp, slow: bool) -> None:
    def handle(signal: Signal, seen: View) -> Answer:
        raise error

    with pytest.raises(type(error)):
        asked(handler(handle, slow=slow), control_flow=(GraphBubbleUp,))


def test_an_exception_counts_as_control_flow_only_when_the_caller_says_so() -> None:
    assert "GraphBubbleUp" in failure(raising(GraphBubbleUp()))


def test_cancellation_of_the_asking_task_passes() -> None:
    async def handle(signal: Signal, seen: View) -> Answer:
        await asyncio.get_running_loop().create_future()
        raise AssertionError("cancelled before")

    async def main() -> bool:
        task = asyncio.create_task(ask(MARKETING, handler(handle), SIGNAL, view()))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(main())


def test_ctrl_c_passes() -> None:
    with pytest.raises(KeyboardInterrupt):
        asked(raising(KeyboardInterrupt()))


@pytest.mark.parametrize("slow", [False, True])
def test_a_handler_that_wants_to_end_the_process_has_failed_like_any_other(slow: bool) -> None:
    said = failure(replace(raising(SystemExit(4)), slow=slow))
    assert said == "marketing could not answer: SystemExit: 4"


def test_a_failure_is_told_in_one_readable_line() -> None:
    said = failure(answering(lambda signal: [ActionRequest.model_validate({"system": object()})]))
    assert said.startswith("marketing could not answer: ActionRequest is not valid: system: ")
    assert not any(noise in said for noise in ("\n", "https://", " at 0x"))


# What a handler reads.


class Source:
    """A system that is read, and how often; it answers after a while, or fails."""

    def __init__(self, wrong: BaseException | None = None) -> None:
        self.times = 0
        self.answers = asyncio.Event()
        self._wrong = wrong

    async def __call__(self) -> list[Campaign]:
        self.times += 1
        await self.answers.wait()
        if self._wrong is not None:
            raise self._wrong
        return [campaign("C1")]


def counting(signal: Signal, seen: View) -> Answer:
    return (answer(signal, rationale=f"{len(seen.read(Campaign))} campaigns"),)


READS, BLIND = handler(counting, reads=(Campaign,)), handler(plain)


async def together(source: Source, *handlers: Handler) -> list[str]:
    """Ask all of them in one wave, and what each said."""
    async with aclosing(Reading({Campaign: source})) as reading:
        asking = [
            asyncio.ensure_future(ask(MARKETING, one, SIGNAL, view(reading=reading))) for one in handlers
        ]
        await asyncio.sleep(0)
        source.answers.set()
        return [one.rationale for (one,) in await asyncio.gather(*asking)]


def test_a_system_is_read_once_for_all_who_need_it_and_not_at_all_when_nobody_does() -> None:
    source = Source()
    assert run(together(source, READS, READS)) == ["1 campaigns"] * 2
    assert source.times == 1
    assert run(together(unread := Source(), BLIND)) == [f"about {SIGNAL.subject}"]
    assert unread.times == 0


def test_a_system_that_cannot_be_read_fails_those_who_need_it_and_nobody_else() -> None:
    first, second, third = run(together(Source(OSError("no route")), READS, BLIND, READS))
    assert first == third == "marketing could not answer: OSError: no route"
    assert second == f"about {SIGNAL.subject}"


def test_a_reader_that_wants_to_end_the_process_fails_those_who_need_it_and_nobody_else() -> None:
    first, second, third = run(together(Source(SystemExit(3)), READS, BLIND, READS))
    assert first == third
    assert first == "marketing could not answer: RuntimeError: it wanted to end the process: SystemExit(3)"
    assert second == f"about {SIGNAL.subject}"


def test_a_system_that_is_too_slow_for_one_is_still_there_for_the_others() -> None:
    async def main() -> list[str]:
        source = Source()
        async with aclosing(Reading({Campaign: source})) as reading:
            hasty = await ask(MARKETING, replace(READS, deadline=SOON), SIGNAL, view(reading=reading))
            source.answers.set()
            patient = await ask(MARKETING, READS, SIGNAL, view(reading=reading))
            assert source.times == 1
            return [hasty[0].rationale, patient[0].rationale]

    assert run(main()) == ["marketing did not answer within 0.001 s", "1 campaigns"]


def test_what_is_still_being_read_when_the_wave_is_over_is_ended() -> None:
    async def main() -> bool:
        reading = Reading({Campaign: Source()})
        await ask(MARKETING, replace(READS, deadline=SOON), SIGNAL, view(reading=reading))
        (under_way,) = reading._under_way.values()
        await reading.aclose()
        return under_way.cancelled()

    assert run(main())


def test_what_no_system_keeps_is_empty() -> None:
    async def main() -> str:
        (one,) = await ask(MARKETING, READS, SIGNAL, view(reading=Reading({})))
        return one.rationale

    assert run(main()) == "0 campaigns"


def test_reading_what_was_not_declared_is_named() -> None:
    (said,) = run(together(Source(), handler(counting)))
    assert "Campaign is not among what the handler declares" in said
    assert "reads=(Campaign,)" in said
