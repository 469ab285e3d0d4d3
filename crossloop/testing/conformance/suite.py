"""What the suites share: checks that know which capability they prove, and how they say what they found.

Rules:

1. A check fails with a sentence that says what was expected and what was got. It asks with :func:`expect`,
   not with ``assert``: a suite that passes because Python runs with ``-O`` certifies nothing.
2. What is not offered, or cannot be seen with what the author gave, is skipped with that reason.
3. A check has an event loop, a folder and everything it opens for itself alone.
"""

from __future__ import annotations

import asyncio
import inspect
from abc import ABC
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NoReturn, TypeVar
from unittest import SkipTest

SuiteT = TypeVar("SuiteT", bound="Suite")
T = TypeVar("T")

NOT_SHOWN: Final = "not shown: "
"""How the reason begins for which a check was skipped that nothing was given for."""

_MARK: Final = "_crossloop_capability"


class Suite(ABC):
    """Base of the suites. pytest and :func:`~crossloop.testing.conformance.report` both drive it."""

    folder: Path
    """An empty folder of this check, removed after it."""

    def setup_method(self) -> None:
        """Called before every check."""
        self._opened = ExitStack()
        self.folder = Path(self._opened.enter_context(TemporaryDirectory(prefix="crossloop-")))

    def teardown_method(self) -> None:
        """Called after every check, also after one that failed."""
        self._opened.close()

    def enter(self, context: AbstractContextManager[T]) -> T:
        """Enter a context that is left after the check: for what has to be closed again."""
        return self._opened.enter_context(context)


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a suite."""

    name: str
    """Name of the method."""

    capability: str
    """What it proves something about."""

    @property
    def claim(self) -> str:
        """The name in words: what is claimed."""
        return self.name.removeprefix("test_").replace("_", " ")


def proves(
    capability: str,
) -> Callable[[Callable[[SuiteT], Coroutine[object, object, None] | None]], Callable[[SuiteT], None]]:
    """Mark a method as a check; a coroutine runs in an event loop of its own."""

    def mark(check: Callable[[SuiteT], Coroutine[object, object, None] | None]) -> Callable[[SuiteT], None]:
        def test(self: SuiteT) -> None:
            under_way = check(self)
            if inspect.iscoroutine(under_way):
                asyncio.run(under_way)

        # Not functools.wraps: pytest would follow it, and a check takes no fixtures.
        test.__name__, test.__qualname__ = check.__name__, check.__qualname__
        test.__doc__, test.__module__ = check.__doc__, check.__module__
        setattr(test, _MARK, capability)
        return test

    return mark


def checks_of(suite: type[Suite]) -> tuple[Check, ...]:
    """Return the checks of a suite, those of its bases first, each once.

    What a subclass adds without :func:`proves` counts under the capability ``own``.
    """
    names: dict[str, None] = {}
    for kind in reversed(suite.__mro__):
        names |= dict.fromkeys(name for name in vars(kind) if name.startswith("test_"))
    return tuple(
        Check(name, str(getattr(getattr(suite, name), _MARK, "own")))
        for name in names
        if callable(getattr(suite, name))  # a subclass may take a check away by setting it to None
    )


def expect(holds: bool, otherwise: str) -> None:
    """Fail the check, with what was expected and got, unless something holds."""
    if not holds:
        raise AssertionError(otherwise)


def not_offered(reason: str) -> NoReturn:
    """Skip the check: what it is about is not offered."""
    raise SkipTest(reason)


def not_shown(reason: str) -> NoReturn:
    """Skip the check: what it is about is offered, and cannot be seen with what the author gave."""
    raise SkipTest(NOT_SHOWN + reason)
