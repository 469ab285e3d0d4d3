"""Signals per second, fully governed and durably recorded, beside peers that do the same steps.

crossloop: each signal is admitted to the inbox, two departments answer it, their answers are mediated and
judged, the decisions go to the ledger, the permitted action is performed once, and its receipt is recorded;
every commit is synced. A company at work is handed 1, 8 and 64 signals at a time, each a wave, and the next
wave when everything of the last one has its receipt; once, it is opened for every 64 anew (``publish``). The
peers do the same steps (``benchmarks/peers/steps.py``), each with its own durable default, with as many
signals under way at once (DBOS with those that suit it). Everybody writes into the same folder, in turns and
each in a child process of its own; the best of several rounds counts, and of a peer its best number of
signals under way.

A ratio is crossloop's best wave over a peer's best, and there is one only for a peer that is durable: what
was recorded survives a loss of power. What is not durable stands among what was measured.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.children import Kept, NotMeasured, child, module, on_disk, say
from benchmarks.peers.environments import CannotInstall, python_with
from benchmarks.result import Result

WAVES: Final = (1, 8, 64)
SIGNALS: Final = 640
"""Signals each time."""

PUBLISH: Final = "crossloop_publish"
"""The name of what is measured through ``publish``: it is told, and not compared."""

MIXED_RATE: Final = 100
MIXED_SECONDS: Final = 30
_PATIENCE: Final = 900
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


def run(chosen: argparse.Namespace) -> Result:
    """Measure crossloop and the chosen peers."""
    result = Result()
    peers = _chosen(chosen.peers)
    signals = chosen.signals or SIGNALS
    rate, seconds = chosen.rate or MIXED_RATE, chosen.seconds or MIXED_SECONDS
    ready = dict(_installed(peers, result))
    with on_disk(chosen.folder, result) as folder:
        kept = Kept(folder, "throughput", {"signals": signals})
        found = _rounds(folder, ready, chosen.rounds, signals, result, kept)
        mixed = [
            kept.get(
                f"round {n + 1}, slow lane, {rate}/s for {seconds:g} s", lambda: _mixed(folder, rate, seconds)
            )
            for n in range(chosen.rounds)
        ]
        kept.tell(result)
    _tell(found, [one for one in peers if one in ready], result)
    _tell_mixed(min(mixed, key=lambda one: one["accepted_to_executed"]["p99"]), result)
    result.notes["mixed"] = f"{rate} signals/s offered for {seconds:g} s, one in twenty of them slow"
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
        say(f"{peer.name}: looking for its environment")
        try:
            yield peer, python_with(peer.environment)
        except CannotInstall as failure:
            result.notes[peer.name] = f"not measured, it cannot be installed here: {failure}"


Found = dict[tuple[str, int], dict[str, Any]]
"""The best round of each name and wave."""


def _rounds(
    folder: Path, ready: dict[Peer, Path], rounds: int, signals: int, result: Result, kept: Kept
) -> Found:
    found: Found = {}
    broken: set[str] = set()

    def ours(wave: int, *way: str) -> dict[str, Any]:
        return _child(folder, module("throughput_child"), signals, wave, way)

    for number in range(rounds):
        for turn, wave in enumerate(WAVES):
            key = f"round {number + 1}, {wave} at a time"
            say(f"{key}: crossloop")
            _keep(found, ("crossloop", wave), kept.get(f"{key}: crossloop", lambda wave=wave: ours(wave)))
            for peer, python in ready.items():
                if peer.name in broken:
                    continue
                at_once = peer.at_once[turn]
                key = f"round {number + 1}, {at_once} at a time: {peer.name}"
                say(key)
                try:
                    one = kept.get(
                        key,
                        lambda peer=peer, python=python, at_once=at_once: _peer(
                            folder, peer, python, signals, at_once
                        ),
                    )
                except NotMeasured as failure:
                    broken.add(peer.name)
                    result.notes[peer.name] = f"not measured with {at_once} at a time and after: {failure}"
                else:
                    _keep(found, (peer.name, at_once), one)
        key = f"round {number + 1}, {WAVES[-1]} at a time: crossloop, opened anew each time"
        say(key)
        _keep(found, (PUBLISH, WAVES[-1]), kept.get(key, lambda: ours(WAVES[-1], "publish")))
    return found


def _mixed(folder: Path, rate: int, seconds: float) -> dict[str, Any]:
    say(f"beside slow signals: {rate} signals/s for {seconds:g} s")
    with TemporaryDirectory(dir=folder) as own:
        return child(module("slow_lane_child", own, rate, seconds), patience=_PATIENCE + seconds)


def _peer(folder: Path, peer: Peer, python: Path, signals: int, wave: int) -> dict[str, Any]:
    script = Path(__file__).parent / "peers" / f"{peer.script}.py"
    share = max(int(signals * peer.share), wave)
    return _child(folder, [str(python), str(script)], share, wave, peer.arguments)


def _child(
    folder: Path, command: list[str], signals: int, wave: int, arguments: tuple[str, ...]
) -> dict[str, Any]:
    """One measurement, in a folder and a process of its own."""
    with TemporaryDirectory(dir=folder) as own:
        return child([*command, own, str(signals), str(wave), *arguments], patience=_PATIENCE, quiet=True)


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
    for percent in ("p50", "p99"):
        result.measured[f"accepted_to_executed_{percent}"] = (
            round(alone[f"inside_{percent}"] * 1e3, 3),
            "ms",
        )
        result.measured[f"handed_in_to_executed_{percent}"] = (round(alone[percent] * 1e3, 3), "ms")
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


def _tell_mixed(found: dict[str, Any], result: Result) -> None:
    for part, value in found["accepted_to_executed"].items():
        result.measured[f"mixed_{part}"] = (value, "ms")
    for part, value in found["offered_to_executed"].items():
        result.measured[f"mixed_from_offer_{part}"] = (value, "ms")
    for part, value in found["slow_accepted_to_executed"].items():
        result.measured[f"mixed_slow_{part}"] = (value, "ms")
