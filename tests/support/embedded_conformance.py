"""The public suite on an embedded system, and what only a file can be asked: threads, processes."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from crossloop.actions.port import Adapter, OutcomeUnknown, Performed
from crossloop.ids import ActionKey
from crossloop.signals import ActionRequest
from crossloop.testing import AdapterConformance, SystemUnderTest
from crossloop.testing.conformance.suite import proves
from tests.support.embedded import run

Opener = Callable[[Path], AbstractContextManager[Adapter]]

THREADS = 8
PROCESSES = 4
KEY = ActionKey("act_first")


@dataclass
class Forgetful:
    """An adapter whose next answer gets lost when that is arranged."""

    inner: Any
    lost: list[bool] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def perform(self, key: ActionKey, request: ActionRequest) -> Performed:
        performed = await self.inner.perform(key, request)
        if self.lost:
            self.lost.clear()
            raise OutcomeUnknown("no answer came.")
        return performed


def _perform_elsewhere(opener: Opener, place: Path, request: ActionRequest) -> str:
    with opener(place) as adapter:
        return run(adapter.perform(KEY, request)).reference


class EmbeddedConformance(AdapterConformance):
    """Give the opener, the requests, and what can be seen."""

    opener: ClassVar[Opener]
    """Wrap it in ``staticmethod``; it has to be importable, since other processes use it too."""

    def requests(self) -> tuple[ActionRequest, ActionRequest]:
        raise NotImplementedError

    def invalid(self) -> list[ActionRequest]:
        raise NotImplementedError

    def seen(self, adapter: Any) -> Awaitable[object]:
        raise NotImplementedError

    def system(self) -> SystemUnderTest:
        place = self.folder / "company.db"
        adapter = self.enter(self.opener(place))
        forgetful = Forgetful(adapter)
        request, other = self.requests()
        disguised = request.model_copy(update={"resource": other.resource + "/other"})

        def effects(key: ActionKey) -> int:
            with closing(sqlite3.connect(place)) as file:
                (count,) = file.execute("SELECT count(*) FROM effect WHERE key = ?", (key,)).fetchone()
            return count

        return SystemUnderTest(
            adapter=forgetful,
            request=request,
            other=other,
            invalid=[*self.invalid(), disguised],
            effects=effects,
            state=lambda: self.seen(adapter),
            reopen=lambda: self.enter(self.opener(place)),
            losing=lambda: forgetful.lost.append(True),
        )

    def _alone(self) -> object:
        with self.opener(self.folder / "alone.db") as alone:
            run(alone.perform(KEY, self.requests()[0]))
            return run(self.seen(alone))

    @proves("idempotent")
    def test_one_key_from_eight_threads_has_one_effect(self) -> None:
        expected, together = self._alone(), threading.Barrier(THREADS)
        with self.opener(self.folder / "company.db") as adapter:

            def call(_: int) -> str:
                together.wait()
                return run(adapter.perform(KEY, self.requests()[0])).reference

            with ThreadPoolExecutor(THREADS) as pool:
                assert len(set(pool.map(call, range(THREADS)))) == 1
            assert run(self.seen(adapter)) == expected

    @proves("idempotent")
    def test_one_key_from_several_processes_has_one_effect(self) -> None:
        expected, place = self._alone(), self.folder / "company.db"
        # A fork server forks from a process without threads, and imports what is tested only once.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__, self.opener.__module__])
        with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
            calls = [
                pool.submit(_perform_elsewhere, self.opener, place, self.requests()[0])
                for _ in range(PROCESSES)
            ]
            assert len({call.result(timeout=60) for call in calls}) == 1
        with self.opener(place) as adapter:
            assert run(self.seen(adapter)) == expected
