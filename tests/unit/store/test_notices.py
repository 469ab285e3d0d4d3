"""Who was told what stands in the ledger."""

from __future__ import annotations

from crossloop.store import Store, Tx, notices
from crossloop.store.ledger.redaction import redact
from tests.support.stores import admit, decide


def tell(tx: Tx) -> None:
    admit(tx, "sig_a")
    decide(tx, "dec_1", "sig_a")
    notices.record(
        tx,
        case="case_x",
        decision_id="dec_1",
        recipients=("asha", "marketing"),
        kind="held",
        text="₹200 wait for you",
    )


def test_a_notice_stands_in_its_case_as_it_was_recorded(store: Store):
    store.write(tell)
    (entry,) = store.read(lambda read: list(read.entries(2, case="case_x")))
    assert (entry.position, entry.kind) == (2, notices.NOTICE)
    assert entry.body == {
        "decision_id": "dec_1",
        "recipients": ["asha", "marketing"],
        "kind": "held",
        "text": "₹200 wait for you",
    }


def test_what_a_notice_said_can_be_redacted(store: Store):
    store.write(tell)
    store.write(lambda tx: redact(tx, 2, "asked for"))
    assert store.read(lambda read: read.entry(2)).body is None
