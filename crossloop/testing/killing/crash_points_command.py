"""``python -m crossloop.testing crash-points``: kill a company at every named crash point.

All of them, or those that are named: one that was not passed, or at which nobody died, is a failure.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

from rich.console import Console
from rich.table import Table

from crossloop.faults import POINTS
from crossloop.testing.arguments import INTERRUPTED, at_least
from crossloop.testing.checkout import commit
from crossloop.testing.killing.crash_points import Tried, crash_at_every_point


def main(arguments: list[str]) -> int:
    """Run it; 1 when a point is never passed, or something was wrong after a death."""
    chosen = _parser().parse_args(arguments)
    people = Console(stderr=True, emoji=False)
    began = time.monotonic()
    points = chosen.point or POINTS
    with people.status(f"{len(points)} points") as shown:
        found: list[Tried] = []

        def progress(tried: Tried) -> None:
            found.append(tried)
            shown.update(f"{len(found)} of {len(points)} points; {tried.point}: {_verdict(tried)}")

        try:
            crash_at_every_point(points, most=chosen.passes, progress=progress)
        except KeyboardInterrupt:
            people.print(f"stopped after {len(found)} of {len(points)} points")
            return INTERRUPTED
    tried = {one.point for one in found}
    found += [Tried(point, 0) for point in points if point not in tried]
    seconds = round(time.monotonic() - began, 1)
    _shown(found, people)
    if chosen.json:
        document = {
            "points": [one.document() for one in found],
            "crashes": sum(one.crashes + one.recovering for one in found),
            "ok": all(one.ok for one in found),
            "seconds": seconds,
            "commit": commit(),
        }
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    return 0 if all(one.ok for one in found) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m crossloop.testing crash-points", description=__doc__)
    parser.add_argument("--point", action="append", choices=POINTS, metavar="POINT", help="only this one")
    parser.add_argument(
        "--passes",
        type=at_least(1),
        default=4,
        help="passes at which a first run dies, for each point (default 4)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout")
    return parser


def _shown(found: list[Tried], people: Console) -> None:
    table = Table("point", "passes", "crashes", "in a recovery", "ok", title="crash points")
    for one in found:
        table.add_row(one.point, str(one.passes), str(one.crashes), str(one.recovering), _verdict(one))
    people.print(table)
    for one in found:
        for violation in one.violations:
            people.print(f"{one.point}: {violation}", markup=False)


def _verdict(tried: Tried) -> str:
    if tried.passes == 0:
        return "never passed"
    if tried.violations:
        return f"{len(tried.violations)} violations"
    return "ok" if tried.ok else "not reached"
