"""Whatever is changed in a table that says what is permitted is found, and no entry is blamed."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from datetime import timedelta
from types import ModuleType
from typing import Any, get_args

import pytest
from sqlalchemy import CheckConstraint, Column, Text

import crossloop.store
from crossloop.store import (
    Store,
    Tx,
    actions,
    approvals,
    choices,
    decisions,
    inbox,
    incidents,
    policies,
    told,
    verify,
    votes,
)
from crossloop.store.actions import NewAction
from crossloop.store.ledger.redaction import redact
from crossloop.store.schema import metadata
from tests.support.stores import START, admit, decide


def new(key: str, decision: str, undoes: str | None = None) -> NewAction:
    return NewAction(
        key=key,
        decision_id=decision,
        case="case_of_sig_a",
        system="ads",
        operation="suppress_audience",
        resource="ads/C1",
        digest="d" * 64,
        undoes=undoes,
    )


def permit(tx: Tx, key: str, decision: str, undoes: str | None = None) -> None:
    assert actions.permit(tx, new(key, decision, undoes), expires_at=START + timedelta(hours=1), body={})


def ask(tx: Tx, id: str, decision: str) -> None:
    approvals.open_(
        tx,
        id=id,
        decision_id=decision,
        case="case_of_sig_a",
        digest="d" * 64,
        policy="p" * 64,
        people=["asha", "ravi"],
        quorum=2,
        due=START + timedelta(hours=4),
        body={},
    )


def answer(tx: Tx, id: str, state: approvals.Answer, person: str | None) -> None:
    approvals.answer(tx, id, state=state, person=person, reason="because", body={})


def finish(tx: Tx, key: str, outcome: actions.Outcome) -> None:
    actions.start(tx, key)
    actions.finish(tx, key, outcome, reference="r" if outcome == "done" else None, body={})


def close_incident(tx: Tx, action: str, person: str | None, *, happened: bool) -> None:
    id = incidents.incident_id(action, "outcome_unknown")
    assert incidents.close(tx, id, person=person, happened=happened, body={})


def everything(tx: Tx) -> None:
    """Something in every state that there is."""
    for document in ("one", "two"):
        policies.adopt(tx, digest=document, body={})
    for id in ("sig_a", "sig_b", "sig_c", "sig_d", "sig_e", "sig_f"):
        admit(tx, id)
    for number in range(10):
        decide(tx, f"dec_{number}", "sig_a")
    for id in ("sig_a", "sig_b"):
        inbox.decided(tx, id, {})
    inbox.finished(tx, "sig_b", {})
    inbox.parked(tx, "sig_d", {})
    inbox.expired(tx, "sig_e", {})
    inbox.parked(tx, "sig_f", {})
    inbox.expired(tx, "sig_f", {})
    for number in range(7):
        ask(tx, f"apr_{number}", f"dec_{number}")
    for id in ("apr_5", "apr_6"):
        approvals.pass_on(tx, id, people=["mina"], due=START + timedelta(hours=8), body={})
    for approval, person in (("apr_0", "asha"), ("apr_0", "ravi"), ("apr_1", "asha")):
        votes.give(tx, approval, person=person, body={})
    answer(tx, "apr_0", "approved", "ravi")
    answer(tx, "apr_2", "rejected", "asha")
    answer(tx, "apr_3", "expired", None)
    answer(tx, "apr_4", "withdrawn", None)
    answer(tx, "apr_6", "rejected", "mina")
    for state in get_args(approvals.Answer):
        ask(tx, f"apr_{state}", "dec_9")
        answer(tx, f"apr_{state}", state, None)
    approvals.thread_removed(tx, "apr_4")
    for number in range(6):
        permit(tx, f"act_{number}", f"dec_{number}")
    actions.start(tx, "act_1")
    finish(tx, "act_2", "done")
    finish(tx, "act_3", "failed")
    finish(tx, "act_4", "unknown")
    finish(tx, "act_5", "done")
    actions.compensate(tx, "act_5", "act_2")
    for key in ("act_6", "act_7", "act_8", "act_r", "act_f", "act_c"):
        permit(tx, f"{key}_undone", "dec_5")
        finish(tx, f"{key}_undone", "done")
    for number in range(6, 9):
        planned = new(f"act_{number}", f"dec_{min(number, 7)}", f"act_{number}_undone")
        assert actions.plan(tx, planned, body={})
    permit(tx, "act_7", "dec_7", "act_7_undone")
    for key, outcome in (("act_g", "failed"), ("act_h", "unknown")):
        permit(tx, key, "dec_5")
        assert actions.forgo(tx, key, outcome, body={})
    actions.drop(tx, "act_8", "rejected")
    found_out: dict[str, actions.Finding] = {"act_r": "reconciled", "act_f": "failed", "act_c": "reconciled"}
    for key, found in found_out.items():
        permit(tx, key, "dec_9", f"{key}_undone")
        finish(tx, key, "unknown")
        actions.reconcile(tx, key, found, reference="r" if found == "reconciled" else None, body={})
    actions.compensate(tx, "act_c", None)
    for key in ("act_4", "act_r", "act_f"):
        incidents.open_(tx, action=key, kind="outcome_unknown", people=["asha"], due=START, body={})
    for key in ("act_4", "act_r"):
        assert incidents.mark_overdue(tx, incidents.incident_id(key, "outcome_unknown"))
    close_incident(tx, "act_r", "ravi", happened=True)
    close_incident(tx, "act_f", None, happened=False)
    choices.record(tx, loop="rto", chosen={"threshold": "0.2"}, settings={"threshold": 0.2}, body={})


@pytest.fixture
def store(store: Store) -> Store:
    store.write(everything)
    return store


def found(store: Store, *statements: str) -> str:
    """What verifying says after some statements; it blames no entry."""
    before = store.read(verify)
    assert (before.ok, before.problem) == (True, "")
    for statement in statements:
        assert store.write(lambda tx, statement=statement: tx.execute(statement)) == 1, statement
    after = store.read(verify)
    assert (after.ok, after.first_bad) == (False, None)
    assert (after.entries, after.root) == (before.entries, before.root)
    assert "a table beside the ledger was changed" in after.problem
    return after.problem


@pytest.mark.parametrize(
    ("change", "says"),
    [
        # Who may answer, what they were asked, and by when.
        (
            "UPDATE approvals SET people = '[\"mallory\"]' WHERE id = 'apr_1'",
            "approvals, apr_1: people is ['mallory']",
        ),
        ("UPDATE approvals SET quorum = 1 WHERE id = 'apr_1'", "quorum is 1, but entry"),
        ("UPDATE approvals SET due = due + 86400000000 WHERE id = 'apr_1'", "due is '2025-03-02T13:30"),
        ("UPDATE approvals SET digest = 'e' WHERE id = 'apr_1'", "digest is 'e'"),
        ("UPDATE approvals SET policy = 'q' WHERE id = 'apr_1'", "policy is 'q'"),
        ("UPDATE approvals SET decision_key = decision_key + 1 WHERE id = 'apr_1'", "decision is 'dec_2'"),
        ("UPDATE approvals SET id = 'apr_9' WHERE id = 'apr_1'", "approval is 'apr_9'"),
        ("UPDATE approvals SET case_key = case_key + 1 WHERE id = 'apr_1'", "another case"),
        # Whom it was passed on to.
        ("UPDATE approvals SET people = '[\"asha\"]' WHERE id = 'apr_5'", "people is ['asha'], but entry"),
        ("UPDATE approvals SET quorum = 2 WHERE id = 'apr_5'", "quorum is 2, but entry"),
        ("UPDATE approvals SET due = due + 1 WHERE id = 'apr_5'", "due is"),
        ("UPDATE approvals SET passed_on = NULL WHERE id = 'apr_5'", "people is ['mina'], but entry"),
        (
            'UPDATE approvals SET passed_on = NULL, people = \'["asha","ravi"]\', quorum = 2,'
            " due = due - 14400000000 WHERE id = 'apr_5'",
            "no row rests on entry",
        ),
        ("UPDATE approvals SET policy = 'q' WHERE id = 'apr_5'", "policy is 'q'"),
        # What was answered.
        ("UPDATE approvals SET state = 'approved' WHERE id = 'apr_1'", "lead to 'waiting'"),
        ("UPDATE approvals SET state = 'approved' WHERE id = 'apr_2'", "state is 'approved', but entry"),
        ("UPDATE approvals SET state = 'waiting' WHERE id = 'apr_2'", "state is 'waiting', but entry"),
        ("UPDATE approvals SET person = 'ravi' WHERE id = 'apr_2'", "person is 'ravi'"),
        ("UPDATE approvals SET person = 'ravi' WHERE id = 'apr_3'", "person is 'ravi', but entry"),
        ("UPDATE approvals SET reason = 'no' WHERE id = 'apr_2'", "reason is 'no'"),
        (
            "UPDATE approvals SET person = 'asha' WHERE id = 'apr_1'",
            "person is 'asha', but no entry of kind approval.answered says so",
        ),
        (
            "UPDATE approvals SET state = 'waiting', answered = NULL WHERE id = 'apr_2'",
            "person is 'asha', but",
        ),
        (
            "UPDATE approvals SET state = 'waiting', answered = NULL, person = NULL, reason = NULL"
            " WHERE id = 'apr_2'",
            "no row rests on entry",
        ),
        ("DELETE FROM approvals WHERE id = 'apr_2'", "(approval.requested)"),
        # Who has approved.
        ("UPDATE approval_votes SET person = 'mallory' WHERE person = 'ravi'", "person is 'mallory'"),
        (
            "UPDATE approval_votes SET approval_key = (SELECT key FROM approvals WHERE id = 'apr_2')"
            " WHERE person = 'ravi'",
            "approval is 'apr_2'",
        ),
        ("DELETE FROM approval_votes WHERE person = 'ravi'", "(approval.vote)"),
        (
            "INSERT INTO approval_votes SELECT 1, key, 'mallory' FROM approvals WHERE id = 'apr_1'",
            "approval_votes, vote 1: it rests on entry 1, which is not of kind approval.vote",
        ),
        (
            "INSERT INTO approval_votes SELECT 10000, key, 'mallory' FROM approvals WHERE id = 'apr_1'",
            "rests on entry 10000, which is not",
        ),
        # What is permitted, and how far it has come.
        ("UPDATE actions SET state = 'permitted' WHERE id = 'act_6'", "lead to 'planned'"),
        ("UPDATE actions SET state = 'planned' WHERE id = 'act_8'", "lead to 'dropped'"),
        ("UPDATE actions SET state = 'planned', dropped = NULL WHERE id = 'act_8'", "(action.dropped)"),
        ("UPDATE actions SET undoes = NULL WHERE id = 'act_6'", "undoes is None"),
        ("UPDATE actions SET expires_at = 1 WHERE id = 'act_6'", "expires_at is"),
        ("UPDATE actions SET state = 'done' WHERE id = 'act_r'", "lead to 'reconciled' or 'failed'"),
        ("UPDATE actions SET state = 'failed' WHERE id = 'act_r'", "state is 'failed', but entry"),
        ("UPDATE actions SET state = 'unknown', reconciled = NULL WHERE id = 'act_f'", "(action.reconciled)"),
        ("UPDATE actions SET reference = 'x' WHERE id = 'act_r'", "reference is 'x'"),
        # What nobody but a person can settle.
        ("UPDATE incidents SET people = '[\"mallory\"]' WHERE state = 'open'", "people is ['mallory']"),
        ("UPDATE incidents SET state = 'closed' WHERE state = 'open'", "lead to 'open'"),
        ("UPDATE incidents SET person = 'asha' WHERE state = 'open'", "no entry of kind incident.closed"),
        ("UPDATE incidents SET happened = 0 WHERE person = 'ravi'", "happened is False"),
        ("UPDATE actions SET state = 'permitted' WHERE id = 'act_3'", "outcome is 'permitted', but entry"),
        ("UPDATE actions SET state = 'done' WHERE id = 'act_3'", "outcome is 'done', but entry"),
        ("UPDATE actions SET state = 'done' WHERE id = 'act_0'", "lead to 'permitted'"),
        ("UPDATE actions SET state = 'permitted', started = NULL WHERE id = 'act_1'", "(action.started)"),
        ("UPDATE actions SET state = 'started', finished = NULL WHERE id = 'act_3'", "(receipt)"),
        ("UPDATE actions SET state = 'done' WHERE id = 'act_5'", "lead to 'compensated'"),
        ("UPDATE actions SET state = 'done', compensated = NULL WHERE id = 'act_5'", "by is 'act_2', but"),
        (
            "UPDATE actions SET state = 'done', compensated = NULL, compensated_by = NULL WHERE id = 'act_5'",
            "(action.compensated)",
        ),
        ("UPDATE actions SET compensated_by = key WHERE id = 'act_5'", "by is 'act_5'"),
        ("UPDATE actions SET compensated_by = key WHERE id = 'act_2'", "no entry of kind action.compensated"),
        ("UPDATE actions SET reference = 'x' WHERE id = 'act_2'", "reference is 'x'"),
        ("UPDATE actions SET reference = 'x' WHERE id = 'act_1'", "no entry of kind receipt"),
        ("UPDATE actions SET digest = 'x' WHERE id = 'act_0'", "digest is 'x'"),
        ("UPDATE actions SET system = 'x' WHERE id = 'act_0'", "system is 'x'"),
        ("UPDATE actions SET operation = 'x' WHERE id = 'act_0'", "operation is 'x'"),
        ("UPDATE actions SET resource = 'x' WHERE id = 'act_0'", "resource is 'x'"),
        ("UPDATE actions SET expires_at = expires_at + 1 WHERE id = 'act_0'", "expires_at is"),
        ("UPDATE actions SET decision_key = decision_key + 1 WHERE id = 'act_0'", "decision is 'dec_1'"),
        ("UPDATE actions SET id = 'act_9' WHERE id = 'act_0'", "action_key is 'act_9'"),
        ("DELETE FROM actions WHERE id = 'act_0'", "(permit)"),
        (
            "INSERT INTO actions SELECT 3, 'act_9', decision_key, case_key, system, operation, resource,"
            " digest, NULL, NULL, permitted, expires_at, state, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0"
            " FROM actions WHERE id = 'act_0'",
            "actions, act_9: its key is 3, but it begins with entry",
        ),
        (
            "UPDATE actions SET state = 'failed', finished = (SELECT max(position) FROM entries WHERE"
            " kind = 'receipt') WHERE id = 'act_6'",
            "moved it, but it was never permitted",
        ),
        # What they all rest on.
        ("UPDATE decisions SET id = 'dec_99' WHERE id = 'dec_9'", "decision is 'dec_99'"),
        ("UPDATE decisions SET signal_key = signal_key + 1 WHERE id = 'dec_9'", "signal is 'sig_b'"),
        ("DELETE FROM decisions WHERE id = 'dec_8'", "(decision)"),
        ("UPDATE decisions SET department = 'x' WHERE id = 'dec_9'", "department is 'x'"),
        ("UPDATE decisions SET verdict = 'hold' WHERE id = 'dec_9'", "outcome is 'hold', but entry"),
        ("UPDATE decisions SET intervention = 'x' WHERE id = 'dec_9'", "intervention is 'x'"),
        ("UPDATE decisions SET loop = NULL WHERE id = 'dec_9'", "loop is None"),
        ("UPDATE decisions SET step = 7 WHERE id = 'dec_9'", "step is 7"),
        ("UPDATE signals SET state = 'new' WHERE id = 'sig_a'", "lead to 'decided'"),
        ("UPDATE signals SET state = 'new', decided = NULL WHERE id = 'sig_a'", "(signal.decided)"),
        ("UPDATE signals SET id = 'sig_z' WHERE id = 'sig_c'", "id is 'sig_z'"),
        ("UPDATE signals SET type = 'x' WHERE id = 'sig_c'", "type is 'x'"),
        ("UPDATE signals SET department = 'x' WHERE id = 'sig_c'", "department is 'x'"),
        ("UPDATE signals SET valid_until = 0 WHERE id = 'sig_c'", "valid_until is '1970-01-01T00:00:00Z'"),
        ("DELETE FROM signals WHERE id = 'sig_c'", "(signal.received)"),
        ("UPDATE policies SET digest = 'one' WHERE digest = 'two'", "digest is 'one'"),
        ("DELETE FROM policies WHERE digest = 'two'", "policies: no row rests on entry 1 (policy.adopted)"),
        ("INSERT INTO policies VALUES (999, 'two')", "rests on entry 999"),
        # What a loop looked with.
        ("UPDATE choices SET loop = 'x'", "loop is 'x'"),
        ("UPDATE choices SET chosen = '{}'", "chosen is {}"),
        ("UPDATE choices SET settings = '{}'", "settings is {}"),
        ("DELETE FROM choices", "(settings.changed)"),
    ],
)
def test_a_row_that_says_something_else_than_its_entries_is_found_and_named(
    store: Store, change: str, says: str
) -> None:
    assert says in found(store, change)


def redacted(store: Store, kind: str) -> None:
    entries = store.read(lambda read: [one.position for one in read.entries() if one.kind == kind])
    store.write(lambda tx: [redact(tx, position, "asked for") for position in entries])


@pytest.mark.parametrize(
    "kind",
    [
        policies.ADOPTED,
        choices.CHANGED,
        inbox.RECEIVED,
        inbox.DECIDED,
        decisions.DECISION,
        approvals.REQUESTED,
        approvals.PASSED_ON,
        approvals.ANSWERED,
        votes.VOTE,
        actions.PLANNED,
        actions.PERMIT,
        actions.STARTED,
        actions.RECEIPT,
        actions.RECONCILED,
        actions.COMPENSATED,
        actions.DROPPED,
        inbox.PARKED,
        inbox.EXPIRED,
        incidents.OPENED,
        incidents.CLOSED,
    ],
)
def test_rows_whose_entries_were_redacted_are_well(store: Store, kind: str) -> None:
    redacted(store, kind)
    result = store.read(verify)
    assert (result.ok, result.problem) == (True, "")


def test_rows_that_share_a_redacted_entry_are_found(store: Store) -> None:
    redacted(store, actions.RECEIPT)
    shared = "(SELECT finished FROM actions WHERE id = 'act_2')"
    assert "(receipt)" in found(
        store, f"UPDATE actions SET finished = {shared}, state = 'done' WHERE id = 'act_3'"
    )


def test_a_row_that_borrows_the_redacted_entry_of_another_is_found(store: Store) -> None:
    redacted(store, actions.STARTED)
    other = "(SELECT started FROM actions WHERE id = 'act_2')"
    assert "15 rows" in found(
        store, f"UPDATE actions SET started = {other}, state = 'started' WHERE id = 'act_0'"
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("DROP TABLE approval_votes", "cannot be read"),
        ("UPDATE approvals SET people = 'asha'", "cannot be read: table approvals, row apr_0, column people"),
        (
            "UPDATE approvals SET due = 9000000000000000000",
            "table approvals, row apr_0, column due: expected",
        ),
    ],
)
def test_a_table_that_cannot_be_read_is_a_finding_and_no_crash(store: Store, change: str, says: str) -> None:
    store.write(lambda tx: tx.execute(change))
    result = store.read(verify)
    assert (result.ok, result.first_bad) == (False, None)
    assert says in result.problem


def test_a_bad_entry_is_named_before_any_row(store: Store) -> None:
    store.write(lambda tx: tx.execute("UPDATE approvals SET quorum = 1"))
    store.write(lambda tx: tx.execute("UPDATE entries SET at = at + 1 WHERE position = 7"))
    assert store.read(verify).first_bad == 7


COMPARED = {table.name: table for table in told.TABLES}

DECIDES_NOTHING = {("approvals", "thread_kept"), ("actions", "back_due")}
"""Columns that are not compared; the module says why."""

PERMITS_NOTHING = {
    *("head", "entries", "tiles", "cases"),  # the ledger itself
    *("claims", "claims_past", "impacts", "impact_totals", "conditions", "observations", "leases"),
}
"""Tables that are not compared; the module says why."""

NO_MOVES: set[str] = set()
"""Kinds of entries that the modules of compared tables write and on which no row rests."""


def states_of(table: str) -> set[str]:
    """Every state that the schema lets a row have; empty where it has none."""
    checks = [one for one in metadata.tables[table].constraints if isinstance(one, CheckConstraint)]
    return {state for check in checks for state in re.findall(r"'(\w+)'", str(check.sqltext))}


@pytest.mark.parametrize("table", [name for name in COMPARED if states_of(name)])
def test_the_example_holds_every_state_there_is_and_moves_lead_to_each(store: Store, table: str) -> None:
    found = store.read(lambda read: {row[0] for row in read.rows(f"SELECT DISTINCT state FROM {table}")})
    assert found == states_of(table)
    assert {state for move in COMPARED[table].moves for state in move.states} == states_of(table)


def test_every_table_is_compared_or_named_as_one_that_is_not() -> None:
    assert set(COMPARED) | PERMITS_NOTHING == set(metadata.tables)
    assert set(COMPARED) & PERMITS_NOTHING == set()


def writers() -> list[ModuleType]:
    """The modules of the store that write a table whose rows are compared."""
    writes = re.compile(rf"(?:INSERT INTO|UPDATE|DELETE FROM) (?:{'|'.join(COMPARED)})\b")
    names = [one.name for one in pkgutil.iter_modules(crossloop.store.__path__, "crossloop.store.")]
    modules = [importlib.import_module(name) for name in names]
    return [module for module in modules if writes.search(inspect.getsource(module))]


def appended(module: ModuleType) -> Iterator[ast.expr]:
    """What a module hands to ``tx.append`` as the kind of an entry."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "tx.append":
            yield node.args[0]


