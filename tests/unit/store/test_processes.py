"""Several processes on one store."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from crossloop.store import Store, Tx, leases, verify
from crossloop.store.owners import is_alive
from tests.support.stores import open_store

WRITER = """
import sys
from crossloop.clock import SystemClock
from crossloop.store import Store
url, name = sys.argv[1:]
with Store.open(url, clock=SystemClock()) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(60):
        store.write(lambda tx: [tx.append("drill", name, {"n": number, "part": part}) for part in (0, 1)])
"""

HOLDER = """
import sys
from datetime import timedelta
from crossloop.clock import SystemClock
from crossloop.store import Store, leases
from crossloop.store.owners import this_process
with Store.open(sys.argv[1], clock=SystemClock()) as store:
    store.write(lambda tx: leases.acquire(tx, "worker", owner=this_process(), ttl=timedelta(days=9999)))
    print(this_process(), flush=True)
    sys.stdin.readline()
"""

ENDLESS = """
import sys
from crossloop.clock import SystemClock
from crossloop.store import Store
with Store.open(sys.argv[1], clock=SystemClock()) as store:
    for number in range(10**9):
        store.write(lambda tx: [tx.append("drill", "case_x", {"n": number}) for part in (0, 1, 2)])
        print(number, flush=True)
"""


def started(program: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go_on(process: subprocess.Popen[str]) -> None:
    process.communicate("\n", timeout=60)
    assert process.returncode == 0


def test_processes_that_create_and_write_one_store_at_once_lose_nothing_and_mix_no_transactions(path: Path):
    url = f"sqlite:///{path}"
    with started(WRITER, url, "one") as one, started(WRITER, url, "two") as two:
        assert [line(one), line(two)] == ["ready", "ready"]
        for process in (one, two):
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        go_on(one)
        go_on(two)
    with open_store(path) as store:
        entries = store.read(lambda read: list(read.entries()))
        assert store.read(verify).ok
    assert len(entries) == 240
    for case in ("one", "two"):
        own = [entry.body for entry in entries if entry.case == case]
        assert own == [{"n": number, "part": part} for number in range(60) for part in (0, 1)]
    pairs = [(entries[at].case, entries[at + 1].case) for at in range(0, 240, 2)]
    assert all(first == second for first, second in pairs)


def test_the_lease_of_a_process_that_was_killed_is_taken_over_at_once(path: Path, store: Store):
    with started(HOLDER, store.url) as holder:
        owner = line(holder)
        assert is_alive(owner)
        holder.kill()
        holder.wait()
    assert not is_alive(owner)

    def take(tx: Tx) -> leases.Lease:
        return leases.acquire(tx, "worker", owner="other:1:1", ttl=timedelta(seconds=60), alive=is_alive)

    assert store.write(take).token == 2


@pytest.mark.parametrize("commits", [1, 7, 40])
def test_a_writer_that_is_killed_loses_nothing_it_acknowledged_and_leaves_no_half_transaction(
    path: Path, commits: int
):
    with started(ENDLESS, f"sqlite:///{path}") as writer:
        told = [line(writer) for _ in range(commits)]
        writer.kill()
        writer.wait()
    assert told == [str(number) for number in range(commits)]
    with open_store(path) as store:
        found = store.read(verify)
        assert found.ok
        assert found.entries >= 3 * commits
        assert found.entries % 3 == 0
        assert store.write(lambda tx: tx.append("drill", None, {})) == found.entries
