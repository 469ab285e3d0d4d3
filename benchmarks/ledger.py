"""How long it takes to verify a ledger and to prove one entry of it."""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.result import Result
from crossloop.clock import SystemClock
from crossloop.store import Read, Store, Tx, verify
from crossloop.store.ledger.stored import prove_consistency, prove_inclusion, roots

SIZES = (100_000, 1_000_000)
PROOFS = 200
_AT_ONCE = 20_000


def run(chosen: argparse.Namespace) -> Result:
    """Measure ledgers of both sizes."""
    result = Result()
    with tempfile.TemporaryDirectory(prefix="crossloop-bench-") as folder:
        for size in SIZES:
            with Store.open(f"sqlite:///{folder}/{size}.db", clock=SystemClock()) as store:
                _fill(store, size)
                best = min(_seconds(lambda: store.read(verify)) for _ in range(chosen.rounds))
                result.measured[f"verify, {size} entries"] = (size / best, "entries/s")
                inclusion, consistency = store.read(_proofs)
                result.measured[f"inclusion proof, {size} entries"] = (1000 * inclusion, "ms")
                result.measured[f"consistency proof, {size} entries"] = (1000 * consistency, "ms")
            Path(folder, f"{size}.db").unlink()
    return result


def _fill(store: Store, size: int) -> None:
    def work(tx: Tx) -> None:
        for number in range(tx.head().size, min(size, tx.head().size + _AT_ONCE)):
            body = {"n": number, "department": "marketing", "verdict": "act", "rationale": "x" * 120}
            tx.append("decision", f"case_{number // 5}", body)

    while store.read(lambda read: read.head().size) < size:
        store.write(work)


def _proofs(read: Read) -> tuple[float, float]:
    head, chosen = read.head(), random.Random(1)
    root = bytes.fromhex(head.root)
    inclusion: list[float] = []
    consistency: list[float] = []
    for _ in range(PROOFS):
        entry = read.entry(chosen.randrange(head.size))
        [(first, begun)] = roots(read, [chosen.randrange(1, head.size)])
        inclusion.append(
            _seconds(lambda: prove_inclusion(read, entry.position, head.size, entry.leaf, root))  # noqa: B023
        )
        consistency.append(
            _seconds(lambda: prove_consistency(read, first, begun, head.size, root))  # noqa: B023
        )
    return median(inclusion), median(consistency)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