def kinds_of(module: ModuleType) -> dict[str, str]:
    """Names and values of a module's public constants that are text: the kinds of the entries it writes."""
    return {
        name: value
        for name, value in vars(module).items()
        if name.isupper() and not name.startswith("_") and isinstance(value, str)
    }


def test_every_kind_of_entry_that_the_modules_of_these_tables_write_is_a_move_or_named_as_none() -> None:
    modules = writers()
    assert {inbox, decisions, actions, approvals, votes, policies} <= set(modules)
    for module in modules:
        named = {one.id if isinstance(one, ast.Name) else ast.unparse(one) for one in appended(module)}
        assert named <= {*kinds_of(module), "kind"}, f"{module.__name__} writes a kind without a name"
    written = {kind for module in modules for kind in kinds_of(module).values()}
    assert written == {move.kind for table in told.TABLES for move in table.moves} | NO_MOVES


def test_every_move_is_made_in_the_example(store: Store) -> None:
    for table in told.TABLES:
        for move in table.moves:
            made = f"SELECT count(*) FROM {table.name} WHERE {move.column} IS NOT NULL"
            assert store.read(lambda read, made=made: read.rows(made)) != [(0,)], (table.name, move.column)


class _Over(Exception):
    """Ends a transaction whose changes are not to stay."""


