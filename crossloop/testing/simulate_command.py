"""``python -m crossloop.testing simulate``: many seeds, or one of them in detail."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from crossloop.errors import InputError
from crossloop.testing.arguments import INTERRUPTED, WRONG_USAGE, at_least, usable
from crossloop.testing.campaign import Found, campaign
from crossloop.testing.invariants import same_ledger
from crossloop.testing.simulation import Outcome, simulate


def main(arguments: list[str]) -> int:
    """Run it; 1 when an invariant was violated, 2 for wrong usage, 130 when it was stopped with Ctrl-C."""
    chosen = _parser().parse_args(arguments)
    people = Console(stderr=True, emoji=False)
    began = time.monotonic()
    try:
        found = _many(chosen, people) if chosen.seed is None else _one(chosen.seed, people)
    except KeyboardInterrupt:
        kept = "the same command goes on from here" if chosen.folder else "with --folder it could go on"
        people.print(f"stopped; {kept}")
        return INTERRUPTED
    except InputError as wrong:
        people.print(str(wrong), markup=False, soft_wrap=True)
        return WRONG_USAGE
    seconds = time.monotonic() - began
    if chosen.json:
        document = {**found.document(), "seconds": round(seconds, 1), "processes": chosen.processes}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        _shown(found, seconds, people)
    return 1 if found.violations else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m crossloop.testing simulate", description=__doc__)
    parser.add_argument("--seeds", type=at_least(1), default=200, help="how many (default %(default)s)")
    parser.add_argument("--from", type=at_least(0), default=0, dest="first", help="the first one (default 0)")
    parser.add_argument("--seed", type=at_least(0), help="run this one again and tell what happened")
    parser.add_argument("--folder", type=Path, help="where finished ranges are kept, to go on after a stop")
    parser.add_argument("--processes", type=at_least(1), default=1, help="how many at once (default 1)")
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout")
    return parser


def _many(chosen: argparse.Namespace, people: Console) -> Found:
    columns = (TextColumn("seeds"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    told: set[int] = set()
    with Progress(*columns, TextColumn("{task.fields[bad]} violations"), console=people) as shown:
        task = shown.add_task("seeds", total=chosen.seeds, bad=0)

        def progress(found: Found, seeds: int) -> None:
            shown.update(task, advance=seeds, bad=len(found.violations))
            for seed, violation in found.violations:
                if seed not in told:
                    told.add(seed)
                    shown.console.print(f"seed {seed}: {violation}", markup=False)
                    shown.console.print(_rerun(seed), markup=False)

        folder = None if chosen.folder is None else usable(chosen.folder)
        return campaign(
            chosen.first, chosen.seeds, folder=folder, processes=chosen.processes, progress=progress
        )


def _rerun(seed: int) -> str:
    return f"  to see it again: python -m crossloop.testing simulate --seed {seed}"


def _one(seed: int, people: Console) -> Found:
    outcome = simulate(seed)
    again = same_ledger(outcome.ledger.encode(), simulate(seed).ledger.encode(), seed)
    found = Found()
    found.add(outcome, *again)
    _told(outcome, people)
    for _, violation in found.violations:
        people.print(str(violation), markup=False)
    return found


def _told(outcome: Outcome, people: Console) -> None:
    table = Table("at", "entries", "operation", title=f"seed {outcome.seed}")
    for step in outcome.program:
        table.add_row(step.at.isoformat(sep=" ", timespec="seconds"), str(step.entries), step.operation)
    people.print(table)
    people.print(f"{outcome.entries} entries, {outcome.effects} effects, ledger {outcome.ledger[:16]}")


def _shown(found: Found, seconds: float, people: Console) -> None:
    table = Table("fault", "times", title="what went wrong on purpose")
    rows: list[tuple[str, Any]] = sorted(found.faults.items())
    for kind, count in rows:
        table.add_row(kind, f"{count:,}")
    people.print(table)
    rate = found.seeds / seconds if seconds else 0.0
    people.print(
        f"{found.seeds:,} seeds, {found.operations:,} operations, {found.entries:,} entries, "
        f"{found.effects:,} effects in {seconds:.0f} s ({rate:.1f} seeds/s); "
        f"{len(found.violations)} violations"
    )
