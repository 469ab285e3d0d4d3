"""What SQLite takes for plain agreement is never more than what comparing row by row takes for it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossloop.store import Store, Tx, actions, decisions, inbox, states, told, verify, votes
from crossloop.store.actions import NewAction
from tests.support.ledger_drills import reading
from tests.support.stores import START, admit, decide, open_store

ODD = 'Ünal "q" \\ \u2028 \x01\n {"id":"sig_b"}'
COLUMNS = {
    "signals": (
        "id",
        "type",
        "subject",
        "department",
        "time",
        "valid_until",
        "state",
        "decided",
        "finished",
        "parked",
        "expired",
    ),
    "decisions": ("id", "department", "step", "loop", "intervention", "verdict", "saga", "signal_key"),
    "actions": (
        *("id", "system", "operation", "resource", "digest", "expires_at", "state"),
        *("reference", "started", "finished", "decision_key", "planned", "permitted", "undoes"),
        *("reconciled", "compensated", "compensated_by", "dropped"),
    ),
}
KEYS = ("key", "case_key")


def finished_case(tx: Tx, name: str, text: str, moment: datetime) -> None:
    """A signal, a decision and an action that are over, with a text and an instant wherever there is one."""
    later = moment + timedelta(microseconds=1)
    case, signal, decision, action = (f"{kind} {name}" for kind in ("case", "sig", "dec", "act"))
    inbox.admit(
        tx,
        id=signal,
        type=text,
        subject=text,
        department=text,
        case=case,
        time=moment,
        valid_until=later,
        body={"data": {"id": "another", "time": [text]}},
    )
    decisions.record(
        tx,
        id=decision,
        signal_id=signal,
        department=text,
        step=0,
        loop=None if len(text) % 2 else text,
        intervention=text,
        verdict="act",
        case=case,
        body={"proposal": {"department": "another", "outcome": "refuse"}},
    )
    actions.permit(
        tx,
        NewAction(action, decision, case, system=text, operation=text, resource=text, digest=text),
        expires_at=moment,
        body={"permit": {"action_key": "another"}},
    )
    inbox.decided(tx, signal, {"note": text})
    actions.start(tx, action)
    outcome = "done" if len(text) % 2 else "failed"
    actions.finish(tx, action, outcome, reference=text if len(text) % 2 else None, body={"detail": text})
    inbox.finished(tx, signal, {})


class Loose:
    """A plain connection to a store whose tables accept anything and do not tell upper from lower case."""

    def __init__(self, path: Path) -> None:
        self.sql = sqlite3.connect(path, isolation_level=None)
        self.read = reading(self.sql)
        for name in COLUMNS:
            columns = [row[1] for row in self.sql.execute(f"PRAGMA table_info({name})")]
            self.sql.execute(f"ALTER TABLE {name} RENAME TO kept_{name}")
            loose = ", ".join(f"{column} COLLATE NOCASE" for column in columns)
            self.sql.execute(f"CREATE TABLE {name} ({loose})")
            self.sql.execute(f"INSERT INTO {name} SELECT * FROM kept_{name}")

    def said(self, name: str) -> tuple[str | None, str | None]:
        """What is found with SQLite's help, and what is found without."""
        table = next(one for one in told.TABLES if one.name == name)
        whole = states._select(name, "1", unless_plain=False)
        return self._tried(lambda: states._rows_differ(self.read, table, "1")), self._tried(
            lambda: states._compared(self.read, table, whole, {})
        )

    @staticmethod
    def _tried(work: object) -> str | None:
        assert callable(work)
        try:
            return work()
        except (ValueError, TypeError, AttributeError, OverflowError, sqlite3.DatabaseError) as error:
            return type(error).__name__

    def plain(self, name: str) -> int:
        """How many rows SQLite takes for plain."""
        table = next(one for one in told.TABLES if one.name == name)
        left = len(self.sql.execute(states._select(name, "1", unless_plain=True)).fetchall())
        return len(self.sql.execute(f"SELECT 1 FROM {table.name}").fetchall()) - left


@pytest.fixture(scope="module")
def loose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loose]:
    path = tmp_path_factory.mktemp("loose") / "store.db"
    with open_store(path) as store:
        for name, text in (("a", "plain"), ("b", ODD), ("c", "even")):
            store.write(lambda tx, name=name, text=text: finished_case(tx, name, text, START))
    opened = Loose(path)
    with closing(opened.sql):
        yield opened


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20),
    moment=st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9999, 12, 30)),
)
def test_rows_that_are_over_are_told_by_sqlite_whatever_they_say(
    tmp_path_factory: pytest.TempPathFactory, text: str, moment: datetime
):
    path = tmp_path_factory.mktemp("any") / "store.db"
    with open_store(path) as store:
        store.write(lambda tx: finished_case(tx, "a", text, moment.replace(tzinfo=UTC)))
        assert store.read(verify).ok
    shell = Loose(path)
    with closing(shell.sql):
        # An unusual control character may be written another way; such a row is compared in Python.
        if text.isprintable():
            assert [shell.plain(name) for name in COLUMNS] == [1, 1, 1]
        assert [shell.said(name) for name in COLUMNS] == [(None, None)] * 3


VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 25),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    st.binary(max_size=6),
    st.sampled_from(
        ["PLAIN", "plain", "done", "DONE", "failed", "FINISHED", "new", "act", "sig a", "0", ODD]
    ),
)
AS_OTHER_TYPE = (
    "CAST({} AS TEXT)",
    "CAST({} AS BLOB)",
    "CAST({} AS REAL)",
    "{} + 0.5",
    "{} || ' '",
    "upper({})",
)


@settings(max_examples=300)
@given(data=st.data())
def test_whatever_stands_in_a_row_sqlite_lets_nothing_pass_that_comparing_would_find(
    loose: Loose, data: st.DataObject
):
    name = data.draw(st.sampled_from(sorted(COLUMNS)))
    column = data.draw(st.sampled_from([*COLUMNS[name], *KEYS]))
    row = data.draw(st.integers(1, 3))
    expression, values = data.draw(
        st.one_of(
            VALUES.map(lambda value: ("?", (value,))),
            st.sampled_from(AS_OTHER_TYPE).map(lambda form: (form.format(column), ())),
        )
    )
    loose.sql.execute("BEGIN")
    try:
        loose.sql.execute(f"UPDATE {name} SET {column} = {expression} WHERE rowid = ?", (*values, row))
        helped, alone = loose.said(name)
        assert helped == alone
    finally:
        loose.sql.execute("ROLLBACK")


@pytest.mark.parametrize("name", sorted(COLUMNS))
def test_each_column_of_a_row_that_is_over_is_told(loose: Loose, name: str):
    assert loose.plain(name) == 3
    for column in COLUMNS[name]:
        loose.sql.execute("BEGIN")
        loose.sql.execute(f"UPDATE {name} SET {column} = 19 WHERE rowid = 1")
        helped, alone = loose.said(name)
        loose.sql.execute("ROLLBACK")
        assert helped == alone
        assert helped is not None, column


@pytest.mark.parametrize("stretch", [1, 2, 5, 1000])
@pytest.mark.parametrize("key", [0, 9, 18, 29])
def test_a_changed_row_is_found_in_whatever_stretch_it_stands(
    store: Store, monkeypatch: pytest.MonkeyPatch, stretch: int, key: int
):
    monkeypatch.setattr(states, "_STRETCH", stretch)
    store.write(lambda tx: [admit(tx, f"sig_{number}") for number in range(30)])
    assert store.read(verify).ok
    assert (
        store.write(lambda tx: tx.execute("UPDATE signals SET subject = 'x' WHERE key = :key", key=key)) == 1
    )
    assert f"signals, sig_{key}: subject is 'x'" in store.read(verify).problem


@pytest.mark.parametrize("key", [-5, 10**9])
def test_a_row_whose_key_no_entry_has_is_found(store: Store, monkeypatch: pytest.MonkeyPatch, key: int):
    monkeypatch.setattr(states, "_STRETCH", 4)
    store.write(lambda tx: [admit(tx, f"sig_{number}") for number in range(30)])
    store.write(lambda tx: tx.execute("UPDATE signals SET key = :key WHERE id = 'sig_7'", key=key))
    assert (
        f"it rests on entry {key}" in store.read(verify).problem
        or "no row rests" in store.read(verify).problem
    )


def test_a_vote_without_a_key_in_a_table_that_lost_its_own_is_found(store: Store):
    from tests.unit.store.test_states import ask

    def work(tx: Tx) -> None:
        admit(tx, "sig_a")
        decide(tx, "dec_a", "sig_a")
        ask(tx, "apr_a", "dec_a")
        votes.give(tx, "apr_a", person="asha", body={})

    store.write(work)
    assert store.read(verify).ok

    def forge(tx: Tx) -> None:
        tx.execute("ALTER TABLE approval_votes RENAME TO kept_votes")
        tx.execute("CREATE TABLE approval_votes (key, approval_key, person)")
        tx.execute("INSERT INTO approval_votes SELECT * FROM kept_votes")
        tx.execute("INSERT INTO approval_votes SELECT NULL, approval_key, 'ravi' FROM kept_votes")

    store.write(forge)
    found = store.read(verify)
    assert not found.ok
    assert "approval_votes: 2 rows rest on 1 entries" in found.problem
