"""Telling a process that was forked off that what its parent has opened is not there.

After a fork the child has the parent's objects and none of its threads: whatever waits for one waits for
ever. And SQLite forbids to use, or even to close, a file in the child that was opened before.
"""

from __future__ import annotations

import os

from crossloop.errors import ForkedProcess


class ThisProcess:
    """The process in which something was opened."""

    def __init__(self, what: str) -> None:
        """Remember the present process, and what was opened in it, as a sentence begins with it."""
        self._what = what
        self._id = os.getpid()

    @property
    def forked(self) -> bool:
        """Whether this is another process by now."""
        return os.getpid() != self._id

    def require(self) -> None:
        """Refuse to go on in a process that was forked off.

        Raises:
            ForkedProcess: this is one.
        """
        if self.forked:
            raise ForkedProcess(
                f"{self._what} was opened in process {self._id}, and this one was forked off it.",
                next_step="Open it anew in this process, or fork before it is opened.",
            )