def others(tx: Tx, table: str, column: Column[Any], value: Any) -> Iterator[Any]:
    """Values that a column could have instead."""
    if value is not None and column.nullable:
        yield None
    if column.name == "state":
        yield from states_of(table) - {value}
    elif column.foreign_keys:
        (target,) = column.foreign_keys
        keys = tx.rows(f"SELECT key FROM {target.column.table.name} ORDER BY key DESC")
        yield next(key for (key,) in keys if key != value)
    elif column.name == "people":
        yield '["mallory"]'
    elif isinstance(column.type, Text):
        yield f"{value or ''}x"
    else:
        yield (value or 0) + 100_000


@pytest.mark.parametrize("table", COMPARED)
def test_whatever_is_changed_in_any_row_of_a_compared_table_is_found(store: Store, table: str) -> None:
    columns = metadata.tables[table].columns
    unseen: list[str] = []

    def work(tx: Tx) -> None:
        tx.execute("PRAGMA defer_foreign_keys = ON")
        for column in columns:
            if (table, column.name) in DECIDES_NOTHING:
                continue
            change = f"UPDATE {table} SET {column.name} = :value WHERE rowid = :row"
            for row, value in tx.rows(f"SELECT rowid, {column.name} FROM {table}"):
                for other in others(tx, table, column, value):
                    tx.execute("SAVEPOINT before")
                    assert tx.execute(change, value=other, row=row) == 1
                    if verify(tx).ok:
                        unseen.append(f"{column.name} of row {row} from {value!r} to {other!r}")
                    tx.execute("ROLLBACK TO before")
        raise _Over

    with pytest.raises(_Over):
        store.write(work)
    assert unseen == []


def test_whether_a_thread_is_kept_is_no_finding(store: Store) -> None:
    store.write(lambda tx: tx.execute("UPDATE approvals SET thread_kept = 1 - thread_kept"))
    assert store.read(verify).ok
