"""What may be performed at the same time. Pure.

Rule: of two actions on one resource, or on one that contains the other, the one that was permitted first is
performed first, and the other one only when the first has a receipt. All others may be under way together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

ActionT = TypeVar("ActionT")


def rounds(permitted: Iterable[ActionT], resource: Callable[[ActionT], str]) -> list[list[ActionT]]:
    """Return the actions in rounds to be performed one after the other; those of one may run together.

    Args:
        permitted: actions in the order in which they were permitted.
        resource: path of what an action changes.
    """
    found: list[list[ActionT]] = []
    on: dict[str, int] = {}
    """First round that is free for a path itself."""
    below: dict[str, int] = {}
    """First round that is free of everything below a path."""
    for action in permitted:
        path = resource(action)
        above = list(_above(path))
        turn = max(on.get(path, 0), below.get(path, 0), *(on.get(one, 0) for one in above), 0)
        if turn == len(found):
            found.append([])
        found[turn].append(action)
        on[path] = turn + 1
        for one in above:
            below[one] = max(below.get(one, 0), turn + 1)
    return found


def _above(path: str) -> Iterator[str]:
    path = path.rpartition("/")[0]
    while path:
        yield path
        path = path.rpartition("/")[0]
