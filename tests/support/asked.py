"""Stores in which something waits for one person, or for two."""

from __future__ import annotations

from pathlib import Path

from tests.support import orders
from tests.support.console import DEMO, LOOP, warm
from tests.support.orders import Place

TROUBLE = Place("RAJASTHAN", "302001", 8, lambda day: 4)
"""Half of the parcels come back."""

ONE = ("act: 0.85", "act: 0.9999")
"""Nothing is sure enough to be done by itself: the head of marketing decides."""

TWO = ("daily_budget_share > 0.15", "daily_budget_share > 0.0")
"""Every change is a large one: both heads decide."""


def rules(folder: Path, *changes: tuple[str, str]) -> Path:
    """Write the demonstration rules with pieces of text replaced; each piece must be there."""
    text = DEMO.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    file = folder / "rules.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def waiting_for(folder: Path, *changes: tuple[str, str]) -> Path:
    """Run a day after which one change waits for those whom the changed rules name."""
    options = orders.write_company(folder, TROUBLE, days=50)
    warm("run", LOOP, *options, "--governance", rules(folder, *changes), cwd=folder).expect(3)
    return folder
