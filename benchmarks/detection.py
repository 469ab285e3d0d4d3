"""Whole detection against the bare DuckDB query, on the same generated shipments.

The bare query counts rolling 7-day windows of every pin code and day: what a report would do. Whole
detection is what ``run`` does with the file: read and check it, account for its rows, count, learn the
priors, judge every area. Both include the scan of the Parquet file. Each measurement runs in a child
process of its own, so that peak memory is its own; the best of several rounds counts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.result import Result

SIZES = "1m,10m,30m"
_UNITS = {"k": 1_000, "m": 1_000_000}


def run(chosen: argparse.Namespace) -> Result:
    """Measure every size."""
    result = Result()
    sizes = [text.strip().lower() for text in (chosen.sizes or SIZES).split(",")]
    with TemporaryDirectory(prefix="crossloop-bench-") as folder:
        for size in sizes:
            file = Path(folder) / f"shipments-{size}.parquet"
            _say(f"{size}: generating shipments")
            _child("generate", file, str(int(float(size[:-1]) * _UNITS[size[-1]])), "1")
            found = {}
            for what in ("bare", "whole"):
                _say(f"{size}: measuring {what}")
                found[what] = _child(what, file, str(chosen.rounds), "7")
                result.measured[f"{what}_{size}"] = (found[what]["seconds"], "s")
                result.measured[f"{what}_{size}_peak"] = (found[what]["peak_mb"], "MB")
            ratio = found["whole"]["seconds"] / found["bare"]["seconds"]
            result.ratios[f"vs_duckdb_{size}"] = round(ratio, 3)
            file.unlink()
    for smaller, larger in pairwise(sizes):
        for what in ("bare", "whole"):
            growth = result.measured[f"{what}_{larger}"][0] / result.measured[f"{what}_{smaller}"][0]
            result.measured[f"{what}_growth_{smaller}_to_{larger}"] = (round(growth, 3), "times")
    return result


def _child(what: str, file: Path, *arguments: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.detection_child", what, str(file), *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def _say(text: str) -> None:
    sys.stderr.write(f"{text} …\n")
    sys.stderr.flush()
