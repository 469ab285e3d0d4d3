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

from crossloop.testing.campaign import Found, campaign
from crossloop.testing.simulation import Outcome, simulate


def main(arguments: list[str]) -> int:
    """Run it; 1 when an invariant was violated."""
    chosen = _parser().parse_args(arguments)
    people = Console(stderr=True)
    began = time.monotonic()
    found = _many(chosen, people) if chosen.seed is None else _one(chosen.seed, people)
    seconds = time.monotonic() - began
    if chosen.json:
        document = {**found.document(), "seconds": round(seconds, 1), "processes": chosen.processes}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        _shown(found, seconds, people)
    return 1 if found.violations else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m crossloop.testing simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many (default %(default)s)")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first one (default 0)")
    parser.add_argument("--seed", type=int, help="run this one again and tell what happened")
    parser.add_argument("--folder", type=Path, help="where finished ranges are kept, to go on after a stop")
    parser.add_argument("--processes", type=int, default=1, help="how many at once (default 1)")
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

        return campaign(
            chosen.first, chosen.seeds, folder=chosen.folder, processes=chosen.processes, progress=progress
        )


def _rerun(seed: int) -> str:
    return f"  to see it again: python -m crossloop.testing simulate --seed {seed}"


def _one(seed: int, people: Console) -> Found:
    outcome = simulate(seed)
    found = Found()
    found.add(outcome)
    _told(outcome, people)
    return found


def _told(outcome: Outcome, people: Console) -> None:
    table = Table("at", "entries", "operation", title=f"seed {outcome.seed}")
    for step in outcome.program:
        table.add_row(step.at.isoformat(sep=" ", timespec="seconds"), str(step.entries), step.operation)
    people.print(table)
    people.print(f"{outcome.entries} entries, {outcome.effects} effects, ledger {outcome.ledger[:16]}")
    for violation in outcome.violations:
        people.print(str(violation), markup=False)


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
