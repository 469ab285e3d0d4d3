"""What the ledger of a company says, read entry by entry into what the invariants ask for.

Nothing here reads the program's own tables for what it claims.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from crossloop.ids import undo_key
from crossloop.store import Entry, actions, approvals, decisions, inbox, incidents, notices, policies, votes


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
    dropped: int | None = None
    """The entry that drops what was planned for it."""


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

    compensated: int | None = None

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


@dataclass(slots=True)
class Incident:
    """What the ledger says of one incident."""

    entry: int
    id: str
    decision: str
    key: str
    """Of the action that it is about."""

    kind: str
    overdue: int | None = None
    closed: int | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """What the ledger says of one notice."""

    entry: int
    about: str
    """The decision; where there is none, the case."""

    kind: str
    recipients: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class ToTell:
    """What somebody has to be told because of one entry."""

    entry: int
    because: str
    """The kind of the entry."""

    about: str
    kinds: frozenset[str]
    """Of the notices that tell it."""

    people: frozenset[str]
    """Who has to be among those who are told."""


ENDED_UNDONE: Final = ("rejected", "expired", "withdrawn", "superseded")
"""How a question ends that permits nothing."""

_ASKED: Final = ("hold", "escalate")
_NOTHING_DONE: Final = ("refuse", "shadow")
_DROPPED: Final = ("dropped", *ENDED_UNDONE)
_TAKEN_BACK: Final = ("compensated", "not_compensated")
_SEVERAL: Final = (*_ASKED, "passed_on")
"""Kinds of notice of which those who are asked have one, and others another one."""

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
        self.planned: dict[str, str] = {}
        """By action key, the decision for which it was planned."""

        self.asked: dict[str, Asked] = {}
        self.incidents: dict[tuple[str, str], list[Incident]] = {}
        """By action key and kind."""

        self.notices: list[Notice] = []
        self.to_tell: list[ToTell] = []
        """What has to be told to whom, as the entries were read."""

        self.documents: dict[str, Mapping[str, Any]] = {}
        self._opened_incidents: dict[str, Incident] = {}
        self._take: Final = {
            inbox.RECEIVED: self._received,
            inbox.DECIDED: self._moved,
            inbox.FINISHED: self._moved,
            inbox.PARKED: self._set_aside,
            inbox.EXPIRED: self._set_aside,
            decisions.DECISION: self._decided,
            actions.PLANNED: self._planned,
            actions.PERMIT: self._permitted,
            actions.STARTED: self._started,
            actions.RECEIPT: self._receipt,
            actions.RECONCILED: self._reconciled,
            actions.DROPPED: self._dropped,
            actions.COMPENSATED: self._compensated,
            incidents.OPENED: self._incident_opened,
            incidents.OVERDUE: self._incident_overdue,
            incidents.CLOSED: self._incident_closed,
            notices.NOTICE: self._noticed,
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

    def told_too_often(self) -> Iterator[tuple[str, str, int]]:
        """What was told more often than it happened: about what, the kind of notice, and how often."""
        happened = Counter((one.about, kind) for one in self.to_tell for kind in one.kinds)
        known = {kind for _, kind in happened}.difference(_SEVERAL)
        told = Counter((one.about, one.kind) for one in self.notices if one.kind in known)
        for (about, kind), count in told.items():
            if count > happened[about, kind]:
                yield about, kind, count
        words = Counter((one.about, one.kind, one.recipients, one.text) for one in self.notices)
        for (about, kind, _, _), count in words.items():
            if kind not in known and count > 1:
                yield about, kind, count

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

    def _set_aside(self, entry: Entry, body: Mapping[str, Any]) -> None:
        self._moved(entry, body)
        self._must_tell(entry, entry.case or "", [entry.kind.removeprefix("signal.")], body.get("people", ()))

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
        if body["outcome"] in _NOTHING_DONE:
            self._must_tell(entry, body["decision"], [body["outcome"]], [body["department"]])

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
            self._ended(entry, permit, body["outcome"])

    def _reconciled(self, entry: Entry, body: Mapping[str, Any]) -> None:
        permit = self.by_key.get(body["action_key"])
        if permit is not None:
            self._ended(entry, permit, "done" if body["state"] == "reconciled" else str(body["state"]))

    def _ended(self, entry: Entry, permit: Permitted, outcome: str) -> None:
        permit.receipt, permit.outcome = entry.position, outcome
        permit.told.add(outcome)
        kinds = [outcome] if permit.takes_back is None else _TAKEN_BACK
        self._must_tell(entry, permit.decision, kinds, ())

    def _planned(self, entry: Entry, body: Mapping[str, Any]) -> None:  # noqa: ARG002 - one shape for all
        self.planned[body["action_key"]] = body["decision"]

    def _dropped(self, entry: Entry, body: Mapping[str, Any]) -> None:
        decision = self.decisions.get(self.planned.get(body["action_key"], ""))
        if decision is not None:
            decision.dropped = entry.position
            self._must_tell(entry, self.planned[body["action_key"]], _DROPPED, ())

    def _compensated(self, entry: Entry, body: Mapping[str, Any]) -> None:
        permit = self.by_key.get(body["action_key"])
        if permit is not None:
            permit.compensated = entry.position

    def _incident_opened(self, entry: Entry, body: Mapping[str, Any]) -> None:
        incident = Incident(
            entry=entry.position,
            id=body["incident"],
            decision=body["decision"],
            key=body["action_key"],
            kind=body["kind"],
        )
        self.incidents.setdefault((incident.key, incident.kind), []).append(incident)
        self._opened_incidents[incident.id] = incident
        self._must_tell(entry, body["decision"], ["incident"], body["people"])

    def _incident_overdue(self, entry: Entry, body: Mapping[str, Any]) -> None:
        incident = self._opened_incidents[body["incident"]]
        if incident.overdue is not None:
            self.repeated.append((incident.id, entry.position))
        incident.overdue = entry.position
        # Who may close it is asked of the rules of the day; here it is enough that somebody is told.
        self._must_tell(entry, incident.decision, ["incident_overdue"], ())

    def _incident_closed(self, entry: Entry, body: Mapping[str, Any]) -> None:
        incident = self._opened_incidents[body["incident"]]
        if incident.closed is not None:
            self.repeated.append((incident.id, entry.position))
        incident.closed = entry.position
        permit = self.by_key.get(incident.key)
        if permit is not None:
            self._must_tell(entry, permit.decision, ["incident_closed"], ())

    def _noticed(self, entry: Entry, body: Mapping[str, Any]) -> None:
        about, recipients = body["decision_id"] or entry.case or "", tuple(body["recipients"])
        self.notices.append(Notice(entry.position, about, body["kind"], recipients, body["text"]))

    def _must_tell(self, entry: Entry, about: str, kinds: Iterable[str], people: Iterable[str]) -> None:
        told = ToTell(entry.position, entry.kind, about, frozenset(kinds), frozenset(people))
        self.to_tell.append(told)

    def _requested(self, entry: Entry, body: Mapping[str, Any]) -> None:
        if body["approval"] in self.asked:
            self.repeated.append((body["approval"], entry.position))
        people = tuple(body["people"])
        self.asked[body["approval"]] = Asked(entry.position, body["decision"], people, body["quorum"])
        self._must_tell(entry, body["decision"], _ASKED, people)

    def _passed_on(self, entry: Entry, body: Mapping[str, Any]) -> None:
        asked = self.asked[body["approval"]]
        asked.people, asked.quorum, asked.voters = tuple(body["people"]), body["quorum"], []
        self._must_tell(entry, asked.decision, ["passed_on"], asked.people)

    def _voted(self, entry: Entry, body: Mapping[str, Any]) -> None:  # noqa: ARG002 - one shape for all
        self.asked[body["approval"]].voters.append(body["person"])

    def _answered(self, entry: Entry, body: Mapping[str, Any]) -> None:
        asked = self.asked[body["approval"]]
        if asked.ended is not None:
            self.repeated.append((body["approval"], entry.position))
        asked.ended, asked.state = entry.position, body["state"]
        if asked.state in ENDED_UNDONE:
            self._must_tell(entry, asked.decision, [asked.state], asked.people)

    def _adopted(self, entry: Entry, body: Mapping[str, Any]) -> None:  # noqa: ARG002 - one shape for all
        self.documents[body["digest"]] = body["document"]
