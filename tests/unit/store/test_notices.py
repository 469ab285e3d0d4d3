"""Who was told what is kept."""

from __future__ import annotations

import pytest

from crossloop.errors import UnknownName
from crossloop.store import Store, Tx, notices
from crossloop.store.ledger.redaction import redact
from crossloop.store.notices import NoticeRow
from tests.support.stores import START, admit, decide


@pytest.fixture
def store(store: Store) -> Store:
    store.write(lambda tx: (admit(tx, "sig_a"), decide(tx, "dec_1", "sig_a")))
    return store


def tell(tx: Tx, id: str, *, case: str | None = "case_x", decision: str | None = "dec_1") -> bool:
    return notices.record(
        tx, id=id, case=case, decision_id=decision, recipient="asha", kind="held", text="₹200 wait for you"
    )


def test_a_notice_comes_back_as_it_was_recorded(store: Store):
    assert store.write(lambda tx: tell(tx, "ntc_1"))
    assert store.read(notices.listing) == [
        NoticeRow("ntc_1", "case_x", "dec_1", "asha", "held", "₹200 wait for you", START, 2)
    ]


def test_a_notice_is_recorded_once(store: Store):
    assert store.write(lambda tx: tell(tx, "ntc_1"))
    assert not store.write(lambda tx: tell(tx, "ntc_1"))


def test_notices_are_listed_in_order_and_by_case(store: Store):
    store.write(lambda tx: (tell(tx, "ntc_2"), tell(tx, "ntc_1", case=None, decision=None)))
    assert [row.id for row in store.read(notices.listing)] == ["ntc_2", "ntc_1"]
    assert [row.id for row in store.read(lambda read: notices.listing(read, case="case_x"))] == ["ntc_2"]


def test_a_notice_about_an_unknown_decision_is_refused(store: Store):
    with pytest.raises(UnknownName, match="dec_9"):
        store.write(lambda tx: tell(tx, "ntc_1", decision="dec_9"))


def test_a_redacted_notice_is_listed_without_what_it_said(store: Store):
    store.write(lambda tx: tell(tx, "ntc_1"))
    store.write(lambda tx: redact(tx, 2, "asked for"))
    [row] = store.read(notices.listing)
    assert (row.id, row.decision_id, row.recipient, row.text) == ("ntc_1", "dec_1", "", "")
