"""Cases are found by the beginning of their id."""

from __future__ import annotations

from crossloop.store import Store, cases


def test_cases_are_found_by_the_beginning_of_their_id(store: Store):
    for case in ("case_ab", "case_b", "case_aa"):
        store.write(lambda tx, case=case: tx.append("drill", case, {}))
    assert store.read(lambda read: cases.find(read, "case_a")) == ["case_aa", "case_ab"]
    assert store.read(lambda read: cases.find(read, "case_x")) == []


def test_at_most_fifty_cases_are_given(store: Store):
    store.write(lambda tx: [tx.append("drill", f"case_{number:03}", {}) for number in range(60)])
    assert len(store.read(lambda read: cases.find(read, "case_"))) == 50
