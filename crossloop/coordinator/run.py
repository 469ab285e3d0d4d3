"""One run of a loop: observe, admit in one transaction, think and act until nothing waits, report.

Rules:

1. Observing reads and computes; whatever is wrong with the inputs is said before anything is written.
2. The observation, its signals, its condition changes and its standing claims are admitted together.
   The same facts as of the same day under the same settings are one observation, however often they are
   run: the second time admits nothing.
3. Time runs forward: an as-of day before the last one that was observed is refused.
4. A run first ends what an interrupted run left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from pydantic import JsonValue

from crossloop.canonical import digest
from crossloop.coordinator.loop import Change, Condition, Inputs, Loop, Observation
from crossloop.coordinator.report import (
    DecisionReport,
    LedgerReport,
    NoticeReport,
    PublishReport,
    RunReport,
    WaitingReport,
    decision_report,
    receipt_report,
)
from crossloop.coordinator.runtime import Done, Runtime
from crossloop.errors import InputError
from crossloop.faults import crash_point
from crossloop.governance import Policy
from crossloop.ids import CaseId, LoopName, SignalId
from crossloop.signals import Signal
from crossloop.signals.codec import body
from crossloop.store import (
    Read,
    Tx,
    actions,
    approvals,
    claims,
    conditions,
    decisions,
    inbox,
    notices,
    observations,
    policies,
)
from crossloop.store.approvals import ApprovalRow


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
        as_of: the day up to which facts are known; the last day of the data when None.
        settings: chosen settings as text; the rest takes defaults.

    Raises:
        InputError: something handed in is wrong; nothing was written.
    """
    chosen = loop_settings(runtime.policy, loop, settings)
    known = runtime.store.read(lambda read: _conditions(read, loop.name))
    observation = await loop.observe(
        inputs,
        as_of=as_of,
        timezone=runtime.policy.document.timezone,
        settings=chosen,
        conditions=known,
    )
    await admit(runtime, loop, observation)
    done = await runtime.drain(as_of=observation.instant, settings={loop.name: chosen})
    return runtime.store.read(lambda read: _report(read, runtime, loop, observation, done))


def loop_settings(policy: Policy, loop: Loop, chosen: Mapping[str, str]) -> Mapping[str, JsonValue]:
    """Every setting of a loop: what is chosen now, else what the document sets, else the defaults.

    Raises:
        SettingError: an unknown key or a value out of range.
    """
    governed = policy.document.loops.get(loop.name)
    return loop.settings({**(governed.settings if governed is not None else {}), **chosen})


async def admit(runtime: Runtime, loop: Loop, observation: Observation) -> bool:
    """Admit an observation in one transaction; False when it was admitted before."""
    settings_digest = digest(observation.settings)

    def work(tx: Tx) -> bool:
        policies.adopt(tx, digest=runtime.policy.digest, body=runtime.policy.as_body())
        if observations.get(tx, loop.name, observation.as_of, settings_digest, observation.input_digest):
            return False
        last = observations.last(tx, loop.name)
        if last is not None and observation.as_of < last:
            raise InputError(
                f"this store has already seen {loop.name} as of {last}; {observation.as_of} is earlier.",
                next_step="Use a later --as-of, or another --store for the past.",
            )
        observations.record(
            tx,
            loop=loop.name,
            as_of=observation.as_of,
            settings_digest=settings_digest,
            input_digest=observation.input_digest,
            body=_observed(loop, observation),
        )
        for signal in observation.signals:
            _admit(tx, signal)
        for change in observation.changes:
            _apply(tx, loop.name, change, observation.as_of)
        for standing in observation.standing:
            claims.place(
                tx,
                holder=standing.holder,
                resource=standing.claim.resource,
                direction=standing.claim.direction,
                interest=standing.claim.interest,
                starts=standing.claim.starts,
                ends=standing.claim.ends,
                argument=standing.argument,
                state="standing",
            )
        crash_point("admit.before_commit")
        return True

    admitted = await runtime.store.write_async(work, lease=runtime.lease)
    crash_point("admit.after_commit")
    return admitted


