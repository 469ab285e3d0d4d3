"""Views, answers and handlers for tests of departments."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any, TypeVar

from crossloop.departments import Answer, Handler, View
from crossloop.departments.department import Handle
from crossloop.ids import DepartmentName, LoopName
from crossloop.signals import Proposal, Signal
from crossloop.signals.types import GEO_RISK
from tests.support.samples import AS_OF

T = TypeVar("T")

MARKETING = DepartmentName("marketing")
LOOP = LoopName("logistics-to-marketing")


def run(work: Awaitable[T]) -> T:
    """Run something awaitable to its end."""

    async def main() -> T:
        return await work

    return asyncio.run(main())


def view(**changes: Any) -> View:
    """A view of nothing."""
    return View(**{"as_of": AS_OF, "timezone": "Asia/Kolkata", **changes})


def answer(signal: Signal, **changes: Any) -> Proposal:
    """A proposal that asks for nothing, about a signal."""
    return Proposal(
        **{
            "signal_id": signal.id,
            "department": MARKETING,
            "step": 0,
            "loop": LOOP,
            "intervention": "no_action",
            "risk": "reversible",
            "confidence": signal.confidence,
            "rationale": f"about {signal.subject}",
            **changes,
        }
    )


def plain(signal: Signal, _view: View) -> Answer:
    """A handle that answers with one such proposal."""
    return (answer(signal),)


def handler(handle: Handle = plain, **changes: Any) -> Handler:
    """A handler of ``logistics.geo_risk/1`` with a deadline that a test notices."""
    return Handler(
        **{
            "signal_type": GEO_RISK.name,
            "loop": LOOP,
            "handle": handle,
            "deadline": timedelta(seconds=20),
            **changes,
        }
    )
