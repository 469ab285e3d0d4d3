"""Signals per second, fully governed and durably recorded, beside peers that do the same steps.

crossloop: each signal is admitted to the inbox, two departments answer it, their answers are mediated and
judged, the decisions go to the ledger, the permitted action is performed once, and its receipt is recorded;
every commit is synced. It is handed 1, 8 and 64 signals at a time, each a wave. The peers do the same steps
(``benchmarks/peers/steps.py``), each with its own durable default, with as many signals under way at once
(DBOS with those that suit it). Everybody writes into the same folder, in turns and each in a child process
of its own; the best of several rounds counts, and of a peer its best number of signals under way.

A ratio is crossloop's best wave over a peer's best, and there is one only for a peer that is durable: what
was recorded survives a loss of power. What is not durable stands among what was measured.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.disk import NotADisk, require_disk, synced_write
from benchmarks.peers.environments import CannotInstall, python_with
from benchmarks.result import Result

WAVES = (1, 8, 64)
_PATIENCE = 900
"""Seconds after which a measurement is given up."""


@dataclass(frozen=True)
class Peer:
    """One configuration of one peer."""

    name: str
    script: str
    environment: str
    arguments: tuple[str, ...] = ()
    share: float = 1.0
    """Share of the signals it is given: the slow ones would take most of the time."""

    at_once: tuple[int, ...] = WAVES
    """How many signals are under way at once."""


PEERS = (
    Peer("langgraph_sync", "langgraph_saver", "langgraph", ("sync",), 0.5),
    Peer("langgraph_exit", "langgraph_saver", "langgraph", ("exit",)),
    Peer("langgraph_supervisor", "langgraph_supervisor_fake", "langgraph", share=0.2),
    # More at once only wait for SQLite's lock, and each wait is a sleep.
    Peer("dbos", "dbos_workflow", "dbos", share=0.3, at_once=(1, 2, 4)),
    Peer("agent_framework", "agent_framework_files", "agent_framework"),
    Peer("crewai_flow", "crewai_flow", "crewai", share=0.2),
)


class NotMeasured(Exception):
    """A configuration could not be run; the message says why."""


def run(chosen: argparse.Namespace) -> Result:
    """Measure crossloop and the chosen peers."""
    result = Result()
    peers = _chosen(chosen.peers)
    ready = dict(_installed(peers, result))
    with _folder(chosen.folder) as folder:
        try:
            result.notes["disk"] = require_disk(folder)
        except NotADisk as memory:
            raise SystemExit(str(memory)) from None
        result.measured["synced_write"] = (synced_write(folder) * 1e6, "µs")
        found = _rounds(folder, ready, chosen, result)
    _tell(found, [one for one in peers if one in ready], result)
    return result


def _chosen(text: str) -> list[Peer]:
    if text == "all":
        return list(PEERS)
    names = [name.strip() for name in text.split(",") if name.strip() not in ("", "none")]
    known = {one.name: one for one in PEERS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(f"there is no peer {', '.join(unknown)}; peers: {', '.join(known)}, all, none")
    return [known[name] for name in names]


def _installed(peers: list[Peer], result: Result) -> Iterator[tuple[Peer, Path]]:
    for peer in peers:
        _say(f"{peer.name}: looking for its environment")
        try:
            yield peer, python_with(peer.environment)
        except CannotInstall as failure:
            result.notes[peer.name] = f"not measured, it cannot be installed here: {failure}"


@contextmanager
def _folder(chosen: Path | None) -> Iterator[Path]:
    with TemporaryDirectory(prefix="crossloop-bench-", dir=chosen) as folder:
        yield Path(folder)


Found = dict[tuple[str, int], dict[str, Any]]
"""The best round of each name and wave."""


def _rounds(folder: Path, ready: dict[Peer, Path], chosen: argparse.Namespace, result: Result) -> Found:
    found: Found = {}
    broken: set[str] = set()
    for number in range(chosen.rounds):
        for turn, wave in enumerate(WAVES):
            _say(f"round {number + 1}, {wave} at a time: crossloop")
            command = [sys.executable, "-m", "benchmarks.throughput_child"]
            _keep(found, ("crossloop", wave), _child(folder, command, chosen.signals, wave, ()))
            for peer, python in ready.items():
                if peer.name in broken:
                    continue
                at_once = peer.at_once[turn]
                _say(f"round {number + 1}, {at_once} at a time: {peer.name}")
                try:
                    one = _peer(folder, peer, python, chosen.signals, at_once)
                except NotMeasured as failure:
                    broken.add(peer.name)
                    result.notes[peer.name] = f"not measured with {at_once} at a time and after: {failure}"
                else:
                    _keep(found, (peer.name, at_once), one)
    return found


def _peer(folder: Path, peer: Peer, python: Path, signals: int, wave: int) -> dict[str, Any]:
    script = Path(__file__).parent / "peers" / f"{peer.script}.py"
    share = max(int(signals * peer.share), wave)
    return _child(folder, [str(python), str(script)], share, wave, peer.arguments)


def _child(
    folder: Path, command: list[str], signals: int, wave: int, arguments: tuple[str, ...]
) -> dict[str, Any]:
    """One measurement, in a folder and a process of its own."""
    with TemporaryDirectory(dir=folder) as own:
        whole = [*command, own, str(signals), str(wave), *arguments]
        try:
            done = subprocess.run(whole, capture_output=True, text=True, check=False, timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            raise NotMeasured(f"it did not end within {_PATIENCE} s") from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise NotMeasured(said[-1])
    return json.loads(done.stdout.strip().splitlines()[-1])


def _keep(found: Found, key: tuple[str, int], one: dict[str, Any]) -> None:
    before = found.get(key)
    if before is None or _rate(one) > _rate(before):
        found[key] = one


def _rate(one: dict[str, Any]) -> float:
    return one["signals"] / one["seconds"]


def _tell(found: Found, peers: list[Peer], result: Result) -> None:
    for (name, wave), one in found.items():
        result.measured[f"{name}_{wave}"] = (round(_rate(one), 1), "signals/s")
    alone = found["crossloop", 1]
    result.measured["latency_p50"] = (round(alone["p50"] * 1e3, 3), "ms")
    result.measured["latency_p99"] = (round(alone["p99"] * 1e3, 3), "ms")
    ours = max(_rate(one) for (name, _), one in found.items() if name == "crossloop")
    result.notes["crossloop"] = alone["what"]
    for peer in peers:
        own = [one for (name, _), one in found.items() if name == peer.name]
        if not own:
            continue
        durable = own[0]["durable"]
        note = f"{'durable' if durable else 'not durable'}: {own[0]['what']}"
        missing = result.notes.get(peer.name)
        result.notes[peer.name] = note if missing is None else f"{note}; {missing}"
        if durable:
            result.ratios[f"vs_{peer.name}"] = round(ours / max(map(_rate, own)), 2)


def _say(text: str) -> None:
    sys.stderr.write(f"{text} …\n")
    sys.stderr.flush()
