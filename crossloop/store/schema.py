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

from sqlalchemy import CheckConstraint, Column, Index, Integer, PrimaryKeyConstraint, UniqueConstraint

from crossloop.store import columns
from crossloop.store.columns import metadata

__all__ = ["FORMAT", "metadata"]

FORMAT: Final = 4
"""Version of the tables and of what entries say about their rows; the head row carries it.

Another table, column or state, or another fact that an entry has to tell, is another format.
"""

head: Final = columns.table(
    "head",
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    Column("format", Integer, nullable=False),
    columns.number("size"),
    columns.bytes_("frontier"),
    columns.bytes_("digest"),
)
"""One row: the version of the tables, the number of entries, the frontier of their tree."""

cases: Final = columns.table("cases", columns.key(), columns.text("id", unique=True))
"""Labels of cases; ``key`` is the position of the first entry that named the case."""

entries: Final = columns.table(
    "entries",
    columns.key("position"),
    columns.text("kind"),
    columns.case(null=True),
    columns.number("at"),
    columns.bytes_("salt", null=True),
    columns.bytes_("body", null=True),
    columns.bytes_("body_hash"),
    columns.bytes_("leaf"),
)
Index(
    "entries_of_case",
    entries.c.case_key,
    entries.c.position,
    **columns.where("case_key IS NOT NULL"),
)

tiles: Final = columns.table("tiles", columns.key("number"), columns.bytes_("hash"))
"""The hash over each full run of 256 leaves."""

leases: Final = columns.table(
    "leases",
    Column("name", columns.TEXT, primary_key=True),
    columns.number("token"),
    columns.text("owner", null=True),
    columns.number("ttl"),
    columns.number("since"),
    columns.number("until"),
)
"""Who may write as what, and since when. ``owner`` is NULL once released; the token only ever grows."""

signals: Final = columns.table(
    "signals",
    columns.key(),
    columns.text("id", unique=True),
    columns.text("type"),
    columns.text("subject"),
    columns.text("department"),
    columns.case(),
    columns.number("time"),
    columns.number("valid_until"),
    columns.text("state"),
    columns.number("parked", null=True),
    columns.number("decided", null=True),
    columns.number("finished", null=True),
    columns.number("expired", null=True),
    columns.state("new", "parked", "decided", "finished", "expired"),
)
Index(
    "signals_open",
    signals.c.state,
    signals.c.key,
    **columns.where("state NOT IN ('finished', 'expired')"),
)
Index(
    "signals_expired_of_case",
    signals.c.case_key,
    **columns.where("state = 'expired'"),
)

decisions: Final = columns.table(
    "decisions",
    columns.key(),
    columns.text("id", unique=True),
    columns.to("signal_key", "signals"),
    columns.text("department"),
    columns.number("step"),
    columns.text("loop", null=True),
    columns.text("intervention"),
    columns.text("verdict"),
    columns.text("saga", null=True),
    columns.case(),
)
Index("decisions_of_signal", decisions.c.signal_key)
Index("decisions_of_case", decisions.c.case_key)
Index(
    "decisions_of_saga",
    decisions.c.signal_key,
    **columns.where("saga IS NOT NULL"),
)

