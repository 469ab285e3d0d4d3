"""What is asked of people is planned before they are asked, and permitted under the same key."""

from __future__ import annotations

from datetime import timedelta

import pytest

from crossloop.coordinator.permitting import plan, recorded, request_digest, requested, validity, write_permit
from crossloop.governance import VALID_FOR
from crossloop.store import actions, decisions
from crossloop.store.ledger.redaction import redact
from tests.support.systems import permit
from tests.support.trials import Ask, Trial, proposal


def test_a_held_request_is_planned_and_nothing_permits_it(opened: Trial) -> None:
    report = opened.ask(Ask(share=0.2))
    (held,) = (one for one in report.decisions if one.verdict == "hold")
    (row,) = opened.store.read(lambda read: actions.for_decision(read, held.id))
    assert (row.key, row.state, row.permitted) == (held.action_key, "planned", None)
    decision = opened.store.read(lambda read: decisions.get(read, held.id))
    assert decision is not None
    asked = opened.store.read(lambda read: recorded(read, decision))
    assert asked is not None
    assert row.digest == request_digest(asked)
    opened.store.write(lambda tx: redact(tx, decision.entry, "asked for"))
    assert opened.store.read(lambda read: recorded(read, decision)) is None


def test_it_is_planned_once_and_permitted_once(opened: Trial) -> None:
    signal = opened.said()
    opened.publish(signal)
    asked = proposal(signal, Ask(), step=7)
    case = signal.correlation_id

    def decide(tx: object) -> None:
        decisions.record(
            tx,  # pyright: ignore[reportArgumentType]
            id=asked.id,
            signal_id=signal.id,
            department="marketing",
            step=7,
            loop=asked.loop,
            intervention="cut",
            verdict="hold",
            case=case,
            body={},
        )

    opened.store.write(decide)
    assert opened.store.write(lambda tx: plan(tx, case, asked)) is not None
    assert opened.store.write(lambda tx: plan(tx, case, asked)) is None
    assert opened.store.write(lambda tx: write_permit(tx, case, asked, permit(asked))) is not None
    assert opened.store.write(lambda tx: write_permit(tx, case, asked, permit(asked))) is None


def test_a_permit_lasts_as_long_as_the_loop_has_to_respond(opened: Trial) -> None:
    asked = proposal(opened.said(), Ask())
    assert validity(asked, opened.policy) == timedelta(hours=24)
    assert validity(asked.model_copy(update={"loop": None}), opened.policy) == VALID_FOR
    assert validity(asked.model_copy(update={"loop": "gone"}), opened.policy) == VALID_FOR


def test_what_asks_for_nothing_has_nothing_to_permit(opened: Trial) -> None:
    nothing = proposal(opened.said(), Ask()).model_copy(update={"action": None})
    with pytest.raises(ValueError, match="asks for nothing"):
        requested(nothing)
    with pytest.raises(ValueError, match="asks for nothing"):
        request_digest(nothing)
