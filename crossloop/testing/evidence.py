"""What there is to judge a run by: the ledger, the worlds of the systems, and what people were told.

Nothing here reads the program's own tables for what it claims: the ledger is read entry by entry, and the
effects come from the systems themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from crossloop.ids import undo_key
from crossloop.store import Entry, actions, approvals, decisions, inbox, policies, votes
from crossloop.testing.systems import Effect


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant of the design that does not hold."""

    invariant: int
    """Its number, 1 to 10; 0 for an error that nobody foresaw."""

    what: str
    where: str
    """What it is about: an id, a key, or a position of the ledger."""

    def __str__(self) -> str:
        return f"invariant {self.invariant}: {self.what} [{self.where}]"


@dataclass(frozen=True, slots=True)
class Commit:
    """One transaction that was committed."""

    process: str
    token: int | None
    """Fencing token under which it was made; none for one without a lease."""

    present: int | None
    """Token of the lease at that moment; none where nobody held it."""

    start: int
    """Size of the ledger before it."""

    stop: int
    """Size of the ledger after it."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A checkpoint taken on the way."""

    size: int
    root: bytes


@dataclass(slots=True)
class Decision:
    """What the ledger says of one decision."""

    entry: int
    signal: str
    department: str
    step: int
    outcome: str
    policy: str
    loop: str | None
    intervention: str
    resource: str | None
    """Of the impact; none where it has none."""

    day: date | None
    """The local day on which the impact counts, as the decision's own entry names it."""

    share: Decimal
    amount: Decimal


@dataclass(slots=True)
class Permitted:
    """What the ledger says of one permit."""

    entry: int
    key: str
    decision: str
    digest: str
    named: str
    """The digest that the permit itself names."""

    expires_at: datetime
    approval: str | None
    started: int | None = None
    receipt: int | None = None
    outcome: str | None = None
    """The last one: what was unknown may be reconciled."""

    told: set[str] = field(default_factory=set[str])
    """Every outcome that an entry told."""

    dropped: int | None = None

    takes_back: str | None = None
    """Key of the step that it takes back, where an undertaking came to nothing."""


@dataclass(slots=True)
class Asked:
    """What the ledger says of one question to people."""

    entry: int
    decision: str
    people: tuple[str, ...]
    quorum: int
    voters: list[str] = field(default_factory=list[str])
    ended: int | None = None
    state: str = "waiting"


_LIMIT: Final = re.compile(r"(daily_budget_share|amount) > ([0-9.]+)")


