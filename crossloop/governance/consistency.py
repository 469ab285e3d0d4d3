"""What one part of a governance document says about another has to be true.

Rules, in the order they are asked:

1. Every person, department, rule and signal type that is named exists.
2. Every department has exactly one head, and only departments own loops, hold stakes or have precedence.
3. An intervention is one that the loop's signal type declares, or the type that clears it; its ``act`` is
   not below its ``ask``.
4. A rule can be answered with the facts of every loop that uses it.
5. A kind of conflict is one that this version detects, and stands once.
6. A protected path is written below the system, where it can match something.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from crossloop.governance.document import Document, Loop
from crossloop.governance.facts import Fact, declared_facts
from crossloop.governance.patterns import CONFLICT_KINDS
from crossloop.governance.rules import Rule, RuleMistake, check_rule
from crossloop.signals import Catalogue, SignalType

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One contradiction, with the path at which it stands."""

    path: Path
    message: str
    next_step: str


def mistakes(document: Document, rules: Mapping[str, Rule], catalogue: Catalogue) -> Iterator[Mistake]:
    """Yield every contradiction of a document, in the order of the rules above."""
    yield from _people(document)
    yield from _departments(document)
    for name, loop in document.loops.items():
        yield from _loop(document, ("loops", name), loop, catalogue)
    yield from _rules(document, rules, catalogue)
    yield from _precedence(document)
    yield from _strategy(document)


def types_of(loop: Loop, catalogue: Catalogue) -> tuple[SignalType, ...]:
    """The signal types a loop answers: its own, and the one that says that it is over."""
    if loop.signal not in catalogue:
        return ()
    return (catalogue[loop.signal], *(one for one in catalogue if one.clears == loop.signal))


def facts_of(document: Document, types: Collection[SignalType]) -> dict[str, Fact]:
    """The facts that rules of these signal types may name."""
    loops = document.loops
    return declared_facts(
        types,
        department=document.departments,
        loop=loops,
        intervention={name for loop in loops.values() for name in loop.interventions},
    )


def _unknown(path: Path, kind: str, name: str, known: Collection[str]) -> Mistake:
    return Mistake(path, f"there is no {kind} '{name}'.", f"Known: {', '.join(sorted(known)) or 'none'}.")


def _named(path: Path, kind: str, names: Collection[str], known: Collection[str]) -> Iterator[Mistake]:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name not in known:
            yield _unknown((*path, index), kind, name, known)
        elif name in seen:
            yield Mistake((*path, index), f"'{name}' is named twice.", "Keep one of them.")
        seen.add(name)


def _people(document: Document) -> Iterator[Mistake]:
    heads: dict[str, str] = {}
    for name, person in document.people.items():
        path = ("people", name, "heads")
        if person.heads is None:
            continue
        if person.heads not in document.departments:
            yield _unknown(path, "department", person.heads, document.departments)
        elif person.heads in heads:
            first = heads[person.heads]
            yield Mistake(
                path, f"'{person.heads}' is already headed by '{first}'.", "A department has one head."
            )
        heads.setdefault(person.heads, name)
    for department in document.departments:
        if department not in heads:
            yield Mistake(
                ("departments", department),
                f"'{department}' has no head.",
                f"Give one of the people 'heads: {department}'.",
            )


def _departments(document: Document) -> Iterator[Mistake]:
    for rule, entry in document.rules.items():
        way = "all" if entry.asked.all is not None else "any"
        yield from _named(("rules", rule, "from", way), "person", entry.asked.people, document.people)
    for name, department in document.departments.items():
        if department.escalate is not None:
            path = ("departments", name, "escalate")
            yield from _named((*path, "to"), "person", department.escalate.to, document.people)
            yield from _named((*path, "then"), "person", department.escalate.then, document.people)


def _loop(document: Document, path: Path, loop: Loop, catalogue: Catalogue) -> Iterator[Mistake]:
    departments = document.departments
    if loop.signal not in catalogue:
        yield _unknown((*path, "signal"), "signal type", loop.signal, [one.name for one in catalogue])
        return
    if loop.owner not in departments:
        yield _unknown((*path, "owner"), "department", loop.owner, departments)
    yield from _named((*path, "stakeholders"), "department", loop.stakeholders, departments)
    told = {*departments, *document.people}
    yield from _named((*path, "notify", "done"), "department or person", loop.notify.done, told)
    yield from _named((*path, "notify", "held"), "department or person", loop.notify.held, told)
    declared = {one.name for kind in types_of(loop, catalogue) for one in kind.interventions}
    for name, permission in loop.interventions.items():
        here = (*path, "interventions", name)
        if name not in declared:
            yield Mistake(
                here,
                f"{loop.signal} has no intervention '{name}'.",
                f"It has: {', '.join(sorted(declared)) or 'none'}.",
            )
        if permission.act < permission.ask:
            yield Mistake(
                (*here, "ask"),
                f"ask {permission.ask:g} is above act {permission.act:g}.",
                "Below 'ask' is escalated, from 'act' on it may run: 'ask' is the smaller one.",
            )
        yield from _named((*here, "approvals"), "rule", permission.approvals, document.rules)


def _rules(document: Document, rules: Mapping[str, Rule], catalogue: Catalogue) -> Iterator[Mistake]:
    for name, rule in rules.items():
        users = [
            loop
            for loop in document.loops.values()
            if any(name in entry.approvals for entry in loop.interventions.values())
        ]
        # A rule that nobody uses yet may name any fact that some type has.
        asked_with = [types_of(loop, catalogue) for loop in users] or [tuple(catalogue)]
        for types in asked_with:
            try:
                check_rule(rule, facts_of(document, types))
            except RuleMistake as wrong:
                yield Mistake(("rules", name, "when"), wrong.message, wrong.next_step)
                break


def _precedence(document: Document) -> Iterator[Mistake]:
    first: set[str] = set()
    for index, entry in enumerate(document.precedence):
        path = ("precedence", index)
        if entry.conflict not in CONFLICT_KINDS.values():
            yield Mistake(
                (*path, "conflict"),
                f"this version does not detect conflicts over '{entry.conflict}'.",
                f"It detects: {', '.join(sorted(set(CONFLICT_KINDS.values())))}. Remove the entry.",
            )
        if entry.conflict in first:
            yield Mistake(
                (*path, "conflict"), f"'{entry.conflict}' already has an order.", "Keep one of them."
            )
        first.add(entry.conflict)
        yield from _named((*path, "order"), "department", entry.order, document.departments)


def _strategy(document: Document) -> Iterator[Mistake]:
    for name, department in document.departments.items():
        systems = {pattern.split("/")[0] for pattern in department.owns}
        for index, protected in enumerate(department.strategy.protected):
            system, _, below = protected.partition("/")
            if system in systems:
                yield Mistake(
                    ("departments", name, "strategy", "protected", index),
                    f"'{protected}' starts with a system and would protect nothing.",
                    f"Write it below the system: {below or 'campaign/…'}",
                )
