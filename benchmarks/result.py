"""What a benchmark found, and where it was found."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from typing import TextIO

from crossloop.testing import checkout


@dataclass
class Result:
    """Figures by name, each with its unit, ratios by name, and what has to be known to read them."""

    measured: dict[str, tuple[float, str]] = field(default_factory=dict)
    ratios: dict[str, float] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, object]:
        """The JSON document."""
        return {
            "measured": {
                name: {"value": value, "unit": unit} for name, (value, unit) in self.measured.items()
            },
            "ratios": self.ratios,
            "notes": self.notes,
            "commit": commit(),
            "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
        }

    def table(self, out: TextIO) -> None:
        """Print the figures for people."""
        out.writelines(
            f"  {name:<34} {value:>12,.3f} {unit}\n" for name, (value, unit) in self.measured.items()
        )
        out.writelines(f"  {name:<34} {ratio:>12.2f} ×\n" for name, ratio in self.ratios.items())
        out.writelines(f"  {name}: {note}\n" for name, note in self.notes.items())


def commit() -> str:
    """The commit of the package that was measured, ``-dirty`` where it differs; ``unknown`` outside git."""
    return checkout.commit() or "unknown"
