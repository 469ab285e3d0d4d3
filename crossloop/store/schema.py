"""Every table of the store.

Conventions:

1. ``key`` is the position of the entry that created a row: an integer, unique across the store, in the
   order of commits. Ids made of text are labels, unique, and joined by key inside.
2. A body stands once, in its entry. Rows hold keys, states and the numbers of the entries that tell
   the rest.
3. Instants are integers in microseconds since 1970 (UTC), days ISO dates, exact decimals text.
4. Tables are STRICT: a column holds its type or nothing.
5. What is asked for all the time (waiting signals, open actions, active claims, a day's impact) has an
   index or a table of its own that does not grow with history.
6. Text is compared by code point: ids and paths are looked up as ranges (``crossloop.store.paths``).
   SQLite does so by itself; PostgreSQL is told so by the "C" collation.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Constraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

FORMAT: Final = 3
"""Version of the tables and of what entries say about their rows; the head row carries it.

Another table, column or state, or another fact that an entry has to tell, is another format.
"""

metadata: Final = MetaData()

# STRICT tables know INTEGER only, which has 64 bits there; elsewhere 64 bits have to be asked for.
_Long = BigInteger().with_variant(Integer, "sqlite")
_Text = Text().with_variant(Text(collation="C"), "postgresql")


def _table(name: str, *parts: Column[object] | Constraint) -> Table:
    return Table(name, metadata, *parts, sqlite_strict=True)


def _key() -> Column[object]:
    return Column("key", _Long, primary_key=True, autoincrement=False)


def _number(name: str, *, null: bool = False) -> Column[object]:
    return Column(name, _Long, nullable=null)


def _text(name: str, *, null: bool = False, unique: bool = False) -> Column[object]:
    return Column(name, _Text, nullable=null, unique=unique)


def _bytes(name: str, *, null: bool = False) -> Column[object]:
    return Column(name, LargeBinary, nullable=null)


def _to(name: str, target: str, *, null: bool = False) -> Column[object]:
    return Column(name, _Long, ForeignKey(f"{target}.key"), nullable=null)


def _case(*, null: bool = False) -> Column[object]:
    return _to("case_key", "cases", null=null)


def _state(*states: str) -> CheckConstraint:
    return CheckConstraint("state IN ({})".format(", ".join(f"'{state}'" for state in states)))


head: Final = _table(
    "head",
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    Column("format", Integer, nullable=False),
    _number("size"),
    _bytes("frontier"),
    _bytes("digest"),
)
"""One row: the version of the tables, the number of entries, the frontier of their tree."""

cases: Final = _table(
    "cases", Column("key", _Long, primary_key=True, autoincrement=False), _text("id", unique=True)
)
"""Labels of cases; ``key`` is the position of the first entry that named the case."""

entries: Final = _table(
    "entries",
    Column("position", _Long, primary_key=True, autoincrement=False),
    _text("kind"),
    _case(null=True),
    _number("at"),
    _bytes("salt", null=True),
    _bytes("body", null=True),
    _bytes("body_hash"),
    _bytes("leaf"),
)
Index(
    "entries_of_case",
    entries.c.case_key,
    entries.c.position,
    sqlite_where=text("case_key IS NOT NULL"),
    postgresql_where=text("case_key IS NOT NULL"),
)

tiles: Final = _table("tiles", Column("number", _Long, primary_key=True, autoincrement=False), _bytes("hash"))
"""The hash over each full run of 256 leaves."""

leases: Final = _table(
    "leases",
    Column("name", _Text, primary_key=True),
    _number("token"),
    _text("owner", null=True),
    _number("ttl"),
    _number("until"),
)
"""Who may write as what. ``owner`` is NULL once released; the token only ever grows."""

signals: Final = _table(
    "signals",
    _key(),
    _text("id", unique=True),
    _text("type"),
    _text("subject"),
    _text("department"),
    _case(),
    _number("time"),
    _number("valid_until"),
    _text("state"),
    _number("parked", null=True),
    _number("decided", null=True),
    _number("finished", null=True),
    _number("expired", null=True),
    _state("new", "parked", "decided", "finished", "expired"),
)
Index(
    "signals_open",
    signals.c.state,
    signals.c.key,
    sqlite_where=text("state NOT IN ('finished', 'expired')"),
    postgresql_where=text("state NOT IN ('finished', 'expired')"),
)
Index(
    "signals_expired_of_case",
    signals.c.case_key,
    sqlite_where=text("state = 'expired'"),
    postgresql_where=text("state = 'expired'"),
)

decisions: Final = _table(
    "decisions",
    _key(),
    _text("id", unique=True),
    _to("signal_key", "signals"),
    _text("department"),
    _number("step"),
    _text("loop", null=True),
    _text("intervention"),
    _text("verdict"),
    _text("saga", null=True),
    _case(),
)
Index("decisions_of_signal", decisions.c.signal_key)
Index("decisions_of_case", decisions.c.case_key)
Index(
    "decisions_of_saga",
    decisions.c.signal_key,
    sqlite_where=text("saga IS NOT NULL"),
    postgresql_where=text("saga IS NOT NULL"),
)

actions: Final = _table(
    "actions",
    _key(),
    _text("id", unique=True),
    _to("decision_key", "decisions"),
    _case(),
    _text("system"),
    _text("operation"),
    _text("resource"),
    _text("digest"),
    _to("undoes", "actions", null=True),
    _number("planned", null=True),
    _number("permitted", null=True),
    _number("expires_at", null=True),
    _text("state"),
    _number("started", null=True),
    _text("reference", null=True),
    _number("finished", null=True),
    _number("reconciled", null=True),
    _number("compensated", null=True),
    _to("compensated_by", "actions", null=True),
    _number("dropped", null=True),
    _number("back_due"),
    _state(
        "planned",
        "permitted",
        "started",
        "done",
        "failed",
        "unknown",
        "reconciled",
        "compensated",
        "dropped",
    ),
)
"""One row for each action; ``key`` is the entry that planned it, or permitted it where nothing did."""
Index("actions_of_decision", actions.c.decision_key)
Index(
    "actions_open",
    actions.c.state,
    actions.c.permitted,
    sqlite_where=text("state IN ('permitted', 'started')"),
    postgresql_where=text("state IN ('permitted', 'started')"),
)
Index(
    "actions_taking_back",
    actions.c.undoes,
    unique=True,
    sqlite_where=text("undoes IS NOT NULL AND state NOT IN ('failed', 'dropped', 'compensated')"),
    postgresql_where=text("undoes IS NOT NULL AND state NOT IN ('failed', 'dropped', 'compensated')"),
)
Index(
    "actions_back_due",
    actions.c.key,
    sqlite_where=text("back_due = 1"),
    postgresql_where=text("back_due = 1"),
)
Index(
    "actions_in_force_of_case",
    actions.c.case_key,
    sqlite_where=text("state IN ('done', 'reconciled')"),
    postgresql_where=text("state IN ('done', 'reconciled')"),
)

approvals: Final = _table(
    "approvals",
    _key(),
    _text("id", unique=True),
    _to("decision_key", "decisions"),
    _case(),
    _text("digest"),
    _text("policy"),
    _text("people"),
    _number("quorum"),
    _number("due"),
    _text("state"),
    _text("person", null=True),
    _text("reason", null=True),
    _number("passed_on", null=True),
    _number("answered", null=True),
    _number("thread_kept"),
    _state("waiting", "approved", "rejected", "expired", "withdrawn", "superseded"),
)
Index("approvals_of_decision", approvals.c.decision_key)
Index(
    "approvals_waiting",
    approvals.c.state,
    approvals.c.key,
    sqlite_where=text("state = 'waiting'"),
    postgresql_where=text("state = 'waiting'"),
)
Index(
    "approvals_by_due",
    approvals.c.due,
    sqlite_where=text("state = 'waiting'"),
    postgresql_where=text("state = 'waiting'"),
)
Index(
    "approvals_passed_on",
    approvals.c.passed_on,
    sqlite_where=text("state = 'waiting' AND passed_on IS NOT NULL"),
    postgresql_where=text("state = 'waiting' AND passed_on IS NOT NULL"),
)
Index(
    "approvals_with_thread",
    approvals.c.thread_kept,
    approvals.c.key,
    sqlite_where=text("thread_kept = 1"),
    postgresql_where=text("thread_kept = 1"),
)

incidents: Final = _table(
    "incidents",
    _key(),
    _text("id", unique=True),
    _to("action_key", "actions"),
    _case(),
    _text("kind"),
    _text("people"),
    _number("due"),
    _text("state"),
    _number("overdue", null=True),
    _number("closed", null=True),
    _text("person", null=True),
    _number("happened", null=True),
    _state("open", "closed"),
)
"""What nobody but a person can settle; ``happened`` is 1 or 0 once it is closed."""
Index("incidents_by_end", incidents.c.closed)
Index(
    "incidents_open",
    incidents.c.state,
    incidents.c.key,
    sqlite_where=text("state = 'open'"),
    postgresql_where=text("state = 'open'"),
)

approval_votes: Final = _table(
    "approval_votes",
    _key(),
    _to("approval_key", "approvals"),
    _text("person"),
    UniqueConstraint("approval_key", "person"),
)
"""Approvals given, one for each person; the approval itself changes state when the quorum is reached."""


def _claim_columns() -> tuple[Column[object], ...]:
    return (
        _key(),
        _text("holder"),
        _to("decision_key", "decisions", null=True),
        _case(null=True),
        _text("resource"),
        _text("direction"),
        _text("interest"),
        _text("loop", null=True),
        _number("starts"),
        _number("ends"),
        _text("state"),
    )


claims: Final = _table(
    "claims",
    *_claim_columns(),
    UniqueConstraint("resource", "holder", "direction"),
    _state("held", "in_force", "standing"),
)
"""Active claims only. The unique index begins with the resource and so also answers look-ups by it."""
Index("claims_of_decision", claims.c.decision_key)
Index("claims_by_end", claims.c.ends)
Index(
    "claims_standing",
    claims.c.loop,
    claims.c.key,
    sqlite_where=text("state = 'standing'"),
    postgresql_where=text("state = 'standing'"),
)

claims_past: Final = _table(
    "claims_past",
    *_claim_columns(),
    _number("closed"),
    CheckConstraint("state IN ('released', 'expired')"),
)
"""Claims that were given back or ended; ``closed`` is the entry that says so."""

impacts: Final = _table(
    "impacts",
    _text("resource"),
    _text("day"),
    _to("decision_key", "decisions"),
    _text("share"),
    _text("amount"),
    PrimaryKeyConstraint("resource", "day", "decision_key"),
)
Index("impacts_of_decision", impacts.c.decision_key)

impact_totals: Final = _table(
    "impact_totals",
    _text("resource"),
    _text("day"),
    _text("share"),
    _text("amount"),
    _text("currency"),
    PrimaryKeyConstraint("resource", "day"),
)
"""The sum of ``impacts`` for each resource and day that has any, in the one currency of that day."""

conditions: Final = _table(
    "conditions",
    _text("loop"),
    _text("metric"),
    _text("path"),
    _text("level"),
    _text("code"),
    _text("state"),
    _text("signal_id"),
    _case(),
    _text("since"),
    _text("last_seen"),
    _number("entry"),
    PrimaryKeyConstraint("loop", "metric", "path"),
    _state("open", "cleared"),
)

observations: Final = _table(
    "observations",
    _key(),
    _text("loop"),
    _text("as_of"),
    _text("settings_digest"),
    _text("input_digest"),
    UniqueConstraint("loop", "as_of", "settings_digest", "input_digest"),
)

choices: Final = _table("choices", _key(), _text("loop"), _text("chosen"), _text("settings"))
"""Settings under which each loop has looked, whenever they were others than before."""
Index("choices_of_loop", choices.c.loop, choices.c.key)

policies: Final = _table("policies", _key(), _text("digest"))
"""Governance documents in the order of their adoption; the last one is in force."""
