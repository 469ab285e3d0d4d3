"""Admitting: what is taken into the inbox, and what makes it wrong to take.

Rules:

1. The observation of a loop, its settings, its signals, its condition changes and its standing claims are
   admitted in one transaction, each where it is new to what the store holds. The same facts as of the same
   day under the same settings and rules are one observation, however often they are run; what has come to
   nothing meanwhile is asked again all the same. Where nothing is new, nothing is written.
2. Claims that have ended by the instant of an observation are given back with it, and questions whose
   signal holds no more then are ended. Only facts tell what time
   it is in the business: the clock of the wall may be years ahead of them. So are the standing claims that
   the loop has seen before and whose plan it sees no more, or sees otherwise: another window, interest or
   argument is another claim. An argument that was removed from the ledger is not written again.
3. Time runs forward: an as-of day before the last one that was observed is refused.
4. A signal from outside must be of a type of the company's catalogue and carry that type's payload.
5. The governance document is put in force with the first thing that is admitted under it, in place of the
   one that was in force when it was read. Where somebody put another one in force since, nothing is
   admitted: an old document never comes back by itself.
6. A document is not put in force where a trial stands against it (:mod:`crossloop.coordinator.settings`).
7. Whatever is wrong is said before anything is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from pydantic import JsonValue

from crossloop.canonical import NotCanonical, digest
from crossloop.coordinator.decide import require_in_force
from crossloop.coordinator.earlier import opened_under
from crossloop.coordinator.endings import adopt, expire_outdated
from crossloop.coordinator.loop import Change, Condition, Loop, Observation, Standing
from crossloop.coordinator.settings import record_settings, refuse_trials
from crossloop.coordinator.unanswered import outdated_after, unanswered
from crossloop.errors import InputError, SignalRefused, UnknownName, Where
from crossloop.faults import crash_point
from crossloop.governance import Policy
from crossloop.ids import CaseId, LoopName, SignalId
from crossloop.signals import Catalogue, Signal
from crossloop.signals.codec import body
from crossloop.store import Read, Store, Tx, choices, claims, conditions, inbox, observations, policies
from crossloop.store.choices import ChoiceRow
from crossloop.store.claims import ClaimRow
from crossloop.store.conditions import ConditionRow

if TYPE_CHECKING:
    from crossloop.coordinator.runtime import Runtime


async def admit(runtime: Runtime, loop: Loop, observation: Observation, *, chosen: Mapping[str, str]) -> bool:
    """Admit an observation in one transaction; False when there was nothing new to write.

    Args:
        chosen: settings that were chosen for it, as text.

    Raises:
        InputError: it is as of a day before the last one, or carries a signal of an unknown type.
    """
    for signal in observation.signals:
        _check(signal, runtime.company.catalogue)
    settings_digest = digest([observation.settings, runtime.policy.digest])

    def work(tx: Tx) -> bool:
        before = tx.head().size
        put_in_force(tx, runtime)
        last = observations.last(tx, loop.name)
        if last is not None and observation.as_of < last:
            raise InputError(
                f"this store has already seen {loop.name} as of {last}; {observation.as_of} is earlier.",
                next_step="Use a later --as-of, or another --store for the past.",
            )
        record_settings(
            tx, runtime.policy, loop, observation.settings, chosen=chosen, as_of=observation.as_of
        )
        observations.record(
            tx,
            loop=loop.name,
            as_of=observation.as_of,
            settings_digest=settings_digest,
            input_digest=observation.input_digest,
            body=_observed(loop, observation, chosen),
        )
        # What is over gives its claim and its impact back before anything else is asked for.
        expire_outdated(tx, runtime.policy, observation.instant)
        for signal in observation.signals:
            _admit(tx, signal)
        for change in observation.changes:
            _apply(tx, loop.name, change, observation.as_of)
        # A claim that has ended would otherwise stand for the one that follows it.
        claims.expire(tx, observation.instant)
        _keep_standing(tx, loop.name, observation)
        crash_point("admit.before_commit")
        return tx.head().size > before

    admitted = await runtime.store.write_async(work, lease=runtime.lease)
    crash_point("admit.after_commit")
    return admitted


def in_force(store: Store) -> str:
    """Digest of the governance document in force; empty in a store without one."""
    return store.read(policies.digest) or ""


def is_in_force(read: Read, policy: Policy) -> bool:
    """True when this governance document is the one in force."""
    return policies.digest(read) == policy.digest


def put_in_force(tx: Tx, runtime: Runtime) -> None:
    """Put the document of a runtime in force (rule 5).

    Raises:
        PolicyReplaced: somebody put another one in force since it was read.
        SettingError: a trial on this store stands against it.
    """
    present = policies.digest(tx)
    if present == runtime.policy.digest:
        return
    if present is None or present == runtime.replaces:
        refuse_trials(tx, runtime.policy, runtime.company)
        adopt(tx, runtime.policy)
    else:
        require_in_force(tx, runtime.policy)


async def admit_signals(runtime: Runtime, signals: Sequence[Signal]) -> int:
    """Admit signals from outside in one transaction; return how many were new.

    Raises:
        SignalRefused: one of them is of an unknown type, or its payload is not of its type.
    """
    work = admitting(runtime, signals)
    new = await runtime.store.write_async(work, lease=runtime.lease, urgent=True)
    crash_point("admit.after_commit")
    runtime.arrived(new)
    return len(new)


def admitting(runtime: Runtime, signals: Sequence[Signal]) -> Callable[[Tx], list[Signal]]:
    """Return what admits signals from outside inside a transaction, and returns those that were new.

    Raises:
        SignalRefused: one of them is of an unknown type, or its payload is not of its type.
    """
    for signal in signals:
        _check(signal, runtime.company.catalogue)

    def work(tx: Tx) -> list[Signal]:
        put_in_force(tx, runtime)
        new = [signal for signal in signals if _admit(tx, signal)]
        crash_point("admit.before_commit")
        return new

    return work


def known_conditions(read: Read, loop: LoopName, policy: str, now: datetime) -> list[Condition]:
    """Return what a loop has seen so far to be so, or to be over.

    Args:
        policy: digest of the governance document that decides next.
        now: real time, for the deadlines of what still waits.
    """
    chosen = choices.of_loop(read, loop)
    return [_known(read, row, chosen, policy, now) for row in conditions.current(read, loop)]


def _known(
    read: Read, row: ConditionRow, chosen: Sequence[ChoiceRow], policy: str, now: datetime
) -> Condition:
    cleared = row.state == "cleared"
    again = unanswered(read, row.case, cleared=cleared, policy=policy, now=now)
    then = None
    if again is None:
        then = outdated_after(read, row.case, cleared=cleared, policy=policy, now=now)
    return Condition(
        path=row.path,
        metric=row.metric,
        level=row.level,
        code=row.code,
        state=row.state,
        signal_id=SignalId(row.signal_id),
        case=CaseId(row.case),
        since=row.since,
        again=again,
        waits_until=None if then is None else then[0],
        again_then=None if then is None else then[1],
        opened_under=None if cleared else opened_under(read, row.signal_id, chosen),
    )


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


def _keep_standing(tx: Tx, loop: LoopName, observation: Observation) -> None:
    """Bring the standing claims of a loop in step with the plans that it sees (rule 2)."""
    plans: dict[tuple[str, str, str], Standing] = {}
    for one in observation.standing:
        if one.claim.ends > observation.instant:
            plans.setdefault((one.holder, one.claim.resource, one.claim.direction), one)
    for row in claims.standing(tx, loop):
        plan = plans.get((row.holder, row.resource, row.direction))
        if plan is None or not _stands_so(tx, row, plan):
            claims.withdraw(tx, row)
    for plan in plans.values():
        claims.place(
            tx,
            holder=plan.holder,
            resource=plan.claim.resource,
            direction=plan.claim.direction,
            interest=plan.claim.interest,
            starts=plan.claim.starts,
            ends=plan.claim.ends,
            argument=plan.argument,
            state="standing",
            loop=loop,
        )


def _stands_so(read: Read, row: ClaimRow, plan: Standing) -> bool:
    body = read.entry(row.key).body
    same_argument = body is None or body["argument"] == plan.argument
    same_window = (row.starts, row.ends) == (plan.claim.starts, plan.claim.ends)
    return same_window and row.interest == plan.claim.interest and same_argument


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
        "standing": [
            {
                "holder": one.holder,
                "resource": one.claim.resource,
                "direction": one.claim.direction,
                "starts": one.claim.starts.isoformat(),
                "ends": one.claim.ends.isoformat(),
            }
            for one in observation.standing
        ],
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
