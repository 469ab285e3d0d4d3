"""What the topic modules promise on every store: first come, only served; exact sums; windows."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from crossloop.errors import InputError, UnknownName
from crossloop.store import Tx, actions, approvals, claims, decisions, impacts, inbox, votes
from crossloop.testing.conformance.store_base import RIVALS, Race, StoreSuite, refused
from crossloop.testing.conformance.store_samples import (
    DAY,
    HOUR,
    START,
    admit,
    ask,
    at_once,
    claim,
    decide,
    given,
    permit,
)
from crossloop.testing.conformance.suite import expect, proves


class TopicChecks(StoreSuite):
    """Inbox, decisions, actions, approvals, claims, impacts."""

    @proves("inbox")
    def test_a_signal_is_admitted_once_whoever_brings_it_and_moves_forward_only(self) -> None:
        store = self.opened()
        self.only_one(store, Race("admit", admit))
        for move, what in (
            (inbox.finished, "finished"),
            (inbox.decided, "decided"),
            (inbox.decided, "again"),
        ):
            moved = store.write(lambda tx, move=move: move(tx, "s1", {}))
            expect(moved is (what == "decided"), f"new signal, {what}: got {moved}")
        expect(store.write(lambda tx: inbox.finished(tx, "s1", {})), "a decided signal was not finished")
        expect(not store.write(admit), "a finished signal was admitted again")
        row = store.read(lambda read: inbox.get(read, "s1"))
        expect(row is not None and row.state == "finished", f"expected s1 finished, got {row}")

    @proves("decisions")
    def test_a_decision_is_recorded_once_and_only_about_a_signal_that_is_known(self) -> None:
        store = self.opened()
        expect(refused(store, decide, UnknownName), "a decision about an unknown signal was recorded")
        store.write(admit)
        self.only_one(store, Race("decide", decide))
        found = store.read(lambda read: decisions.for_signal(read, "s1"))
        expect([one.id for one in found] == ["d1"], f"expected one decision, got {found}")

    @proves("actions")
    def test_an_action_is_permitted_once_and_started_by_one_alone(self) -> None:
        store = self.opened()
        store.write(lambda tx: (admit(tx), decide(tx)))
        self.only_one(store, Race("permit", permit))
        self.only_one(store, Race("start", lambda tx: actions.start(tx, "a1")))

    @proves("actions")
    def test_an_action_has_one_outcome_and_only_what_is_done_is_taken_back(self) -> None:
        store = self.opened()
        store.write(given)

        def finish(tx: Tx) -> bool:
            return actions.finish(tx, "a1", "done", reference="r1", body={})

        def undo(tx: Tx) -> bool:
            return actions.compensate(tx, "a1", "a1")

        expect(not store.write(finish), "an action that was not started has an outcome")
        expect(not store.write(undo), "an action that was not done was taken back")
        store.write(lambda tx: actions.start(tx, "a1"))
        self.only_one(store, Race("finish", finish))
        self.only_one(store, Race("take back", undo))
        row = store.read(lambda read: actions.get(read, "a1"))
        expect(row is not None and (row.state, row.reference) == ("compensated", "r1"), f"got {row}")

    @proves("approvals")
    def test_a_question_is_asked_once_and_its_first_answer_counts(self) -> None:
        store = self.opened()
        store.write(lambda tx: (admit(tx), decide(tx)))
        self.only_one(store, Race("ask", ask))
        self.only_one(store, Race("vote", lambda tx: votes.give(tx, "p1", person="asha", body={})))

        def answer(tx: Tx) -> bool:
            return approvals.answer(tx, "p1", state="rejected", person="ravi", reason="no", body={})

        self.only_one(store, Race("answer", answer))
        later = store.write(
            lambda tx: approvals.answer(tx, "p1", state="approved", person="asha", reason=None, body={})
        )
        expect(not later, "a question that was rejected was approved")
        row = store.read(lambda read: approvals.get(read, "p1"))
        expect(row is not None and (row.state, row.person) == ("rejected", "ravi"), f"got {row}")

    @proves("claims")
    def test_claims_meet_in_their_windows_above_and_below_and_nowhere_else(self) -> None:
        store = self.opened()
        store.write(given)
        key = store.write(claim)
        microsecond = timedelta(microseconds=1)
        cases = [
            ("ads/campaign/C1", START, START + HOUR, True),
            ("ads", START, START + HOUR, True),
            ("ads/campaign/C1/geo/IN", START, START + HOUR, True),
            ("ads/campaign/C1", START + HOUR - microsecond, START + 2 * HOUR, True),
            ("ads/campaign/C1", START - HOUR, START + microsecond, True),
            ("ads/campaign/C1", START + HOUR, START + 2 * HOUR, False),
            ("ads/campaign/C1", START - HOUR, START, False),
            ("ads/campaign/C10", START, START + HOUR, False),
            ("ads/campaign/C", START, START + HOUR, False),
            ("ads/campaign/C2", START, START + HOUR, False),
        ]
        for resource, starts, ends, meets in cases:
            found = store.read(lambda read, args=(resource, starts, ends): claims.overlapping(read, *args))
            got = [one.key for one in found]
            expect(got == [key] * meets, f"{resource}, {starts} to {ends}: got {got}")

    @proves("claims")
    def test_a_claim_is_placed_once_and_ends_when_it_is_released_or_over(self) -> None:
        store = self.opened()
        store.write(given)
        keys = set(at_once([lambda: store.write(claim)] * RIVALS))
        expect(len(keys) == 1, f"one claim, several keys: {keys}")
        expect(store.write(lambda tx: claims.in_force(tx, "d1")) == 1, "a held claim did not come into force")
        early = store.write(lambda tx: claims.expire(tx, START + HOUR - timedelta(microseconds=1)))
        expect(early == 0, "a claim ended before its end")
        expect(store.write(lambda tx: claims.expire(tx, START + HOUR)) == 1, "a claim that is over holds")
        expect(store.write(lambda tx: claims.release(tx, "d1")) == 0, "a claim that is over was released")
        store.write(claim)
        expect(store.write(lambda tx: claims.release(tx, "d1")) == 1, "a claim was not released")
        left = store.read(lambda read: claims.overlapping(read, "ads", START, START + HOUR))
        expect(left == [], f"expected no active claim, got {left}")

    @proves("impacts")
    def test_impacts_of_a_day_add_up_exactly_and_are_counted_once(self) -> None:
        store = self.opened()
        store.write(admit)
        store.write(lambda tx: [decide(tx, f"d{step}", step=step) for step in range(10)])

        def add(step: int, currency: str = "INR") -> bool:
            return store.write(
                lambda tx: impacts.add(
                    tx,
                    decision_id=f"d{step}",
                    resource="ads/budget",
                    day=DAY,
                    share=0.015,
                    amount=Decimal("0.1"),
                    currency=currency,
                )
            )

        counted = at_once([lambda step=step: add(step) for step in range(10)])
        expect(all(counted), f"not every impact was counted: {counted}")
        expect(not add(0), "an impact was counted twice")
        try:
            add(1, "USD")
        except InputError:
            pass
        else:
            raise AssertionError("an impact in another currency was counted")
        total = store.read(lambda read: impacts.total(read, "ads/budget", DAY))
        got = (total.share, total.amount)
        expect(got == (0.15, Decimal("1.0")), f"ten times 0.015 and 0.1: expected 0.15 and 1, got {got}")
        for step in range(10):
            store.write(lambda tx, step=step: impacts.release(tx, f"d{step}"))
        total = store.read(lambda read: impacts.total(read, "ads/budget", DAY))
        expect((total.share, total.amount) == (0, 0), f"all released: expected nothing, got {total}")
