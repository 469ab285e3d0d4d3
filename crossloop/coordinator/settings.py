"""The settings of a loop: what the document says, what may be chosen beside it, what was chosen last.

Rules:

1. A setting is what was chosen for the run, else what the document sets, else the loop's default.
2. What the document says of settings, ``set`` and ``adjustable``, must be something that the loop knows.
3. Where something may be executed, only what the document leaves open may be chosen
   (:mod:`crossloop.governance.adjustable`). A backtest and a run in shadow may try anything.
4. Signals that wait from an earlier run are finished with what was chosen for the last observation of
   their loop, where the document in force still permits it, else with what the document says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from pydantic import JsonValue

from crossloop.canonical import JSON
from crossloop.coordinator.loop import Loop
from crossloop.errors import GovernanceDocumentError, SettingError
from crossloop.governance import NotAdjustable, Policy, may_act, not_adjustable
from crossloop.ids import LoopName
from crossloop.store import Read, observations

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
    """The same, where what was chosen may be chosen (rule 3).

    Raises:
        SettingError: an unknown key, a value out of range, or one that the document does not leave open.
    """
    wanted = loop_settings(policy, loop, chosen)
    if chosen and may_act(policy, loop.name, loop.signal_types):
        refused = not_adjustable(policy, loop.name, chosen, loop_settings(policy, loop, {}), wanted)
        if refused is not None:
            raise _not_open(policy, loop, refused)
    return wanted


def settings_of_all(read: Read, policy: Policy, loops: Iterable[Loop]) -> dict[LoopName, Stated]:
    """Settings of every loop, for signals of any of them that wait (rule 4)."""
    return {loop.name: _last_settings(read, policy, loop) for loop in loops}


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


def _last_settings(read: Read, policy: Policy, loop: Loop) -> Stated:
    stated = loop_settings(policy, loop, {})
    last = observations.latest(read, loop.name)
    chosen = cast("Mapping[str, str]", {} if last is None else last["chosen"])
    if not chosen:
        return stated
    try:
        return permitted_settings(policy, loop, chosen)
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
    name = refused.name
    open_to = f"may be {refused.allowed}" if refused.allowed else "may not be chosen at all"
    return SettingError(
        f"the rules let {loop.name} act, so {name} {open_to}: the document says {_shown(refused.stated)}, "
        f"{_shown(refused.chosen)} was chosen.",
        where=policy.where("loops", loop.name, "adjustable", name),
        next_step=(
            "Change the document; or look at it with `crossloop backtest`; or run it in shadow, with a "
            "--store of its own, without --governance and where no governance.yaml lies."
        ),
    )


def _shown(value: JSON) -> str:
    return "nothing" if value is None else str(value)
