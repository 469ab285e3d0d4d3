"""Each invariant finds what violates it, and finds nothing in a company where all is well."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from crossloop.ids import ActionKey, derived, undo_key
from crossloop.signals import ActionRequest
from crossloop.store import Entry
from crossloop.testing import invariants
from crossloop.testing.evidence import Commit, Evidence, Taken
from crossloop.testing.systems import Effect

AT = datetime(2026, 1, 5, 6, tzinfo=UTC)
DAY = date(2026, 1, 5)
POLICY = "p" * 64
REQUEST = ActionRequest.model_validate(
    {
        "system": "ads",
        "operation": "change",
        "resource": "ads/c1",
        "arguments": {"signal": "sig_1", "department": "north", "step": 0},
    }
)
KEY = ActionKey(derived("act", "sig_1", "north", "0"))
DOCUMENT = {
    "timezone": "UTC",
    "rules": {"large": {"when": "daily_budget_share > 0.2"}, "dear": {"when": "amount > 1000"}},
    "loops": {
        "l": {"interventions": [{"name": "change", "approvals": ["large", "dear"]}, {"name": "free"}]},
    },
}

Told = list[tuple[str, dict[str, Any]]]


def decision(number: int = 1, outcome: str = "act", share: float = 0.1, amount: str = "500") -> Any:
    return "decision", {
        "decision": f"dec_{number}",
        "signal": f"sig_{number}",
        "department": "north",
        "step": 0,
        "loop": "l",
        "intervention": "change",
        "outcome": outcome,
        "verdict": {"policy": POLICY},
        "proposal": {
            "impact": {"resource": "ads/c1", "share": share, "amount": {"amount": amount, "currency": "INR"}},
        },
        "day": DAY.isoformat(),
    }


def permit(key: str = KEY, number: int = 1, **changes: Any) -> Any:
    digest, undoes = changes.pop("digest", REQUEST.digest()), changes.pop("undoes", None)
    granted = {
        "action_digest": digest,
        "expires_at": (AT + timedelta(hours=1)).isoformat(),
        "approval_id": None,
        **changes,
    }
    return "permit", {
        "action_key": key,
        "decision": f"dec_{number}",
        "digest": digest,
        "permit": granted,
        "undoes": undoes,
    }


def moved(kind: str, signal: str = "sig_1") -> Any:
    return f"signal.{kind}", {"signal": signal, "id": signal}


def asked(number: int = 1, quorum: int = 1) -> Any:
    return "approval.requested", {
        "approval": f"apr_{number}",
        "decision": f"dec_{number}",
        "people": ["asha", "ravi"],
        "quorum": quorum,
    }


def voted(person: str, number: int = 1) -> Any:
    return "approval.vote", {"approval": f"apr_{number}", "person": person}


def ended(state: str, number: int = 1) -> Any:
    return "approval.answered", {"approval": f"apr_{number}", "state": state}


ADOPTED: Any = ("policy.adopted", {"digest": POLICY, "document": DOCUMENT})
STARTED: Any = ("action.started", {"action_key": KEY})


PLANNED: Told = [
    ADOPTED,
    decision(),
    ("action.planned", {"action_key": KEY, "decision": "dec_1"}),
]
DROPPED: Any = ("action.dropped", {"action_key": KEY, "because": "it is over"})


def receipt(outcome: str) -> Any:
    return "receipt", {"action_key": KEY, "outcome": outcome}


def notice(kind: str, *people: str, number: int = 1, text: str = "so it is") -> Any:
    said = {"decision_id": f"dec_{number}", "recipients": [*people], "kind": kind, "text": text}
    return "notice", said


def incident(kind: str = "outcome_unknown", key: str = KEY) -> Any:
    said = {"incident": f"inc_{kind}", "action_key": key, "kind": kind, "people": ["asha"]}
    return "incident.opened", {**said, "decision": "dec_1"}


def incident_closed(kind: str = "outcome_unknown") -> Any:
    return "incident.closed", {"incident": f"inc_{kind}", "person": "asha", "happened": True}


def without(told: Told, *left_out: Any) -> Told:
    return [one for one in told if one not in left_out]


WELL: Told = [
    ADOPTED,
    moved("received"),
    decision(),
    permit(),
    moved("decided"),
    STARTED,
    receipt("done"),
    notice("done", "north"),
    moved("finished"),
]
HELD: Told = [
    ADOPTED,
    moved("received"),
    decision(outcome="hold"),
    asked(),
    notice("hold", "asha", "ravi"),
]
DOUBTFUL: Told = [
    *WELL[:6],
    receipt("unknown"),
    incident(),
    notice("incident", "asha"),
    notice("unknown", "north"),
    moved("finished"),
]
LOOKED_INTO: Told = [
    *DOUBTFUL,
    ("action.reconciled", {"action_key": KEY, "state": "reconciled"}),
    incident_closed(),
    notice("incident_closed", "asha"),
    notice("done", "north"),
]
OVERDUE: Told = [
    *DOUBTFUL,
    ("incident.overdue", {"incident": "inc_outcome_unknown"}),
    notice("incident_overdue", "asha"),
]
NEVER_BEGUN: Told = without(DOUBTFUL, STARTED)
BACK = undo_key(KEY)
NOT_TAKEN_BACK: Told = [
    *WELL,
    permit(BACK, undoes=KEY),
    ("action.started", {"action_key": BACK}),
    ("receipt", {"action_key": BACK, "outcome": "failed"}),
    notice("not_compensated", "north"),
    incident("not_compensated"),
    notice("incident", "asha"),
]


def effect(**changes: Any) -> Effect:
    return Effect(
        **{
            "system": "ads",
            "key": KEY,
            "request": REQUEST,
            "reference": "ads-0",
            "asked": AT,
            "at": AT,
            **changes,
        }
    )


def evidence(told: Told = WELL, **changes: Any) -> Evidence:
    found = Evidence(**{"effects": [effect()], "acknowledged": {"sig_1"}, **changes})
    found.ledger.read(
        Entry(position, kind, None, AT, b"", body, b"", b"") for position, (kind, body) in enumerate(told)
    )
    return found


def numbers(found: Evidence) -> set[int]:
    return {one.invariant for one in invariants.check(found)}


def test_nothing_is_found_where_all_is_well() -> None:
    totals = {("ads/c1", DAY): (Decimal("0.1"), Decimal(500))}
    commits = [Commit("one", 1, 1, 0, 3), Commit("console", None, 1, 3, 8)]
    checkpoints = [Taken(2, b"two"), Taken(8, b"eight")]
    roots = {2: b"two", 8: b"eight"}
    clean = evidence(
        totals=totals, commits=commits, checkpoints=checkpoints, roots=roots, receipts=[(KEY, "done")]
    )
    assert invariants.check(clean) == []


WRONG: list[tuple[int, str, Callable[[], Evidence]]] = [
    (1, "lost", lambda: evidence(acknowledged={"sig_1", "sig_2"})),
    (1, "left behind", lambda: evidence([*WELL[:-1]])),
    (1, "back again", lambda: evidence([*WELL, moved("decided")])),
    (2, "done twice", lambda: evidence(effects=[effect(), effect()])),
    (2, "one position under two keys", lambda: evidence(effects=[effect(), effect(key="act_other")])),
    (2, "unclaimed", lambda: evidence([one for one in WELL if one[0] != "action.started"])),
    (2, "content in the key", lambda: evidence([decision(), permit("act_x")], effects=[])),
    (2, "done without an effect", lambda: evidence(effects=[])),
    (2, "failed with an effect", lambda: evidence([*WELL[:6], receipt("failed"), WELL[-1]])),
    (2, "a doubt without an incident", lambda: evidence(without(DOUBTFUL, incident()))),
    (2, "a doubt with two incidents", lambda: evidence([*DOUBTFUL, incident()])),
    (2, "an incident without a doubt", lambda: evidence([*WELL, incident()])),
    (2, "settled and still open", lambda: evidence(without(LOOKED_INTO, incident_closed()))),
    (2, "closed and not settled", lambda: evidence([*DOUBTFUL, incident_closed()])),
    (
        2,
        "not taken back and no incident",
        lambda: evidence(without(NOT_TAKEN_BACK, incident("not_compensated"))),
    ),
    (1, "done and not told", lambda: evidence(without(WELL, notice("done", "north")))),
    (1, "told before it was done", lambda: evidence([notice("done", "north"), *WELL[:7], WELL[-1]])),
    (1, "asked and not told", lambda: evidence([*HELD[:4]])),
    (1, "asked, and others told", lambda: evidence([*HELD[:4], notice("hold", "asha")])),
    (1, "refused and not told", lambda: evidence([ADOPTED, decision(outcome="refuse")])),
    (1, "ended and not told", lambda: evidence([*HELD, ended("expired")])),
    (
        1,
        "an incident that nobody is told of",
        lambda: evidence(without(DOUBTFUL, notice("incident", "asha"))),
    ),
    (
        1,
        "overdue, and nobody is told",
        lambda: evidence(without(OVERDUE, notice("incident_overdue", "asha"))),
    ),
    (5, "overdue, and told twice", lambda: evidence([*OVERDUE, OVERDUE[-1]])),
    (5, "overdue twice", lambda: evidence([*OVERDUE, *OVERDUE[-2:]])),
    (2, "done and never begun", lambda: evidence(without(WELL, STARTED), effects=[])),
    (1, "parked and not told", lambda: evidence([moved("received"), moved("parked")])),
    (1, "dropped and not told", lambda: evidence([*PLANNED, DROPPED])),
    (1, "two endings and one notice", lambda: evidence([*LOOKED_INTO[:-1]])),
    (2, "a receipt that is not kept", lambda: evidence(receipts=[(KEY, "failed")])),
    (2, "of no decision", lambda: evidence([permit()], effects=[])),
    (3, "unpermitted", lambda: evidence([one for one in WELL if one[0] != "permit"])),
    (
        3,
        "another request",
        lambda: evidence([permit(digest="0" * 64) if one[0] == "permit" else one for one in WELL]),
    ),
    (3, "too late", lambda: evidence(effects=[effect(asked=AT + timedelta(hours=1))])),
    (4, "without approval", lambda: evidence([*HELD, permit()], effects=[])),
    (
        4,
        "of a rejection",
        lambda: evidence([*HELD, ended("rejected"), permit(approval_id="apr_1")], effects=[]),
    ),
    (
        4,
        "without enough",
        lambda: evidence(
            [
                *HELD[:3],
                asked(quorum=2),
                voted("asha"),
                voted("asha"),
                ended("approved"),
                permit(approval_id="apr_1"),
            ],
            effects=[],
        ),
    ),
    (
        4,
        "by a stranger",
        lambda: evidence(
            [*HELD, voted("mallory"), ended("approved"), permit(approval_id="apr_1")], effects=[]
        ),
    ),
    (
        4,
        "two of one approval",
        lambda: evidence(
            [
                *HELD,
                voted("asha"),
                ended("approved"),
                permit(approval_id="apr_1"),
                permit("act_other", 2, approval_id="apr_1"),
            ],
            effects=[],
        ),
    ),
    (4, "an intruder", lambda: evidence(intruders=["mallory"])),
    (
        5,
        "refused and permitted",
        lambda: evidence([ADOPTED, decision(outcome="refuse"), permit()], effects=[]),
    ),
    (5, "expired and permitted", lambda: evidence([*HELD, ended("expired"), permit()], effects=[])),
    (5, "decided twice", lambda: evidence([*WELL, decision()])),
    (5, "ended twice", lambda: evidence([*HELD, ended("rejected"), ended("approved")], effects=[])),
    (5, "permitted twice", lambda: evidence([*WELL, permit("act_other")])),
    (5, "told twice in other words", lambda: evidence([*WELL, notice("done", "north", text="yes")])),
    (5, "asked twice in the same words", lambda: evidence([*HELD, HELD[-1]])),
    (5, "told twice", lambda: evidence([*WELL, notice("done", "north")])),
    (5, "an incident closed twice", lambda: evidence([*LOOKED_INTO, incident_closed()])),
    (5, "a second receipt", lambda: evidence([*WELL, receipt("done")])),
    (6, "share", lambda: evidence([*WELL, decision(2, share=0.11)])),
    (6, "amount", lambda: evidence([*WELL, decision(2, amount="501")])),
    (6, "what waits counts", lambda: evidence([*HELD, decision(2, share=0.11)], effects=[])),
    (6, "counted otherwise", lambda: evidence(totals={("ads/c1", DAY): (Decimal(0), Decimal(0))})),
    (7, "broken", lambda: evidence(broken="entry 3 is missing")),
    (7, "rewritten", lambda: evidence(checkpoints=[Taken(2, b"two")], roots={2: b"other"})),
    (7, "shrunk", lambda: evidence(checkpoints=[Taken(5, b"five"), Taken(2, b"two")])),
    (8, "a gap", lambda: evidence(commits=[Commit("one", 1, 1, 0, 2), Commit("two", 2, 2, 3, 4)])),
    (8, "skipped", lambda: evidence(skipped=["entry 3 instead of 2"])),
    (9, "followed", lambda: evidence(commits=[Commit("one", 1, 2, 0, 8)])),
    (9, "released", lambda: evidence(commits=[Commit("one", 1, None, 0, 8)])),
    (9, "followed, in a table alone", lambda: evidence(commits=[Commit("one", 1, 2, 8, 8, rows=1)])),
    (9, "no lease, in a table alone", lambda: evidence(commits=[Commit("worker-1", None, 1, 8, 8, rows=1)])),
]


@pytest.mark.parametrize(
    ("number", "wrong"), [(number, wrong) for number, _, wrong in WRONG], ids=[name for _, name, _ in WRONG]
)
def test_what_violates_an_invariant_is_found_under_its_number(
    number: int, wrong: Callable[[], Evidence]
) -> None:
    assert number in numbers(wrong())


def test_what_was_given_back_counts_no_longer() -> None:
    told = [*HELD, ended("rejected"), decision(2, share=0.2)]
    assert 6 not in numbers(evidence(told, effects=[]))


def test_what_was_dropped_counts_no_longer() -> None:
    told = [*PLANNED, DROPPED, notice("dropped", "north"), decision(2, share=0.2)]
    assert 6 not in numbers(evidence(told, effects=[]))


def test_a_step_whose_taking_back_failed_counts_as_before() -> None:
    told = [*NOT_TAKEN_BACK, decision(2, share=0.11)]
    assert 6 in numbers(evidence(told))


@pytest.mark.parametrize(
    "told",
    [DOUBTFUL, LOOKED_INTO, OVERDUE, NOT_TAKEN_BACK],
    ids=["doubt", "settled", "overdue", "undone"],
)
def test_a_doubt_that_became_an_incident_and_was_told_is_well(told: Told) -> None:
    assert numbers(evidence(told)) == set()


@pytest.mark.parametrize("outcome", ["unknown", "failed"])
def test_what_nobody_has_started_has_failed_or_is_not_to_be_believed(outcome: str) -> None:
    failed = [*WELL[:5], receipt("failed"), notice("failed", "north"), moved("finished")]
    told = {"unknown": NEVER_BEGUN, "failed": failed}[outcome]
    assert numbers(evidence(told, effects=[])) == set()


def test_what_was_unknown_and_never_seen_to_begin_may_be_found_to_be_done() -> None:
    told = [
        *NEVER_BEGUN,
        ("action.reconciled", {"action_key": KEY, "state": "reconciled"}),
        incident_closed(),
        notice("incident_closed", "asha"),
        notice("done", "north"),
    ]
    found = [one.what for one in invariants.one_effect(evidence(told))]
    assert found == ["an effect of an action that nobody has started"]


def test_what_people_agreed_to_may_pass_the_limit() -> None:
    told = [*WELL, decision(2, outcome="hold", share=0.5)]
    assert 6 not in numbers(evidence(told))


def test_a_signal_that_is_listed_as_open_is_kept() -> None:
    assert 1 not in numbers(evidence([*WELL[:-1]], open={"sig_1"}))


def test_two_ledgers_of_one_seed_are_compared() -> None:
    assert list(invariants.same_ledger(b"a", b"a", 1)) == []
    (found,) = invariants.same_ledger(b"a", b"b", 7)
    assert (found.invariant, found.where) == (10, "7")


def test_every_invariant_of_the_design_has_a_function_that_says_so() -> None:
    functions = [*invariants.AT_THE_END, invariants.same_ledger]
    assert [str(one.__doc__).partition(".")[0] for one in functions] == [str(n) for n in range(1, 11)]
