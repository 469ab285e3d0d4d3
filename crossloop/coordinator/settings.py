"""The settings of a loop: what the document says, what may be chosen beside it, what was chosen last.

Rules:

1. A setting is what was chosen for the run, else what the document sets, else the loop's default.
2. What the document says of settings, ``set`` and ``adjustable``, must be something that the loop knows.
3. Where something may be executed, only what the document leaves open may be chosen
   (:mod:`crossloop.governance.adjustable`). On a store on which a loop may ever have acted this holds in
   shadow, too, as the last document says that let it act: what a trial opens or clears would be answered by
   the rules that come after it. A backtest, and a store on which the loop never could act, may try anything.
4. A document that is the first to let a loop act is refused on a store that keeps a choice which it does not
   leave open: what the store has seen was seen with that choice.
5. A document that was removed from the ledger, or that nobody can read any more, left nothing open.
6. What a loop looks with is recorded whenever it is other than what was recorded last, settings or choice.
7. Signals that wait from an earlier run are finished with what was chosen last for their loop, where it is
   still permitted, else with what the document says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from pydantic import JsonValue

from crossloop.canonical import JSON
from crossloop.coordinator.company import Company
from crossloop.coordinator.loop import Loop
from crossloop.errors import GovernanceDocumentError, SettingError, Where
from crossloop.governance import NotAdjustable, Policy, may_act, not_adjustable
from crossloop.ids import LoopName
from crossloop.signals import Catalogue
from crossloop.store import Read, Tx, choices, policies
from crossloop.store.choices import ChoiceRow

Stated = Mapping[str, JsonValue]
"""Every setting of a loop with its value, defaults included."""


def loop_settings(policy: Policy, loop: Loop, chosen: Mapping[str, str]) -> Stated:
    """Every setting of a loop (rule 1).

    Raises:
        SettingError: an unknown key, or a value out of range.
        GovernanceDocumentError: the same, in what the document sets.
    """
    governed = policy.document.loops.get(loop.name)
    by_document = governed.settings if governed is not None else {}
    try:
        return loop.settings({**by_document, **chosen})
    except SettingError as wrong:
        name = wrong.where.field
        if name in by_document and name not in chosen:
            raise _in_document(policy, wrong, loop, "set", name) from None
        raise


def permitted_settings(policy: Policy, loop: Loop, chosen: Mapping[str, str]) -> Stated:
    """The same, where what was chosen may be chosen, whatever the store has seen (rule 3).

    Raises:
        SettingError: an unknown key, a value out of range, or one that the document does not leave open.
    """
    wanted = loop_settings(policy, loop, chosen)
    if chosen and _lets_act(policy, loop):
        refused = not_adjustable(policy, loop.name, chosen, loop_settings(policy, loop, {}), wanted)
        if refused is not None:
            raise _not_open(policy, loop, refused)
    return wanted


def permitted_here(
    read: Read, policy: Policy, loop: Loop, chosen: Mapping[str, str], catalogue: Catalogue
) -> Stated:
    """The same, on a store that may have acted before (rules 3 and 5).

    Raises:
        SettingError: an unknown key, a value out of range, or one that may not be chosen on this store.
    """
    wanted = permitted_settings(policy, loop, chosen)
    if not chosen or _lets_act(policy, loop):
        return wanted
    limits = _last_that_lets_act(read, loop, catalogue)
    if limits is not None:
        refused = not_adjustable(limits, loop.name, chosen, loop_settings(limits, loop, {}), wanted)
        if refused is not None:
            raise _not_open_here(limits, loop, refused)
    return wanted


def refuse_trials(read: Read, policy: Policy, company: Company) -> None:
    """Refuse to put a document in force that would act on what was seen with other settings (rule 4).

    Raises:
        SettingError: a loop was run with a choice that the document does not leave open.
    """
    for loop in company.loops.values():
        tried = [one for one in choices.of_loop(read, loop.name) if one.chosen]
        if not tried or not _lets_act(policy, loop) or _has_acted(read, loop, company.catalogue):
            continue
        stated = loop_settings(policy, loop, {})
        for one in tried:
            known = {**dict.fromkeys(one.chosen), **stated}  # it may have had a setting that it lost since
            refused = not_adjustable(policy, loop.name, one.chosen, known, one.settings)
            if refused is not None:
                raise _tried(read, policy, loop, refused, one)


def record_settings(
    tx: Tx, policy: Policy, loop: Loop, settings: Stated, *, chosen: Mapping[str, str], as_of: date
) -> bool:
    """Record what a loop looks with; False when that was recorded last (rule 6)."""
    last = choices.last(tx, loop.name)
    before = loop_settings(policy, loop, {}) if last is None else last.settings
    body: dict[str, JSON] = {
        "as_of": as_of.isoformat(),
        "changed": {
            name: {"from": before.get(name), "to": settings.get(name)}
            for name in sorted({*before, *settings})
            if before.get(name) != settings.get(name)
        },
        "policy": policy.digest,
    }
    return choices.record(tx, loop=loop.name, chosen=chosen, settings=settings, body=body)


def settings_of_all(read: Read, policy: Policy, company: Company) -> dict[LoopName, Stated]:
    """Settings of every loop, for signals of any of them that wait (rule 7)."""
    loops = company.loops.values()
    return {loop.name: _last_settings(read, policy, loop, company.catalogue) for loop in loops}


def check_document(policy: Policy, loops: Iterable[Loop]) -> None:
    """Refuse a document that says of settings what its loops do not know (rule 2).

    Raises:
        GovernanceDocumentError: the first such setting.
    """
    for loop in loops:
        governed = policy.document.loops.get(loop.name)
        if governed is None:
            continue
        loop_settings(policy, loop, {})
        for name, allowed in governed.adjustable.items():
            for text in allowed:
                try:
                    loop.check_setting(name, text)
                except SettingError as wrong:
                    raise _in_document(policy, wrong, loop, "adjustable", name) from None


def _lets_act(policy: Policy, loop: Loop) -> bool:
    return may_act(policy, loop.name, loop.signal_types)


def _last_that_lets_act(read: Read, loop: Loop, catalogue: Catalogue) -> Policy | None:
    """The last document that was in force and let a loop act; None where there never was one.

    Raises:
        SettingError: one that came after it cannot be read any more (rule 5).
    """
    for body in policies.history(read):
        past = _read_back(body, catalogue)
        if past is None:
            raise SettingError(
                "a governance document that was in force on this store cannot be read any more, so nobody "
                f"can tell what it left open: nothing may be chosen for {loop.name}.",
                where=Where(field="--set"),
                next_step="Leave --set away; or use `crossloop backtest`; or another --store.",
            )
        if _lets_act(past, loop):
            return past
    return None


def _has_acted(read: Read, loop: Loop, catalogue: Catalogue) -> bool:
    documents = (_read_back(body, catalogue) for body in policies.history(read))
    return any(past is not None and _lets_act(past, loop) for past in documents)


def _read_back(body: Mapping[str, JSON] | None, catalogue: Catalogue) -> Policy | None:
    try:
        return None if body is None else Policy.from_body(body, catalogue)
    except GovernanceDocumentError:  # it names what the company has no more
        return None


def _last_settings(read: Read, policy: Policy, loop: Loop, catalogue: Catalogue) -> Stated:
    stated = loop_settings(policy, loop, {})
    last = choices.last(read, loop.name)
    if last is None or not last.chosen:
        return stated
    try:
        return permitted_here(read, policy, loop, last.chosen, catalogue)
    except SettingError:  # chosen under another document, or for a loop that has changed since
        return stated


def _in_document(
    policy: Policy, wrong: SettingError, loop: Loop, key: str, name: str
) -> GovernanceDocumentError:
    return GovernanceDocumentError(
        wrong.message,
        where=policy.where("loops", loop.name, key, name),
        next_step=wrong.next_step or "Correct this field.",
    )


def _not_open(policy: Policy, loop: Loop, refused: NotAdjustable) -> SettingError:
    return SettingError(
        f"the rules let {loop.name} act, so {_open_to(policy, loop, refused)}, {_shown(refused.chosen)} was "
        "chosen.",
        where=_place(policy, loop, refused),
        next_step=(
            "Change the document; or look at it with `crossloop backtest`; or run it in shadow, with a "
            "--store of its own, without --governance and where no governance.yaml lies."
        ),
    )


def _not_open_here(limits: Policy, loop: Loop, refused: NotAdjustable) -> SettingError:
    return SettingError(
        f"on this store the rules let {loop.name} act before, and may again, so "
        f"{_open_to(limits, loop, refused)}, "
        f"{_shown(refused.chosen)} was chosen. The present rules are in shadow; what they see is answered "
        "by those that follow.",
        where=_place(limits, loop, refused),
        next_step="Try it with another --store, or look at it with `crossloop backtest`.",
    )


def _tried(read: Read, policy: Policy, loop: Loop, refused: NotAdjustable, row: ChoiceRow) -> SettingError:
    when = read.entry(row.entry).at.strftime("%Y-%m-%d %H:%M UTC")
    return SettingError(
        f"these rules let {loop.name} act, and this store has seen what it would act on with a choice that "
        f"they do not leave open: {refused.name}={_shown(refused.chosen)}, chosen {when}, where "
        f"{_open_to(policy, loop, refused)}.",
        where=_place(policy, loop, refused),
        next_step="Use another --store: this one stays for trials in shadow.",
    )


def _open_to(policy: Policy, loop: Loop, refused: NotAdjustable) -> str:
    open_to = f"may be {refused.allowed}" if refused.allowed else "may not be chosen at all"
    governed = policy.document.loops.get(loop.name)
    in_document = governed is not None and refused.name in governed.settings
    stated = _shown(refused.stated)
    says = f"the document says {stated}" if in_document else f"the default is {stated}"
    return f"{refused.name} {open_to}: {says}"


def _place(policy: Policy, loop: Loop, refused: NotAdjustable) -> Where:
    return policy.where("loops", loop.name, "adjustable", refused.name)


def _shown(value: JSON) -> str:
    return "nothing" if value is None else str(value)
