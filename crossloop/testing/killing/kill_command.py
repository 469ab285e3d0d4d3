"""``python -m crossloop.testing kill``: kill a company many times, and check what is left of it."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from crossloop.errors import CrossloopError
from crossloop.testing.arguments import INTERRUPTED, WRONG_USAGE, at_least, usable
from crossloop.testing.checkout import commit
from crossloop.testing.killing.kill import Campaign, Result, kill


def main(arguments: list[str]) -> int:
    """Run it; 1 when something was lost, doubled, stuck or otherwise wrong."""
    chosen = _parser().parse_args(arguments)
    people = Console(stderr=True, emoji=False)
    began, running = time.monotonic(), commit()
    try:
        if chosen.folder is not None:
            result = _killed(chosen, usable(chosen.folder), people)
        else:
            with tempfile.TemporaryDirectory(prefix="crossloop-") as made:
                result = _killed(chosen, Path(made), people)
    except KeyboardInterrupt:
        kept = "the same command goes on from here" if chosen.folder else "with --folder it could go on"
        people.print(f"stopped; {kept}")
        return INTERRUPTED
    except CrossloopError as wrong:
        people.print(str(wrong), markup=False, soft_wrap=True)
        return WRONG_USAGE
    if chosen.json:
        more = {"seed": chosen.seed, "wall_seconds": round(time.monotonic() - began, 1), "commit": running}
        sys.stdout.write(json.dumps({**result.document(), **more}, indent=2) + "\n")
    else:
        _shown(result, people)
    return 1 if result.violations else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m crossloop.testing kill", description=__doc__)
    parser.add_argument("--times", type=at_least(1), default=100, help="kills in all (default %(default)s)")
    parser.add_argument("--seed", type=at_least(0), default=0, help="what is drawn comes from it (default 0)")
    parser.add_argument("--folder", type=Path, help="where store and journal are kept, to go on after a stop")
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout")
    return parser


def _killed(chosen: argparse.Namespace, folder: Path, people: Console) -> Result:
    columns = (TextColumn("kills"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    told = TextColumn(
        "{task.fields[signals]} signals, {task.fields[effects]} effects, {task.fields[bad]} wrong"
    )
    with Progress(*columns, told, console=people) as shown:
        task = shown.add_task("kills", total=chosen.times, signals=0, effects=0, bad=0)
        seen = 0

        def progress(campaign: Campaign) -> None:
            nonlocal seen
            for violation in campaign.violations[seen:]:
                shown.console.print(str(violation), markup=False)
            seen = len(campaign.violations)
            journal = campaign.journal
            done, effects = journal.kills.total(), len(campaign.world.effects)
            shown.update(task, completed=done, signals=journal.sent, effects=effects, bad=seen)

        return kill(chosen.times, seed=chosen.seed, folder=folder, progress=progress)


def _shown(result: Result, people: Console) -> None:
    table = Table("killed", "times", title="when it was killed")
    for plan, count in sorted(result.plans.items()):
        table.add_row(plan, f"{count:,}")
    for phase, count in sorted(result.phases.items()):
        table.add_row(f"while {phase}", f"{count:,}")
    people.print(table)
    people.print(
        f"{result.kills:,} kills in {result.seconds:.0f} s: {result.acknowledged:,} signals acknowledged, "
        f"{result.acknowledged_lost} lost; {result.effects:,} effects, {result.effects_doubled} doubled, "
        f"{result.unknown:,} of which nobody can tell; {result.runs_stuck} stuck"
    )
    for violation in result.violations:
        people.print(str(violation), markup=False)
