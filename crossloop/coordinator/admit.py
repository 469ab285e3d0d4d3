"""Admitting: what is taken into the inbox, and what makes it wrong to take.

Rules:

1. The observation of a loop, its signals, its condition changes and its standing claims are admitted in
   one transaction. The same facts as of the same day under the same settings and rules are one observation,
   however often they are run: the second time admits nothing.
2. Claims that have ended by the instant of an observation are given back with it, and those of plans that
   were withdrawn or changed since the last one. Only facts tell what
   time it is in the business: the clock of the wall may be years ahead of them.
3. Time runs forward: an as-of day before the last one that was observed is refused.
4. A signal from outside must be of a type of the company's catalogue and carry that type's payload.
5. The governance document is put in force with the first thing that is admitted under it, in place of the
   one that was in force when it was read. Where somebody put another one in force since, nothing is
   admitted: an old document never comes back by itself.
6. Where the settings of an observation are others than those recorded last, or than those of the document
   where nothing was recorded, one entry of its own says what changed from what to what.
7. Whatever is wrong is said before anything is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Final, cast

from pydantic import JsonValue

from crossloop.canonical import NotCanonical, digest
from crossloop.coordinator.decide import require_in_force
from crossloop.coordinator.endings import adopt
from crossloop.coordinator.loop import Change, Condition, Loop, Observation, Standing
from crossloop.coordinator.settings import Stated, loop_settings
from crossloop.coordinator.unanswered import unanswered
from crossloop.errors import InputError, SignalRefused, UnknownName, Where
from crossloop.faults import crash_point
from crossloop.ids import CaseId, LoopName, SignalId
from crossloop.signals import Catalogue, Signal
from crossloop.signals.codec import body
from crossloop.store import Read, Store, Tx, claims, conditions, inbox, observations, policies

if TYPE_CHECKING:
    from crossloop.coordinator.runtime import Runtime

SETTINGS_CHANGED: Final = "settings.changed"


async def admit(runtime: Runtime, loop: Loop, observation: Observation, *, chosen: Mapping[str, str]) -> bool:
    """Admit an observation in one transaction; False when it was admitted before.

    Args:
        chosen: settings that were chosen for it, as text.

    Raises:
        InputError: it is as of a day before the last one, or carries a signal of an unknown type.
    """
    for signal in observation.signals:
        _check(signal, runtime.company.catalogue)
    settings_digest = digest([observation.settings, runtime.policy.digest])

    def work(tx: Tx) -> bool:
        put_in_force(tx, runtime)
        if observations.get(tx, loop.name, observation.as_of, settings_digest, observation.input_digest):
            return False
        last = observations.last(tx, loop.name)
        if last is not None and observation.as_of < last:
            raise InputError(
                f"this store has already seen {loop.name} as of {last}; {observation.as_of} is earlier.",
                next_step="Use a later --as-of, or another --store for the past.",
            )
        _record_change(tx, runtime, loop, observation, chosen)
        _withdraw_standing(tx, loop, observation)
        observations.record(
            tx,
            loop=loop.name,
            as_of=observation.as_of,
            settings_digest=settings_digest,
            input_digest=observation.input_digest,
            body=_observed(loop, observation, chosen),
        )
        for signal in observation.signals:
            _admit(tx, signal)
        for change in observation.changes:
            _apply(tx, loop.name, change, observation.as_of)
        # A claim that has ended would otherwise stand for the one that follows it.
        claims.expire(tx, observation.instant)
        _place_standing(tx, observation.standing)
        crash_point("admit.before_commit")
        return True

    admitted = await runtime.store.write_async(work, lease=runtime.lease)
    crash_point("admit.after_commit")
    return admitted


def in_force(store: Store) -> str:
    """Digest of the governance document in force; empty in a store without one."""
    present = store.read(policies.present)
    return "" if present is None else present.digest


def put_in_force(tx: Tx, runtime: Runtime) -> None:
    """Put the document of a runtime in force (rule 5).

    Raises:
        PolicyReplaced: somebody put another one in force since it was read.
    """
    present = policies.present(tx)
    if present is None or present.digest == runtime.replaces:
        adopt(tx, runtime.policy)
    else:
        require_in_force(tx, runtime.policy)


async def admit_signals(runtime: Runtime, signals: Sequence[Signal]) -> int:
    """Admit signals from outside in one transaction; return how many were new.

    Raises:
        SignalRefused: one of them is of an unknown type, or its payload is not of its type.
    """
    for signal in signals:
        _check(signal, runtime.company.catalogue)

    def work(tx: Tx) -> int:
        put_in_force(tx, runtime)
        new = sum(_admit(tx, signal) for signal in signals)
        crash_point("admit.before_commit")
        return new

    new = await runtime.store.write_async(work, lease=runtime.lease)
    crash_point("admit.after_commit")
    return new


def known_conditions(read: Read, loop: LoopName, policy: str, now: datetime) -> list[Condition]:
    """Return what a loop has seen so far to be so, or to be over.

    Args:
        policy: digest of the governance document that decides next.
        now: real time, for the deadlines of what still waits.
    """
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
            again=unanswered(read, row.case, cleared=row.state == "cleared", policy=policy, now=now),
        )
        for row in conditions.current(read, loop)
    ]


def _check(signal: Signal, catalogue: Catalogue) -> None:
    try:
        expected = catalogue[signal.type].data
    except UnknownName as unknown:
        raise SignalRefused(unknown.message, where=Where(field="type"), next_step=unknown.next_step) from None
    if not isinstance(signal.data, expected):
        raise SignalRefused(
            f"expected {expected.__name__} for {signal.type}, got {type(signal.data).__name__}.",
            where=Where(field="data"),
        )


def _admit(tx: Tx, signal: Signal) -> bool:
    try:
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
    except NotCanonical as wrong:
        raise SignalRefused(
            f"the ledger cannot keep the signal about {signal.subject!r}: {wrong.reason}.",
            where=Where(field=wrong.path.removeprefix("$.")),
        ) from None


def _withdraw_standing(tx: Tx, loop: Loop, observation: Observation) -> None:
    """Give back the claims of plans that the last observation saw and this one does not see like that."""
    last = observations.latest(tx, loop.name) or {}
    for plan in cast("list[dict[str, str]]", last.get("standing", [])):
        if plan not in _plans(observation):
            claims.withdraw(tx, holder=plan["holder"], resource=plan["resource"], direction=plan["direction"])


def _plans(observation: Observation) -> list[dict[str, JsonValue]]:
    return [
        {
            "holder": one.holder,
            "resource": one.claim.resource,
            "direction": one.claim.direction,
            "starts": one.claim.starts.isoformat(),
            "ends": one.claim.ends.isoformat(),
        }
        for one in observation.standing
    ]


def _place_standing(tx: Tx, plans: Sequence[Standing]) -> None:
    for standing in plans:
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


def _record_change(
    tx: Tx, runtime: Runtime, loop: Loop, observation: Observation, chosen: Mapping[str, str]
) -> None:
    """Record that the settings are others than before (rule 6)."""
    last = observations.latest(tx, loop.name)
    before = loop_settings(runtime.policy, loop, {}) if last is None else cast("Stated", last["settings"])
    after = observation.settings
    changed: dict[str, JsonValue] = {
        name: {"from": before.get(name), "to": after.get(name)}
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    }
    if changed:
        tx.append(
            SETTINGS_CHANGED,
            None,
            {
                "loop": loop.name,
                "as_of": observation.as_of.isoformat(),
                "changed": changed,
                "chosen": dict(chosen),
                "policy": runtime.policy.digest,
            },
        )


def _observed(loop: Loop, observation: Observation, chosen: Mapping[str, str]) -> dict[str, JsonValue]:
    return {
        "loop": loop.name,
        "as_of": observation.as_of.isoformat(),
        "rows": dict(observation.rows),
        "inputs": dict(observation.inputs),
        "input_digest": observation.input_digest,
        "settings": dict(observation.settings),
        "chosen": dict(chosen),
        "conditions": [
            {"path": one.condition.path, "change": one.kind, "signal": one.condition.signal_id}
            for one in observation.changes
        ],
        "standing": list[JsonValue](_plans(observation)),
        "counts": dict(observation.counts),
        "notes": list(observation.notes),
    }


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