actions: Final = columns.table(
    "actions",
    columns.key(),
    columns.text("id", unique=True),
    columns.to("decision_key", "decisions"),
    columns.case(),
    columns.text("system"),
    columns.text("operation"),
    columns.text("resource"),
    columns.text("digest"),
    columns.to("undoes", "actions", null=True),
    columns.number("planned", null=True),
    columns.number("permitted", null=True),
    columns.number("expires_at", null=True),
    columns.text("state"),
    columns.number("started", null=True),
    columns.text("reference", null=True),
    columns.number("finished", null=True),
    columns.number("reconciled", null=True),
    columns.number("compensated", null=True),
    columns.to("compensated_by", "actions", null=True),
    columns.number("dropped", null=True),
    columns.number("back_due"),
    columns.state(
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
    **columns.where("state IN ('permitted', 'started')"),
)
Index(
    "actions_taking_back",
    actions.c.undoes,
    unique=True,
    **columns.where("undoes IS NOT NULL AND state NOT IN ('failed', 'dropped', 'compensated')"),
)
Index(
    "actions_back_due",
    actions.c.key,
    **columns.where("back_due = 1"),
)
Index(
    "actions_in_force_of_case",
    actions.c.case_key,
    **columns.where("state IN ('done', 'reconciled')"),
)

approvals: Final = columns.table(
    "approvals",
    columns.key(),
    columns.text("id", unique=True),
    columns.to("decision_key", "decisions"),
    columns.case(),
    columns.text("digest"),
    columns.text("policy"),
    columns.text("people"),
    columns.number("quorum"),
    columns.number("due"),
    columns.text("state"),
    columns.text("person", null=True),
    columns.text("reason", null=True),
    columns.number("passed_on", null=True),
    columns.number("answered", null=True),
    columns.number("thread_kept"),
    columns.state("waiting", "approved", "rejected", "expired", "withdrawn", "superseded"),
)
Index("approvals_of_decision", approvals.c.decision_key)
Index(
    "approvals_waiting",
    approvals.c.state,
    approvals.c.key,
    **columns.where("state = 'waiting'"),
)
Index(
    "approvals_by_due",
    approvals.c.due,
    **columns.where("state = 'waiting'"),
)
Index(
    "approvals_passed_on",
    approvals.c.passed_on,
    **columns.where("state = 'waiting' AND passed_on IS NOT NULL"),
)
Index(
    "approvals_with_thread",
    approvals.c.thread_kept,
    approvals.c.key,
    **columns.where("thread_kept = 1"),
)

incidents: Final = columns.table(
    "incidents",
    columns.key(),
    columns.text("id", unique=True),
    columns.to("action_key", "actions"),
    columns.case(),
    columns.text("kind"),
    columns.text("people"),
    columns.number("due"),
    columns.text("state"),
    columns.number("overdue", null=True),
    columns.number("closed", null=True),
    columns.text("person", null=True),
    columns.number("happened", null=True),
    columns.state("open", "closed"),
)
"""What nobody but a person can find out; ``happened`` is 1 or 0 once it is closed."""
Index("incidents_by_end", incidents.c.closed)
Index(
    "incidents_open",
    incidents.c.state,
    incidents.c.key,
    **columns.where("state = 'open'"),
)

approval_votes: Final = columns.table(
    "approval_votes",
    columns.key(),
    columns.to("approval_key", "approvals"),
    columns.text("person"),
    UniqueConstraint("approval_key", "person"),
)
"""Approvals given, one for each person; the approval itself changes state when the quorum is reached."""


def _claim_columns() -> tuple[Column[object], ...]:
    return (
        columns.key(),
        columns.text("holder"),
        columns.to("decision_key", "decisions", null=True),
        columns.case(null=True),
        columns.text("resource"),
        columns.text("direction"),
        columns.text("interest"),
        columns.text("loop", null=True),
        columns.number("starts"),
        columns.number("ends"),
        columns.text("state"),
    )


claims: Final = columns.table(
    "claims",
    *_claim_columns(),
    UniqueConstraint("resource", "holder", "direction"),
    columns.state("held", "in_force", "standing"),
)
"""Active claims only. The unique index begins with the resource and so also answers look-ups by it."""
Index("claims_of_decision", claims.c.decision_key)
Index("claims_by_end", claims.c.ends)
Index(
    "claims_standing",
    claims.c.loop,
    claims.c.key,
    **columns.where("state = 'standing'"),
)

claims_past: Final = columns.table(
    "claims_past",
    *_claim_columns(),
    columns.number("closed"),
    CheckConstraint("state IN ('released', 'expired')"),
)
"""Claims that were given back or ended; ``closed`` is the entry that says so."""

impacts: Final = columns.table(
    "impacts",
    columns.text("resource"),
    columns.text("day"),
    columns.to("decision_key", "decisions"),
    columns.text("share"),
    columns.text("amount"),
    PrimaryKeyConstraint("resource", "day", "decision_key"),
)
Index("impacts_of_decision", impacts.c.decision_key)

impact_totals: Final = columns.table(
    "impact_totals",
    columns.text("resource"),
    columns.text("day"),
    columns.text("share"),
    columns.text("amount"),
    columns.text("currency"),
    PrimaryKeyConstraint("resource", "day"),
)
"""The sum of ``impacts`` for each resource and day that has any, in the one currency of that day."""

conditions: Final = columns.table(
    "conditions",
    columns.text("loop"),
    columns.text("metric"),
    columns.text("path"),
    columns.text("level"),
    columns.text("code"),
    columns.text("state"),
    columns.text("signal_id"),
    columns.case(),
    columns.text("since"),
    columns.text("last_seen"),
    columns.number("entry"),
    PrimaryKeyConstraint("loop", "metric", "path"),
    columns.state("open", "cleared"),
)

observations: Final = columns.table(
    "observations",
    columns.key(),
    columns.text("loop"),
    columns.text("as_of"),
    columns.text("settings_digest"),
    columns.text("input_digest"),
    UniqueConstraint("loop", "as_of", "settings_digest", "input_digest"),
)

choices: Final = columns.table(
    "choices", columns.key(), columns.text("loop"), columns.text("chosen"), columns.text("settings")
)
"""Settings under which each loop has looked, whenever they were others than before."""
Index("choices_of_loop", choices.c.loop, choices.c.key)

policies: Final = columns.table("policies", columns.key(), columns.text("digest"))
"""Governance documents in the order of their adoption; the last one is in force."""
