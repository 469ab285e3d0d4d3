"""How long ``import crossloop`` takes, beside an empty interpreter and beside what it must not load."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

from benchmarks.result import Result

_STATEMENTS = {
    "empty_interpreter": "pass",
    "import_crossloop": "import crossloop",
    "import_governance": "import crossloop.governance",
    "import_open_company": "from crossloop import open_company",
    "import_langgraph_graph": "import langgraph.graph",
}


def run(chosen: argparse.Namespace) -> Result:
    """Measure each statement in a fresh interpreter."""
    result = Result()
    for name, statement in _STATEMENTS.items():
        result.measured[name] = (min(_seconds(statement) for _ in range(chosen.rounds)), "s")
    bare = result.measured["empty_interpreter"][0]
    result.ratios["import_crossloop_vs_empty"] = round(result.measured["import_crossloop"][0] / bare, 2)
    return result


def _seconds(statement: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - began
