"""Pictures of results, for the documentation: plain SVG that reads on a light and on a dark page.

Nothing in a picture tells when it was drawn: the same results give the same bytes. Text is drawn as outlines,
so that it looks alike wherever it is shown.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.ledger import entries
from benchmarks.throughput import PEERS, PUBLISH

Measured = Mapping[str, float]

_INK: Final = "#7d838c"
"""Text and lines: as far from white as from the black of a dark page."""

_OURS: Final = "#d9772b"
_OTHERS: Final = "#7f9bbd"
_LINES: Final = ("#d9772b", "#4f8fcf", "#4fa36b", "#a97bc4", "#b59a3c")
_LOGARITHMIC: Final = 20
"""Bars that differ by more than so many times are drawn on a logarithmic scale."""

_STYLE: Final = {
    "svg.hashsalt": "crossloop",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_PEERS: Final = {
    "crossloop": "crossloop",
    PUBLISH: "crossloop, opened for every 64",
    "langgraph_sync": "LangGraph, durability sync",
    "langgraph_exit": "LangGraph, durability exit",
    "langgraph_supervisor": "LangGraph supervisor",
    "dbos": "DBOS",
    "agent_framework": "Agent Framework",
    "crewai_flow": "CrewAI flow",
}
_LATENCIES: Final = {
    "accepted_to_executed": "one signal, accepted to executed",
    "handed_in_to_executed": "one signal, handed in to executed",
    "mixed": "beside slow ones, accepted to executed",
    "mixed_from_offer": "beside slow ones, offered to executed",
}
_COSTS: Final = {
    "throughput": "time a signal",
    "cpu": "CPU time a signal",
    "written": "bytes written a signal",
    "explain": "explain",
    "approvals_list": "approvals list",
}


def draw(results: Sequence[Path], folder: Path) -> list[Path]:
    """Draw what the documents hold; return the files.

    Raises:
        SystemExit: none of them holds anything that has a picture.
    """
    found: dict[str, Figure] = {}
    with mpl.rc_context(_STYLE):
        for file in results:
            document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            measured = {name: float(one["value"]) for name, one in document["measured"].items()}
            found |= {name: make(measured, document["notes"]) for name, make in _pictures(measured).items()}
        if not found:
            raise SystemExit("none of the results has a picture: name those of throughput or size")
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / f"{name}.svg" for name in found]
        for file, figure in zip(files, found.values(), strict=True):
            figure.savefig(
                file, transparent=True, bbox_inches="tight", metadata={"Date": None, "Creator": None}
            )
    return files


Make = Callable[[Measured, Mapping[str, str]], Figure]


def _pictures(measured: Measured) -> dict[str, Make]:
    """What can be drawn of a result."""
    if "crossloop_1" in measured:
        return {"throughput": _throughput, "latency": _latency}
    return {"size": _size} if _sizes(measured) else {}


def _throughput(measured: Measured, notes: Mapping[str, str]) -> Figure:
    names = ["crossloop", PUBLISH, *(peer.name for peer in PEERS)]
    best = {
        name: max(rate for key, rate in measured.items() if _is_of(key, name))
        for name in names
        if any(_is_of(key, name) for key in measured)
    }
    labels = [
        _PEERS[name] + (" (not durable)" if notes.get(name, "").startswith("not durable") else "")
        for name in best
    ]
    colours = [_OURS if name.startswith("crossloop") else _OTHERS for name in best]
    return _bars(
        labels, [("", list(best.values()), colours)], "signals/s, governed and recorded; more is better"
    )


def _is_of(key: str, name: str) -> bool:
    before, _, at_once = key.rpartition("_")
    return before == name and at_once.isdecimal()


def _latency(measured: Measured, _: Mapping[str, str]) -> Figure:
    there = {name: label for name, label in _LATENCIES.items() if f"{name}_p50" in measured}
    groups = [
        (part, [measured[f"{name}_{part}"] for name in there], [colour] * len(there))
        for part, colour in (("p50", _OTHERS), ("p99", _OURS))
    ]
    return _bars(list(there.values()), groups, "milliseconds; less is better")


def _bars(
    labels: Sequence[str], groups: Sequence[tuple[str, Sequence[float], Sequence[str]]], unit: str
) -> Figure:
    figure = Figure(figsize=(7.6, 0.6 + 0.42 * len(labels) * max(1.0, 0.75 * len(groups))))
    axes = figure.add_subplot()
    height = 0.72 / len(groups)
    values = [value for _, group, _ in groups for value in group]
    for number, (name, group, colours) in enumerate(groups):
        places = [place + (number - (len(groups) - 1) / 2) * height for place in range(len(labels))]
        bars = axes.barh(places, group, height * 0.92, color=colours, label=name or None)
        axes.bar_label(bars, [_short(value) for value in group], padding=4)
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_xlabel(unit)
    if max(values) > _LOGARITHMIC * min(values):
        axes.set_xscale("log")
        axes.set_xlim(min(values) / 2, max(values) * 2)
        axes.xaxis.set_major_formatter("{x:,.0f}")
    else:
        axes.set_xlim(0, max(values) * 1.15)
    if len(groups) > 1:
        axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(groups))
    return figure


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _sizes(measured: Measured) -> list[str]:
    sizes = [name.removeprefix("throughput_") for name in measured if name.startswith("throughput_")]
    return sorted(sizes, key=entries)


def _size(measured: Measured, _: Mapping[str, str]) -> Figure:
    sizes = _sizes(measured)
    figure = Figure(figsize=(7.6, 3.6))
    axes: Axes = figure.add_subplot()
    for colour, (name, label) in zip(_LINES, _COSTS.items(), strict=True):
        found = [measured[f"{name}_{size}"] for size in sizes]
        if not found[0]:
            continue
        relative = [found[0] / one if name == "throughput" else one / found[0] for one in found]
        axes.plot([entries(size) for size in sizes], relative, "o-", color=colour, label=label)
    axes.set_xscale("log")
    axes.set_xticks([entries(size) for size in sizes], [f"{entries(size):,}" for size in sizes])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.axhline(1, color=_INK, linewidth=0.6, linestyle=":")
    axes.set_xlabel("entries in the ledger")
    axes.set_ylabel("times the smallest")
    axes.legend(frameon=False)
    return figure
