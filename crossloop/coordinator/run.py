"""One run of a loop: observe, admit in one transaction, think and act until nothing waits, report.

Rules:

1. Observing reads and computes; whatever is wrong with the inputs is said before anything is written.
2. A run first ends what an interrupted run left: it waits in front of what this one admits.
3. The report tells what this run did, whichever run admitted it and whichever loop it is of; who was told is
   read from the ledger. What waits or has to be looked into from earlier runs is that of this loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, cast

from crossloop.coordinator import earlier, resting
from crossloop.coordinator.admit import admit, is_in_force, known_conditions
from crossloop.coordinator.loop import Inputs, Loop, Observation
from crossloop.coordinator.report import (
    IncidentReport,
    LedgerReport,
    NoticeReport,
    PublishReport,
    RestingReport,
    RunReport,
    WaitingReport,
    decision_report,
    receipt_report,
)
from crossloop.coordinator.settings import Stated, permitted_here, refuse_trials, settings_of_all
from crossloop.governance import Policy
from crossloop.ids import LoopName
from crossloop.signals import Signal
from crossloop.store import Read, actions, approvals, decisions, inbox, incidents
from crossloop.store.approvals import ApprovalRow
from crossloop.store.decisions import DecisionRow
from crossloop.store.inbox import SignalState
from crossloop.store.incidents import IncidentRow
from crossloop.store.notices import NOTICE

if TYPE_CHECKING:
    from crossloop.coordinator.runtime import Done, Runtime


async def run_loop(
    runtime: Runtime,
    loop: Loop,
    inputs: Inputs,
    *,
    as_of: date | None,
    settings: Mapping[str, str],
) -> RunReport:
    """Run one loop once.

    Args:
        inputs: what :meth:`Loop.prepare` made of what was handed in.
        as_of: the day up to which facts are known; the last day of the data when None.
        settings: chosen settings as text; the rest takes defaults.

    Raises:
        InputError: something handed in is wrong; nothing was written.
    """
    stated = runtime.store.read(lambda read: _permitted(read, runtime, loop, settings))
    settings_of = {**all_settings(runtime), loop.name: stated}
    now = runtime.clock.now()
    known = runtime.store.read(lambda read: known_conditions(read, loop.name, runtime.policy.digest, now))
    observation = await loop.observe(
        inputs,
        as_of=as_of,
        timezone=runtime.policy.document.timezone,
        settings=stated,
        conditions=known,
    )
    since = runtime.store.read(lambda read: read.head().size)
    before = runtime.store.read(lambda read: earlier.before(read, loop.name, observation.settings))
    new = await admit(runtime, loop, observation, chosen=settings)
    if observation.load is not None:
        await asyncio.to_thread(observation.load)
    done = await runtime.drain(as_of=observation.instant, settings=settings_of)
    done.since = since  # who was told that other rules withdrew a question was told while it was admitted
    report = runtime.store.read(lambda read: _report(read, runtime, loop, observation, done))
    return report.model_copy(
        update={"looked_at_before": not new, "last_as_of": before.as_of, "changed_settings": before.changed}
    )


def _permitted(read: Read, runtime: Runtime, loop: Loop, settings: Mapping[str, str]) -> Stated:
    """Settings of the run, where both they and the rules may come to this store."""
    if not is_in_force(read, runtime.policy):
        refuse_trials(read, runtime.policy, runtime.company)
    return permitted_here(read, runtime.policy, loop, settings, runtime.company.catalogue)


def all_settings(runtime: Runtime) -> dict[LoopName, Stated]:
    """Settings of every loop, for signals of any of them that wait."""
    return runtime.store.read(lambda read: settings_of_all(read, runtime.policy, runtime.company))


def _report(read: Read, runtime: Runtime, loop: Loop, observation: Observation, done: Done) -> RunReport:
    waiting = [
        row
        for row in approvals.listing(read, state="waiting")
        if row.entry >= done.since or _of_loop(read, row, loop)
    ]
    head = read.head()
    governed = runtime.policy.document.loops.get(loop.name)
    return RunReport(
        loop=loop.name,
        as_of=observation.as_of.isoformat(),
        stage=runtime.policy.stage(governed.owner, loop.name) if governed is not None else "not governed",
        rows=dict(observation.rows),
        inputs=dict(observation.inputs),
        settings=dict(observation.settings),
        signals=tuple(dict(one) for one in observation.reported),
        decisions=tuple(map(decision_report, done.made)),
        receipts=tuple(receipt_report(one) for one in done.receipts),
        notices=tuple(_notices(read, done.since)),
        waiting=tuple(_waiting(read, row) for row in waiting),
        incidents=tuple(
            _incidents(
                read, lambda decision, incident: incident.entry >= done.since or decision.loop == loop.name
            )
        ),
        notes=observation.notes,
        governance=f"{_rules(runtime.policy)}, digest {runtime.policy.digest}",
        ledger=LedgerReport(entries=head.size, root=head.root),
        counts=dict(observation.counts),
        in_force=earlier.changes_in_force(read, loop.name),
    )


def _rules(policy: Policy) -> str:
    """Where the rules came from. The embedded document is called like the one that is picked up."""
    return "embedded rules, in shadow" if policy.shadow_only else policy.file.name


def publish_report(read: Read, signals: Sequence[Signal], new: int, done: Done) -> PublishReport:
    """Report what publishing signals brought about."""
    asked = [approvals.get(read, one.asked) for one in done.made if one.asked is not None]
    return PublishReport(
        new=new,
        signals=tuple(one.id for one in signals),
        decisions=tuple(map(decision_report, done.made)),
        receipts=tuple(receipt_report(one) for one in done.receipts),
        waiting=tuple(_waiting(read, row) for row in asked if row is not None and row.state == "waiting"),
        incidents=tuple(_incidents(read, lambda _, incident: incident.entry >= done.since)),
        parked=tuple(_resting(read, signals, "parked")),
        expired=tuple(_resting(read, signals, "expired")),
    )


def _incidents(read: Read, wanted: Callable[[DecisionRow, IncidentRow], bool]) -> Iterator[IncidentReport]:
    """The open incidents that are wanted."""
    for row in incidents.listing(read, state="open"):
        action = actions.get(read, row.action)
        decision = None if action is None else decisions.get(read, action.decision_id)
        if action is None or decision is None or not wanted(decision, row):
            continue
        body = read.entry(row.entry).body
        yield IncidentReport(
            incident_id=row.id,
            kind=row.kind,
            action_key=row.action,
            intervention=decision.intervention,
            resource=action.resource,
            people=row.people,
            because="" if body is None else str(body["because"]),
        )


def _resting(read: Read, signals: Sequence[Signal], state: SignalState) -> Iterator[RestingReport]:
    for signal in signals:
        row = inbox.get(read, signal.id)
        if row is not None and row.state == state:
            yield RestingReport(signal_id=row.id, type=row.type, **resting.whose(read, row))


def _notices(read: Read, since: int) -> Iterator[NoticeReport]:
    for entry in read.entries(since):
        if entry.kind == NOTICE and entry.body is not None:
            kind, text = str(entry.body["kind"]), str(entry.body["text"])
            for recipient in cast("list[str]", entry.body["recipients"]):
                yield NoticeReport(recipient=recipient, kind=kind, text=text)


def _of_loop(read: Read, row: ApprovalRow, loop: Loop) -> bool:
    decision = decisions.get(read, row.decision_id)
    return decision is not None and decision.loop == loop.name


def _waiting(read: Read, row: ApprovalRow) -> WaitingReport:
    decision = decisions.get(read, row.decision_id)
    action = "" if decision is None else decision.intervention
    return WaitingReport(
        approval_id=row.id,
        decision_id=row.decision_id,
        people=tuple(row.people),
        quorum=row.quorum,
        due=row.due,
        action=action,
    )
