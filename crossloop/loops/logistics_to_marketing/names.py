"""What the loop and its parties are called."""

from __future__ import annotations

from typing import Final

from crossloop.ids import DepartmentName, LoopName

NAME: Final = LoopName("logistics-to-marketing")
LOGISTICS: Final = DepartmentName("logistics")
SOURCE: Final = "/logistics/geo-risk"
