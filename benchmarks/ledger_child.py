"""One step of the ledger benchmark, in a process of its own."""

from __future__ import annotations

import json
import random
import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final, TypeVar

from benchmarks.ledger_books import ENTRIES_OF_A_CASE, add_case
from crossloop.clock import SystemClock
from crossloop.store import Read, Store, Tx, verify
from crossloop.store.ledger.stored import prove_consistency, prove_inclusion, roots

T = TypeVar("T")

WAVE: Final = 64
"""Cases in one transaction."""

PROOFS: Final = 200


def main() -> None:
    what, path, numbers = sys.argv[1], Path(sys.argv[2]).absolute(), [int(text) for text in sys.argv[3:]]
    work: dict[str, Callable[..., dict[str, float]]] = {"fill": fill, "verify": verified, "prove": proofs}
    with Store.open(f"sqlite:///{path}", clock=SystemClock()) as store:
        found = work[what](store, *numbers)
    if what == "fill":  # closed: the write-ahead log is part of the file now
        found["file"] = round(path.stat().st_size / 1e6, 1)
    print(json.dumps(found))


def fill(store: Store, size: int) -> dict[str, float]:
    """Append whole cases until there are ``size`` entries; how quickly at first and in the end."""
    cases = size // ENTRIES_OF_A_CASE
    waves: list[tuple[int, float]] = []
    for first in range(0, cases, WAVE):
        numbers = range(first, min(first + WAVE, cases))
        seconds, _ = timed(partial(store.write, partial(add_cases, numbers)))
        waves.append((len(numbers) * ENTRIES_OF_A_CASE, seconds))
        if numbers.stop * 10 // cases > first * 10 // cases:
            say(f"  {numbers.stop * ENTRIES_OF_A_CASE:,} of {size:,} entries, {rate(waves[-1:]):,.0f}/s")
    tenth = max(1, len(waves) // 10)
    # The first wave also compiles the statements.
    return {"append_first": rate(waves[1 : 1 + tenth]), "append_last": rate(waves[-tenth:])}


def add_cases(numbers: range, tx: Tx) -> None:
    """Write some cases in one transaction."""
    for number in numbers:
        add_case(tx, number)


def verified(store: Store, rounds: int) -> dict[str, float]:
    """Verify the whole ledger; entries a second, by the clock and by CPU time, and peak memory.

    Raises:
        AssertionError: the ledger is not good.
    """
    walls: list[float] = []
    cpus: list[float] = []
    count = 0
    for number in range(rounds):
        began = time.process_time()
        wall, found = timed(partial(store.read, verify))
        cpus.append(time.process_time() - began)
        walls.append(wall)
        assert found.ok, found.problem
        count = found.entries
        say(f"  round {number + 1} of {rounds}: {count / wall:,.0f} entries/s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "verify": round(count / min(walls)),
        "verify_cpu": round(count / min(cpus)),
        "verify_peak": round(peak, 1),
    }


def proofs(store: Store) -> dict[str, float]:
    """Make proofs for entries chosen at random; the median of each sort in milliseconds."""
    return store.read(_proofs)


def _proofs(read: Read) -> dict[str, float]:
    head, chosen = read.head(), random.Random(1)
    root = bytes.fromhex(head.root)
    inclusion: list[float] = []
    consistency: list[float] = []
    for _ in range(PROOFS):
        entry = read.entry(chosen.randrange(head.size))
        [(first, begun)] = roots(read, [chosen.randrange(1, head.size)])
        include = partial(prove_inclusion, read, entry.position, head.size, entry.leaf, root)
        inclusion.append(timed(include)[0])
        consistency.append(timed(partial(prove_consistency, read, first, begun, head.size, root))[0])
    return {
        "inclusion_proof": round(1000 * median(inclusion), 3),
        "consistency_proof": round(1000 * median(consistency), 3),
    }


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds that some work takes, and what it returns."""
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def rate(waves: list[tuple[int, float]]) -> float:
    """Entries a second over some waves."""
    return round(sum(count for count, _ in waves) / sum(seconds for _, seconds in waves))


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
