"""Deliberate bugs, each in a copy of the package, and how many seeds the simulation needs to find it.

``python -m tests.support.mutants [--seeds 200] [--json] [NAME]...``

A simulation that finds none of them proves nothing. A patch whose text is not there exactly once is an
error: it would test the code without the bug.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from crossloop.testing.arguments import at_least

PACKAGE = Path(__file__).parents[2] / "crossloop"


@dataclass(frozen=True)
class Mutant:
    """One bug: a piece of text that is replaced, wherever in the package it stands."""

    name: str
    what: str
    old: str
    new: str
    invariants: tuple[int, ...]
    """Those of which at least one has to be violated."""


MUTANTS = (
    Mutant(
        "unclaimed",
        "an action is performed without being claimed first",
        "started, forgone = await self._store.write_async(start, lease=lease)",
        "started, forgone = list(ready), []",
        (2,),
    ),
    Mutant(
        "content_key",
        "the content of a request is part of its action key",
        "return action_key(self.signal_id, self.department, self.step)",
        "content = self.action.digest() if self.action else ''\n"
        "        return action_key(self.signal_id, self.department + content, self.step)",
        (2,),
    ),
    Mutant(
        "fence_once",
        "the fence is what the worker saw before it waited: a stale one passes",
        "if job.lease is not None:\n",
        "seen = self.__dict__.setdefault('seen', set())\n"
        "                if job.lease is not None and job.lease not in seen:\n"
        "                    seen.add(job.lease)\n",
        (9,),
    ),
    Mutant(
        "sends_anyway",
        "a worker that was paused sends its request without looking whether somebody has followed it",
        "        self.fence()\n",
        "",
        (2,),
    ),
    Mutant(
        "any_request",
        "a permit is not compared with the request",
        "if found != permit.action_digest:",
        "if not found:",
        (3,),
    ),
    Mutant(
        "stale_total",
        "the day's impact is read once, before what the transaction adds to it",
        "so_far = impacts.total(tx, impact.resource, day)",
        "read = tx.__dict__.setdefault('read', {})\n"
        "    place = impact.resource, day\n"
        "    so_far = read.setdefault(place, impacts.total(tx, *place))",
        (6,),
    ),
    Mutant(
        "held_uncounted",
        "what waits for people does not count",
        "if proposal.impact is not None:\n        impacts.add(",
        "if proposal.impact is not None and state == 'in_force':\n        impacts.add(",
        (6,),
    ),
    Mutant(
        "no_incident",
        "an outcome that nobody can tell is recorded, and no incident is opened",
        'if receipt.outcome == "unknown":\n        incidents.open_(',
        'if receipt.outcome == "never":\n        incidents.open_(',
        (2,),
    ),
    Mutant(
        "untold",
        "those who are asked next are not told",
        "notify_passed_on(tx, decision_of(tx, row), row, following.people, because)",
        "pass",
        (1,),
    ),
    Mutant(
        "told_twice",
        "what was taken back is told twice",
        "    alerts.of_step(tx, decision, kind, text)\n",
        "    alerts.of_step(tx, decision, kind, text)\n    alerts.of_step(tx, decision, kind, text)\n",
        (5,),
    ),
    Mutant(
        "unfenced_table",
        "a worker writes to a table that no entry tells of, without its lease",
        "for one in wanted.ended], lease=lease)",
        "for one in wanted.ended])",
        (9,),
    ),
)

_CHILD = """
import json, sys
from crossloop.testing.simulation import simulate
wanted, most = set(json.loads(sys.argv[1])), int(sys.argv[2])
for seed in range(most):
    found = [one for one in simulate(seed).violations if one.invariant in wanted]
    if found:
        print(json.dumps({"seed": seed, "violation": str(found[0])}))
        break
"""


@dataclass(frozen=True)
class Verdict:
    """Whether a bug was found."""

    name: str
    what: str
    seeds: int | None
    """How many seeds it took; none where it was not found."""

    violation: str


class DoesNotApply(Exception):
    """The text that a mutant replaces is not in the package exactly once."""


def mutate(mutant: Mutant, folder: Path) -> Path:
    """Copy the package into a folder with a bug, and return the file that has it.

    Raises:
        DoesNotApply: the code has changed since the mutant was written.
    """
    copy = folder / "crossloop"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "testing"))
    places = [file for file in sorted(copy.rglob("*.py")) if mutant.old in file.read_text(encoding="utf-8")]
    times = sum(file.read_text(encoding="utf-8").count(mutant.old) for file in places)
    if times != 1:
        raise DoesNotApply(f"{mutant.name}: the package has {times} times {mutant.old!r}")
    (file,) = places
    file.write_text(file.read_text(encoding="utf-8").replace(mutant.old, mutant.new), encoding="utf-8")
    shutil.copytree(PACKAGE / "testing", copy / "testing", ignore=shutil.ignore_patterns("__pycache__"))
    return file


def hunt(mutant: Mutant, seeds: int) -> Verdict:
    """Simulate a company with a bug until it is found."""
    with tempfile.TemporaryDirectory(prefix="crossloop-mutant-") as made:
        folder = Path(made)
        mutate(mutant, folder)
        environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-c", _CHILD, json.dumps(mutant.invariants), str(seeds)]
        ended = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=True
        )
    if not ended.stdout:
        return Verdict(mutant.name, mutant.what, None, "")
    found = json.loads(ended.stdout)
    return Verdict(mutant.name, mutant.what, found["seed"] + 1, found["violation"])


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.support.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="which bugs (default: all)")
    parser.add_argument(
        "--seeds", type=at_least(1), default=200, help="most seeds for each (default %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout")
    chosen = parser.parse_args(arguments)
    known = {one.name: one for one in MUTANTS}
    unknown = [name for name in chosen.names if name not in known]
    if unknown:
        parser.error(f"there is no bug {', '.join(unknown)}; bugs: {', '.join(known)}")
    people = Console(stderr=True)
    verdicts: list[Verdict] = []
    for name in chosen.names or known:
        verdicts.append(hunt(known[name], chosen.seeds))
        people.print(f"{name}: {verdicts[-1].seeds or 'not found'}")
    if chosen.json:
        document = {"most": chosen.seeds, "mutants": [asdict(one) for one in verdicts]}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        table = Table("bug", "what", "seeds", "how it was found")
        for one in verdicts:
            table.add_row(one.name, one.what, str(one.seeds or "not found"), one.violation)
        people.print(table)
    return 0 if all(one.seeds for one in verdicts) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
