"""What every peer does with a signal: the same steps, as plain functions over plain data.

    accept -> marketing and service answer -> mediate -> gate -> act, once, with a receipt

The peers differ in who calls these, and in what is on disk after each of them. Imported by the scripts
beside it, which run in environments of their own: nothing here needs more than the standard library.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

Signal = dict[str, Any]
Proposal = dict[str, Any]

WARM_UP = 8
"""Signals before the clock starts, as on the other side."""

_FULL = 2  # PRAGMA synchronous

ACT = 0.85
LARGE_CHANGE = 0.15


def said(number: int) -> Signal:
    """A signal about an area and a campaign of its own."""
    return {
        "id": f"sig-{number}",
        "type": "logistics.returns/1",
        "source": "/throughput",
        "department": "logistics",
        "subject": f"area/{number}",
        "confidence": 0.95,
        "data": {"area": f"area-{number}", "campaign": f"C{number}", "share": 0.01},
    }


def marketing(signal: Signal) -> Proposal:
    """Marketing asks for the area to be left out of the campaign."""
    data = signal["data"]
    resource = f"ads/campaign/{data['campaign']}/{data['area']}"
    return {
        "signal": signal["id"],
        "department": "marketing",
        "intervention": "leave_out",
        "action": {"system": "ads", "operation": "leave_out", "resource": resource, "area": data["area"]},
        "claims": [{"resource": resource, "direction": "exclude", "interest": "marketing"}],
        "confidence": signal["confidence"],
        "share": data["share"],
        "rationale": f"Parcels come back from {data['area']}.",
    }


def service(signal: Signal) -> Proposal:
    """Service looks and finds nothing to do."""
    return {
        "signal": signal["id"],
        "department": "service",
        "intervention": "no_action",
        "action": None,
        "claims": [],
        "confidence": signal["confidence"],
        "share": 0.0,
        "rationale": "nobody chose cash on delivery there",
    }


def mediate(proposals: Sequence[Proposal]) -> list[dict[str, str]]:
    """Name the resources that two proposals want to move in different directions."""
    wanted: dict[str, str] = {}
    conflicts: list[dict[str, str]] = []
    for proposal in sorted(proposals, key=lambda one: one["department"]):
        for claim in proposal["claims"]:
            before = wanted.setdefault(claim["resource"], claim["direction"])
            if before != claim["direction"]:
                conflicts.append({"resource": claim["resource"]})
    return conflicts


def gate(proposals: Sequence[Proposal], conflicts: Sequence[dict[str, str]]) -> dict[str, Any]:
    """Decide about every proposal; what may act is named by its action."""
    verdicts: dict[str, str] = {}
    actions: list[dict[str, Any]] = []
    for proposal in sorted(proposals, key=lambda one: one["department"]):
        action = proposal["action"]
        if action is None:
            verdict = "refuse"
        elif conflicts or proposal["share"] > LARGE_CHANGE or proposal["confidence"] < ACT:
            verdict = "hold"
        else:
            verdict = "act"
            actions.append({"key": f"{proposal['signal']}/{proposal['department']}/0", **action})
        verdicts[proposal["department"]] = verdict
    return {"verdicts": verdicts, "actions": actions}


class Ads:
    """The advertising platform, in memory: one effect per key."""

    def __init__(self) -> None:
        self.done: dict[str, str] = {}

    def perform(self, action: dict[str, Any]) -> dict[str, str]:
        """Carry an action out once; return its receipt."""
        self.done.setdefault(action["key"], action["area"])
        return {"key": action["key"], "outcome": "done", "reference": f"left-out-{action['key']}"}


class Receipts:
    """Receipts in SQLite, for peers whose nodes record effects themselves: WAL, synchronous=FULL."""

    def __init__(self, file: Path) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(file, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("CREATE TABLE receipt (key TEXT PRIMARY KEY, body TEXT NOT NULL)")
        self._connection.commit()

    def record(self, receipt: dict[str, str]) -> None:
        """Write one receipt and commit it."""
        with self._lock, self._connection:
            self._connection.execute(
                "INSERT OR IGNORE INTO receipt VALUES (?, ?)", (receipt["key"], json.dumps(receipt))
            )

    def count(self) -> int:
        """How many there are."""
        (found,) = self._connection.execute("SELECT count(*) FROM receipt").fetchone()
        return int(found)


Bring = Callable[[Sequence[Signal]], Sequence[dict[str, Any]]]
"""Brings signals to their receipts, all of them under way at once, and returns the receipts."""


def folder_and_numbers() -> tuple[Path, int, int]:
    """The arguments of every script: folder, signals, signals under way at once."""
    return Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])


def is_synced(file: Path) -> bool:
    """Whether whoever opens this SQLite file as it comes has each of his commits synced.

    It is the default, and a build of SQLite may have another one for files in WAL mode.
    """
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (level,) = connection.execute("PRAGMA synchronous").fetchone()
    return int(level) >= _FULL


def measure(bring: Bring, ads: Ads, *, synced: Path | None, what: str) -> None:
    """Measure and print one JSON document.

    Args:
        synced: the SQLite file that holds all that must survive a loss of power while a signal is under
            way; none when the peer keeps less than that by its own default.
        what: what is on disk, and when.
    """
    _, signals, wave = folder_and_numbers()
    bring([said(-1 - number) for number in range(WARM_UP)])
    waves = [
        [said(number) for number in range(first, min(first + wave, signals))]
        for first in range(0, signals, wave)
    ]
    receipts = 0
    began = time.perf_counter()
    for one in waves:
        receipts += sum(receipt["outcome"] == "done" for receipt in bring(one))
    seconds = time.perf_counter() - began
    if receipts != signals or len(ads.done) != signals + WARM_UP:
        raise SystemExit(f"{receipts} receipts and {len(ads.done)} effects for {signals} signals")
    durable = synced is not None and is_synced(synced)
    print(json.dumps({"signals": signals, "seconds": seconds, "durable": durable, "what": what}))