async def admit_signals(runtime: Runtime, signals: Sequence[Signal]) -> int:
    """Admit signals from outside in one transaction; return how many were new."""

    def work(tx: Tx) -> int:
        policies.adopt(tx, digest=runtime.policy.digest, body=runtime.policy.as_body())
        return sum(_admit(tx, signal) for signal in signals)

    return await runtime.store.write_async(work, lease=runtime.lease)


def _admit(tx: Tx, signal: Signal) -> bool:
    return inbox.admit(
        tx,
        id=signal.id,
        type=signal.type,
        subject=signal.subject,
        department=signal.department,
        case=signal.correlation_id,
        time=signal.time,
        valid_until=signal.valid_until,
        body=body(signal),
    )


def _observed(loop: Loop, observation: Observation) -> dict[str, JsonValue]:
    return {
        "loop": loop.name,
        "as_of": observation.as_of.isoformat(),
        "rows": dict(observation.rows),
        "inputs": dict(observation.inputs),
        "input_digest": observation.input_digest,
        "settings": dict(observation.settings),
        "conditions": [
            {"path": one.condition.path, "change": one.kind, "signal": one.condition.signal_id}
            for one in observation.changes
        ],
        "counts": dict(observation.counts),
        "notes": list(observation.notes),
    }


def _conditions(read: Read, loop: LoopName) -> list[Condition]:
    return [
        Condition(
            path=row.path,
            metric=row.metric,
            level=row.level,
            code=row.code,
            state=row.state,
            signal_id=SignalId(row.signal_id),
            case=CaseId(row.case),
            since=row.since,
        )
        for row in conditions.current(read, loop)
    ]


def _apply(tx: Tx, loop: LoopName, change: Change, day: date) -> None:
    one = change.condition
    if change.kind == "opened":
        conditions.open_(
            tx,
            loop=loop,
            metric=one.metric,
            path=one.path,
            level=one.level,
            code=one.code,
            signal_id=one.signal_id,
            case=one.case,
            day=day,
        )
    elif change.kind == "seen":
        conditions.seen(tx, loop=loop, metric=one.metric, path=one.path, day=day)
    else:
        conditions.clear(tx, loop=loop, metric=one.metric, path=one.path, signal_id=one.signal_id, day=day)


def _report(read: Read, runtime: Runtime, loop: Loop, observation: Observation, done: Done) -> RunReport:
    waiting = [row for row in approvals.listing(read, state="waiting") if _of_loop(read, row, loop)]
    made = [_decision(read, one) for one in done.decisions]
    touched = {one.case for one in made} | {_case(read, one.action_key) for one in done.receipts}
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
        decisions=tuple(made),
        receipts=tuple(receipt_report(one) for one in done.receipts),
        notices=tuple(
            NoticeReport(recipient=row.recipient, kind=row.kind, text=row.text)
            for case in sorted(touched)
            for row in notices.listing(read, case=case)
            if row.decision_id in {one.id for one in made}
        ),
        waiting=tuple(_waiting(read, row) for row in waiting),
        notes=observation.notes,
        governance=f"{runtime.policy.file.name}, digest {runtime.policy.digest}",
        ledger=LedgerReport(entries=head.size, root=head.root),
        counts=dict(observation.counts),
    )


def publish_report(read: Read, signals: Sequence[Signal], new: int, done: Done) -> PublishReport:
    """Report what publishing signals brought about."""
    asked = [approvals.get(read, one) for one in done.asked]
    return PublishReport(
        new=new,
        signals=tuple(one.id for one in signals),
        decisions=tuple(_decision(read, one) for one in done.decisions),
        receipts=tuple(receipt_report(one) for one in done.receipts),
        waiting=tuple(_waiting(read, row) for row in asked if row is not None),
    )


def _decision(read: Read, decision_id: str) -> DecisionReport:
    row = decisions.get(read, decision_id)
    if row is None:
        raise LookupError(f"decision {decision_id} was made and is not in the store")
    held = approvals.for_decision(read, decision_id)
    return decision_report(read.body(row.entry), row.case, approval_id=None if held is None else held.id)


def _case(read: Read, key: str) -> str:
    row = actions.get(read, key)
    return "" if row is None else row.case


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
        due=row.due,
        action=action,
    )
