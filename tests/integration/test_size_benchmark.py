"""Cost against size, and coming back: small runs that end as they should, and what is told of them."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

import pytest

from benchmarks import children, recovery_child, size, size_child
from crossloop.clock import SystemClock
from crossloop.store import Store, approvals, verify


def chosen(folder: Path, sizes: str) -> argparse.Namespace:
    return argparse.Namespace(sizes=sizes, signals=70, open=100, rounds=1, folder=folder)


def test_a_company_works_on_a_filled_store_which_stays_good(tmp_path: Path) -> None:
    filled = size_child.fill(tmp_path, 1000)
    assert filled["entries"] > 1000
    found = size_child.work(tmp_path, 10)
    assert all(
        found[name] > 0 for name in ("throughput", "open", "first_signal", "explain", "approvals_list")
    )
    with Store.open(f"sqlite:///{size_child.store_in(tmp_path)}", clock=SystemClock()) as store:
        assert store.read(verify).ok
        states = dict(
            store.read(lambda read: read.rows("SELECT state, count(*) FROM actions GROUP BY state"))
        )
        past = store.read(lambda read: read.row("SELECT count(*) FROM claims_past"))
        waiting = store.read(lambda read: approvals.listing(read, state="waiting"))
    assert states == {"done": 60 + 10 + 1 + size_child.WAVE, "compensated": 40, "planned": 20}
    assert past is not None
    assert 0 < past[0] < 100
    assert len(waiting) == size_child.WAITING


def test_after_a_crash_everything_is_brought_to_its_end_or_waits(tmp_path: Path) -> None:
    left = recovery_child.counts(100)
    assert left == {"overdue": 5, "waiting": 15, "permitted": 30, "acted": 10, "started": 10, "new": 30}
    assert asyncio.run(recovery_child.prepare(tmp_path, 100)) == {"effects": 10}
    with Store.open(f"sqlite:///{tmp_path / 'crossloop.db'}", clock=SystemClock()) as store:
        signals = dict(
            store.read(lambda read: read.rows("SELECT state, count(*) FROM signals GROUP BY state"))
        )
        actions = dict(
            store.read(lambda read: read.rows("SELECT state, count(*) FROM actions GROUP BY state"))
        )
    assert signals == {"new": 30, "decided": 70}
    assert actions == {"planned": 20, "permitted": 30, "started": 20}
    found = recovery_child.recover(tmp_path)
    assert 0 < found["recovery"] <= found["recovery_and_list"]


def test_sizes_are_compared_with_the_smallest_and_nothing_is_measured_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def child(command: list[str], *, patience: float) -> children.Found:
        what, path = command[3:5]
        asked.append(what)
        if what == "fill":
            Path(path, "crossloop.db").write_bytes(b"filled")
        if what == "work":
            assert Path(path, "crossloop.db").read_bytes() == b"filled"
            return {**dict.fromkeys(size._FIGURES, 1.0), "throughput": 500.0 / asked.count("work")}
        return {"verify": 9.0, "recovery": 2.0, "recovery_and_list": 3.0}

    monkeypatch.setattr(size, "child", child)
    first = size.run(chosen(tmp_path, "1k,2k"))
    assert asked == ["fill", "work", "verify"] * 2 + ["prepare", "recover"]
    assert first.ratios == {"throughput_2k_vs_1k": 0.5}
    assert first.measured["recovery"] == (2.0, "s")
    again = size.run(chosen(tmp_path, "1k,2k"))
    assert asked.count("work") == 2
    assert again.measured["verify_2k"] == first.measured["verify_2k"] == (9.0, "entries/s")
    assert again.notes["kept"] == "5 of 5 measurements were made before"
    assert json.loads((tmp_path / "size.json").read_text())["under"]["signals"] == 70
