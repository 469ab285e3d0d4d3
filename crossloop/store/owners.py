"""Who holds a lease, in a form by which others on the same machine can tell whether it still lives.

An owner is written ``host:pid:starttime``. The start time tells a process from a later one that was given
the same number. About another host, or a system that does not say, nothing is known: such an owner counts
as living, and its lease ends by time.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

_UNKNOWN = "0"


def this_process() -> str:
    """Return the owner that this process is."""
    pid = os.getpid()
    return f"{socket.gethostname()}:{pid}:{_started(pid)}"


def is_alive(owner: str) -> bool:
    """Return False only when the owner was a process of this host and is certainly gone."""
    host, _, rest = owner.partition(":")
    pid, _, started = rest.partition(":")
    if host != socket.gethostname() or not pid.isdecimal() or os.name != "posix":
        return True
    try:
        os.kill(int(pid), 0)  # signal 0 is not delivered: it only asks
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    present = _started(int(pid))
    return _UNKNOWN in (started, present) or started == present


def _started(pid: int) -> str:
    """Return the start time of a process in clock ticks since boot, where the system tells."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return _UNKNOWN
    # The second field is the program's name in brackets and may hold anything, brackets and blanks too.
    fields = stat.rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 else _UNKNOWN
