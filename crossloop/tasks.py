"""Telling whether a task is being cancelled, or only fell over a cancellation inside it."""

from __future__ import annotations

import asyncio


def being_cancelled() -> bool:
    """True when somebody has asked the running task to stop.

    ``CancelledError`` alone does not say so: whoever awaits a task that was cancelled gets one, too.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
