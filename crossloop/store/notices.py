"""Notices: who was told what. An entry and nothing else; sending them is another matter."""

from __future__ import annotations

from collections.abc import Sequence

from crossloop.store.session import Tx

NOTICE = "notice"


def record(
    tx: Tx, *, case: str, decision_id: str | None, recipients: Sequence[str], kind: str, text: str
) -> None:
    """Record what people and departments are told.

    Args:
        decision_id: what it is about; none where that is a signal that nobody decided on.
        recipients: persons and departments, each once.
        kind: what it is about, for example ``hold``.
        text: what they are told.
    """
    said = {"decision_id": decision_id, "recipients": list(recipients), "kind": kind, "text": text}
    tx.append(NOTICE, case, said)
