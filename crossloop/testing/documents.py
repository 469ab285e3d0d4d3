"""Governance documents of the simulated company, drawn by number: the same number is the same document."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import Final

from crossloop.governance import Policy, parse_policy
from crossloop.testing.company import ALARM, CATALOGUE, QUESTION
from crossloop.testing.company import DEPARTMENTS as _COMPANY
from crossloop.testing.vocabulary import SYSTEMS

DEPARTMENTS: Final = tuple(_COMPANY)
VARIANTS: Final = 48
"""How many different documents there are. A document takes longer to read than a seed may last."""

PEOPLE: Final = ("asha", "ravi", "mina", "omar", "lena")
"""The first four head a department each; the last one heads none."""

_STAGES: Final = (*("autonomous",) * 12, "supervised", "shadow")
STRANGER: Final = "mallory"
"""Whom no document names."""


@cache
def policy(number: int) -> Policy:
    """The policy of one of the documents."""
    return parse_policy(document(number), file=Path("governance.yaml"), catalogue=CATALOGUE)


def document(number: int) -> str:
    """The text of one of the documents."""
    draw = random.Random(f"document {number}")  # noqa: S311 - to repeat it, not to keep a secret
    lines = ["governance: 1", f"company: Simulated {number}", "timezone: Asia/Kolkata", "people:"]
    lines += [f"  {name}: {{{_person(at, name)}}}" for at, name in enumerate(PEOPLE)]
    lines += _rules(draw)
    lines.append("departments:")
    for name in DEPARTMENTS:
        lines += _department(draw, name)
    lines.append("loops:")
    for name in DEPARTMENTS:
        for kind, signal in (("alarm", ALARM.name), ("question", QUESTION.name)):
            lines += _loop(draw, name, kind, signal)
    if draw.random() < 0.6:
        order = draw.sample(DEPARTMENTS, draw.choice((2, 3, 4)))
        lines += ["precedence:", f"  - {{conflict: geography, order: [{', '.join(order)}]}}"]
    return "\n".join(lines) + "\n"


def _person(at: int, name: str) -> str:
    heads = f", heads: {DEPARTMENTS[at]}" if at < len(DEPARTMENTS) else ""
    return f"name: {name.title()}, email: {name}@simulated.example{heads}"


def _rules(draw: random.Random) -> list[str]:
    share, amount = draw.choice(("0.10", "0.20", "0.30")), draw.choice(("800", "2000", "4000"))
    return [
        "rules:",
        f'  large: {{when: "daily_budget_share > {share}", from: {_asked(draw)}, within: {_time(draw)}}}',
        f'  dear: {{when: "amount > {amount}", from: {_asked(draw)}, within: {_time(draw)}}}',
    ]


def _asked(draw: random.Random) -> str:
    people = draw.sample(PEOPLE, draw.choice((1, 2, 3)))
    return f"{{{draw.choice(('all', 'all', 'any'))}: [{', '.join(people)}]}}"


def _time(draw: random.Random) -> str:
    return draw.choice(("30m", "2h", "8h", "1d"))


def _department(draw: random.Random, name: str) -> list[str]:
    owns = ", ".join(f'"{system}/**"' for system in SYSTEMS if draw.random() < 0.9 or system == "ads")
    stage = draw.choice(_STAGES)
    lines = [f"  {name}:", f"    owns: [{owns}]", f"    stage: {stage}"]
    if draw.random() < 0.2:
        lines.append('    strategy: {protected: ["campaign/c3"]}')
    if draw.random() < 0.7:
        to, *then = draw.sample(PEOPLE, draw.choice((1, 2, 3)))
        chain = f", then: [{', '.join(then)}]" if then else ""
        lines.append(f"    escalate: {{to: [{to}], within: {_time(draw)}{chain}}}")
    return lines


def _loop(draw: random.Random, department: str, kind: str, signal: str) -> list[str]:
    lines = [
        f"  {department}-{kind}:",
        f"    signal: {signal}",
        f"    owner: {department}",
        f"    stage: {draw.choice(_STAGES)}",
        f"    respond_within: {_time(draw)}",
        "    interventions:",
    ]
    rules = draw.choice(("[large]", "[large, dear]", "[large, dear]", "[dear]"))
    for name in ("change", "raise"):
        act, ask = draw.choice((("0.80", "0.50"), ("0.90", "0.60"), ("0.60", "0.10")))
        lines.append(f"      {name}: {{act: {act}, ask: {ask}, approvals: {rules}}}")
    if kind == "alarm":
        lines.append("      take_back: {act: 0.60, ask: 0.10}")
    told = draw.sample(DEPARTMENTS, 1)
    lines.append(f"    notify: {{done: [{told[0]}], held: [{draw.choice(PEOPLE)}]}}")
    return lines
