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

PACKAGE = Path(__file__).parents[2] / "crossloop"


@dataclass(frozen=True)
class Mutant:
    """One bug: a piece of text of one file that is replaced."""

    name: str
    what: str
    file: str
    old: str
    new: str
    invariants: tuple[int, ...]
    """Those of which at least one has to be violated."""


MUTANTS = (
    Mutant(
        "unclaimed",
        "an action is performed without being claimed first",
        "actions/executor.py",
        "started, forgone = await self._store.write_async(start, lease=lease)",
        "started, forgone = list(chosen), []",
        (2,),
    ),
    Mutant(
        "content_key",
        "the content of a request is part of its action key",
        "signals/proposal.py",
        "return action_key(self.signal_id, self.department, self.step)",
        "content = self.action.digest() if self.action else ''\n"
        "        return action_key(self.signal_id, self.department + content, self.step)",
        (2,),
    ),
    Mutant(
        "fence_once",
        "the fence is what the worker saw before it waited: a stale one passes",
        "store/writer.py",
        "if job.lease is not None:\n",
        "seen = self.__dict__.setdefault('seen', set())\n"
        "                if job.lease is not None and job.lease not in seen:\n"
        "                    seen.add(job.lease)\n",
        (9,),
    ),
    Mutant(
        "sends_anyway",
        "a worker that was paused sends its request without looking whether somebody has followed it",
        "actions/once.py",
        "        self.fence()\n",
        "",
        (2,),
    ),
    Mutant(
        "any_request",
        "a permit is not compared with the request",
        "governance/permits.py",
        "if found != permit.action_digest:",
        "if not found:",
        (3,),
    ),
    Mutant(
        "stale_total",
        "the day's impact is read once, before what the transaction adds to it",
        "coordinator/decide.py",
        "so_far = impacts.total(tx, impact.resource, day)",
        "read = tx.__dict__.setdefault('read', {})\n"
        "    place = impact.resource, day\n"
        "    so_far = read.setdefault(place, impacts.total(tx, *place))",
        (6,),
    ),
    Mutant(
        "held_uncounted",
        "what waits for people does not count",
        "coordinator/decide.py",
        "if proposal.impact is not None:\n        impacts.add(",
        "if proposal.impact is not None and state == 'in_force':\n        impacts.add(",
        (6,),
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
    """Copy the package into a folder with a bug, and return the folder.

    Raises:
        DoesNotApply: the code has changed since the mutant was written.
    """
    copy = folder / "crossloop"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    file = copy / mutant.file
    text = file.read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        raise DoesNotApply(f"{mutant.name}: {mutant.file} has {text.count(mutant.old)} times {mutant.old!r}")
    file.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    return folder


def hunt(mutant: Mutant, seeds: int) -> Verdict:
    """Simulate a company with a bug until it is found."""
    with tempfile.TemporaryDirectory(prefix="crossloop-mutant-") as made:
        folder = mutate(mutant, Path(made))
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
    parser.add_argument("--seeds", type=int, default=200, help="most seeds for each (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout")
    chosen = parser.parse_args(arguments)
    people = Console(stderr=True)
    verdicts: list[Verdict] = []
    for mutant in MUTANTS:
        if not chosen.names or mutant.name in chosen.names:
            verdicts.append(hunt(mutant, chosen.seeds))
            people.print(f"{mutant.name}: {verdicts[-1].seeds or 'not found'}")
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