class Ledger:
    """What the entries say, read one after the other."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.received: dict[str, int] = {}
        self.moves: dict[str, list[str]] = {}
        """By signal: the kinds of entry that moved it, in order."""

        self.decisions: dict[str, Decision] = {}
        self.repeated: list[tuple[str, int]] = []
        """Ids that an entry made a second time, with its position."""

        self.permits: dict[str, list[Permitted]] = {}
        """By decision; what takes a step of an undertaking back is in :attr:`by_key` alone."""

        self.by_key: dict[str, Permitted] = {}
        self.asked: dict[str, Asked] = {}
        self.documents: dict[str, Mapping[str, Any]] = {}
        self._take: Final = {
            inbox.RECEIVED: self._received,
            inbox.DECIDED: self._moved,
            inbox.FINISHED: self._moved,
            inbox.PARKED: self._moved,
            inbox.EXPIRED: self._moved,
            decisions.DECISION: self._decided,
            actions.PERMIT: self._permitted,
            actions.STARTED: self._started,
            actions.RECEIPT: self._receipt,
            actions.RECONCILED: self._reconciled,
            actions.DROPPED: self._dropped,
            approvals.REQUESTED: self._requested,
            approvals.PASSED_ON: self._passed_on,
            approvals.ANSWERED: self._answered,
            votes.VOTE: self._voted,
            policies.ADOPTED: self._adopted,
        }

    def read(self, entries: Iterable[Entry]) -> None:
        """Read on."""
        for entry in entries:
            self.entries.append(entry)
            take = self._take.get(entry.kind)
            if take is not None and entry.body is not None:
                take(entry, entry.body)

    def limits(self, decision: Decision) -> dict[str, Decimal]:
        """Limits that no act without people may pass, by fact, of the rules of one decision.

        Read are rules that compare a fact that is summed over the day with a number.
        """
        document = self.documents.get(decision.policy, {})
        loop: Mapping[str, Any] = document.get("loops", {}).get(decision.loop or "", {})
        found: dict[str, Decimal] = {}
        for entry in loop.get("interventions", ()):
            if entry["name"] != decision.intervention:
                continue
            for name in entry.get("approvals", ()):
                match = _LIMIT.fullmatch(document["rules"][name]["when"])
                if match is not None:
                    limit = Decimal(match[2])
                    found[match[1]] = min(limit, found.get(match[1], limit))
        return found

    def _received(self, entry: Entry, body: Mapping[str, Any]) -> None:
        if body["id"] in self.received:
            self.repeated.append((body["id"], entry.position))
        self.received[body["id"]] = entry.position
        self.moves.setdefault(body["id"], []).append(entry.kind)

    def _moved(self, entry: Entry, body: Mapping[str, Any]) -> None:
        self.moves.setdefault(body["signal"], []).append(entry.kind)

    def _decided(self, entry: Entry, body: Mapping[str, Any]) -> None:
        if body["decision"] in self.decisions:
            self.repeated.append((body["decision"], entry.position))
        proposal = body["proposal"]
        impact: Mapping[str, Any] = proposal.get("impact") or {}
        day = body.get("day")
        self.decisions[body["decision"]] = Decision(
            entry=entry.position,
            signal=body["signal"],
            department=body["department"],
            step=body["step"],
            outcome=body["outcome"],
            policy=body["verdict"]["policy"],
            loop=body["loop"],
            intervention=body["intervention"],
            resource=impact.get("resource"),
            day=None if day is None else date.fromisoformat(day),
            share=Decimal(str(impact.get("share", 0))),
            amount=Decimal(impact["amount"]["amount"]) if impact else Decimal(0),
        )

    def _permitted(self, entry: Entry, body: Mapping[str, Any]) -> None:
        granted = body["permit"]
        permit = Permitted(
            entry=entry.position,
            key=body["action_key"],
            decision=body["decision"],
            digest=body["digest"],
            named=granted["action_digest"],
            expires_at=datetime.fromisoformat(granted["expires_at"]),
            approval=granted.get("approval_id"),
        )
        undoes = body.get("undoes")
        if undoes is not None and permit.key == undo_key(undoes):
            permit.takes_back = undoes
        if permit.key in self.by_key:
            self.repeated.append((permit.key, entry.position))
        self.by_key[permit.key] = permit
        if permit.takes_back is None:
            self.permits.setdefault(permit.decision, []).append(permit)

    def _started(self, entry: Entry, body: Mapping[str, Any]) -> None:
        permit = self.by_key.get(body["action_key"])
        if permit is not None:
            permit.started = entry.position

    def _receipt(self, entry: Entry, body: Mapping[str, Any]) -> None:
        permit = self.by_key.get(body["action_key"])
        if permit is not None:
            if permit.receipt is not None:
                self.repeated.append((permit.key, entry.position))
            permit.receipt, permit.outcome = entry.position, body["outcome"]
            permit.told.add(body["outcome"])

    def _reconciled(self, entry: Entry, body: Mapping[str, Any]) -> None:
        permit = self.by_key.get(body["action_key"])
        if permit is not None:
            permit.receipt = entry.position
            permit.outcome = "done" if body["state"] == "reconciled" else str(body["state"])
            permit.told.add(permit.outcome)

    def _dropped(self, entry: Entry, body: Mapping[str, Any]) -> None:
        permit = self.by_key.get(body["action_key"])
        if permit is not None:
            permit.dropped = entry.position

    def _requested(self, entry: Entry, body: Mapping[str, Any]) -> None:
        if body["approval"] in self.asked:
            self.repeated.append((body["approval"], entry.position))
        people = tuple(body["people"])
        self.asked[body["approval"]] = Asked(entry.position, body["decision"], people, body["quorum"])

    def _passed_on(self, entry: Entry, body: Mapping[str, Any]) -> None:  # noqa: ARG002 - one shape for all
        asked = self.asked[body["approval"]]
        asked.people, asked.quorum, asked.voters = tuple(body["people"]), body["quorum"], []

    def _voted(self, entry: Entry, body: Mapping[str, Any]) -> None:  # noqa: ARG002 - one shape for all
        self.asked[body["approval"]].voters.append(body["person"])

    def _answered(self, entry: Entry, body: Mapping[str, Any]) -> None:
        asked = self.asked[body["approval"]]
        if asked.ended is not None:
            self.repeated.append((body["approval"], entry.position))
        asked.ended, asked.state = entry.position, body["state"]

    def _adopted(self, entry: Entry, body: Mapping[str, Any]) -> None:  # noqa: ARG002 - one shape for all
        self.documents[body["digest"]] = body["document"]


@dataclass
class Evidence:
    """Everything that the invariants are checked against."""

    ledger: Ledger = field(default_factory=Ledger)
    effects: list[Effect] = field(default_factory=list[Effect])
    """What has happened in the world, in its order."""

    acknowledged: set[str] = field(default_factory=set[str])
    """Signals whose admission was confirmed to whoever published them."""

    open: set[str] = field(default_factory=set[str])
    """Signals that the inbox lists as not finished."""

    receipts: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Action key and outcome of every receipt that was handed to somebody."""

    intruders: list[str] = field(default_factory=list[str])
    """Answers that counted and must not have: who, about what."""

    commits: list[Commit] = field(default_factory=list[Commit])
    checkpoints: list[Taken] = field(default_factory=list[Taken])
    roots: dict[int, bytes] = field(default_factory=dict[int, bytes])
    """By size: the root over so many first entries, as the ledger is at the end."""

    totals: dict[tuple[str, date], tuple[Decimal, Decimal]] = field(
        default_factory=dict[tuple[str, date], tuple[Decimal, Decimal]]
    )
    """Share and amount that the store counts at the end, by resource and day."""

    broken: str = ""
    """What verification says of the ledger; empty where all is well."""

    skipped: list[str] = field(default_factory=list[str])
    """What a reader of the tail met that it must not: a gap, or an entry that has changed."""
