"""What every adapter must do, as tests that an adapter's own test class inherits.

A subclass gives the six things under "to be given". The suite then claims what
:mod:`crossloop.actions.port` promises: one key has one effect, ``find`` tells the truth, an error means
that nothing happened, and what is done can be taken back.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar, TypeVar

import pytest

from crossloop.actions.port import Adapter, Conflict, Invalid, Performed, Unsupported
from crossloop.ids import ActionKey
from crossloop.signals import ActionRequest

T = TypeVar("T")
Opener = Callable[[Path], AbstractContextManager[Adapter]]

THREADS = 8
PROCESSES = 4
KEY = ActionKey("act_first")
OTHER_KEY = ActionKey("act_other")


def run(work: Coroutine[object, object, T]) -> T:
    """Run one call of an adapter to its end."""
    return asyncio.run(work)


def _perform_elsewhere(opener: Opener, place: Path, request: ActionRequest) -> str:
    with opener(place) as adapter:
        return run(adapter.perform(KEY, request)).reference


class AdapterConformance:
    """Inherit, fill in what is to be given, and name the class ``Test…``."""

    # -- to be given --------------------------------------------------------------------------------

    opener: ClassVar[Opener]
    """Opens the adapter on a system at a place, filling a new one with what the requests need. Wrap it in
    ``staticmethod``; it has to be importable, since other processes use it too."""

    def request(self) -> ActionRequest:
        """A request the system can carry out."""
        raise NotImplementedError

    def other_request(self) -> ActionRequest:
        """Another one, which it can carry out as well."""
        raise NotImplementedError

    def invalid_requests(self) -> list[ActionRequest]:
        """Requests of known operations whose arguments the system must refuse."""
        raise NotImplementedError

    def undoing(self, request: ActionRequest, performed: Performed) -> ActionRequest:
        """The request that takes ``request`` back."""
        raise NotImplementedError

    async def state(self, adapter: Adapter) -> object:
        """What can be seen of the system, as a value to compare."""
        raise NotImplementedError

    # -- what is claimed ----------------------------------------------------------------------------

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        return tmp_path / "system"

    @pytest.fixture
    def adapter(self, place: Path) -> Iterator[Adapter]:
        with self.opener(place) as adapter:
            yield adapter

    def test_performing_changes_what_can_be_seen(self, adapter: Adapter) -> None:
        before = run(self.state(adapter))
        performed = run(adapter.perform(KEY, self.request()))
        assert performed.reference
        assert run(self.state(adapter)) != before

    def test_a_key_that_was_not_used_is_not_found(self, adapter: Adapter) -> None:
        run(adapter.perform(OTHER_KEY, self.other_request()))
        assert run(adapter.find(KEY)) is None

    def test_find_answers_as_perform_answered(self, adapter: Adapter) -> None:
        performed = run(adapter.perform(KEY, self.request()))
        assert run(adapter.find(KEY)) == performed

    def test_an_effect_outlives_the_connection(self, place: Path) -> None:
        with self.opener(place) as adapter:
            performed = run(adapter.perform(KEY, self.request()))
            seen = run(self.state(adapter))
        with self.opener(place) as adapter:
            assert run(adapter.find(KEY)) == performed
            assert run(self.state(adapter)) == seen

    def test_the_same_key_again_answers_the_same_and_changes_nothing(self, adapter: Adapter) -> None:
        first = run(adapter.perform(KEY, self.request()))
        seen = run(self.state(adapter))
        assert run(adapter.perform(KEY, self.request())) == first
        assert run(self.state(adapter)) == seen

    def test_the_same_key_for_another_request_is_refused_and_changes_nothing(self, adapter: Adapter) -> None:
        first = run(adapter.perform(KEY, self.request()))
        seen = run(self.state(adapter))
        with pytest.raises(Conflict):
            run(adapter.perform(KEY, self.other_request()))
        assert run(self.state(adapter)) == seen
        assert run(adapter.find(KEY)) == first

    def test_one_key_from_eight_threads_has_one_effect(self, place: Path, tmp_path: Path) -> None:
        with self.opener(tmp_path / "alone") as alone:
            run(alone.perform(KEY, self.request()))
            expected = run(self.state(alone))
        together = threading.Barrier(THREADS)

        with self.opener(place) as adapter:

            def call(_: int) -> str:
                together.wait()
                return run(adapter.perform(KEY, self.request())).reference

            with ThreadPoolExecutor(THREADS) as pool:
                references = set(pool.map(call, range(THREADS)))
            assert len(references) == 1
            assert run(self.state(adapter)) == expected

    def test_one_key_from_several_processes_has_one_effect(self, place: Path, tmp_path: Path) -> None:
        with self.opener(tmp_path / "alone") as alone:
            run(alone.perform(KEY, self.request()))
            expected = run(self.state(alone))
        # A fork server forks from a process without threads, and imports what is tested only once.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__, self.opener.__module__])
        with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
            calls = [
                pool.submit(_perform_elsewhere, self.opener, place, self.request()) for _ in range(PROCESSES)
            ]
            assert len({call.result(timeout=60) for call in calls}) == 1
        with self.opener(place) as adapter:
            assert run(self.state(adapter)) == expected

    def test_an_unknown_operation_is_unsupported_and_changes_nothing(self, adapter: Adapter) -> None:
        before = run(self.state(adapter))
        unknown = self.request().model_copy(update={"operation": "make_coffee"})
        with pytest.raises(Unsupported):
            run(adapter.perform(KEY, unknown))
        assert run(self.state(adapter)) == before
        assert run(adapter.find(KEY)) is None

    def test_a_request_for_another_system_is_unsupported(self, adapter: Adapter) -> None:
        with pytest.raises(Unsupported):
            run(adapter.perform(KEY, self.request().model_copy(update={"system": "elsewhere"})))

    def test_wrong_arguments_are_invalid_and_change_nothing(self, adapter: Adapter) -> None:
        before = run(self.state(adapter))
        assert self.invalid_requests()
        for wrong in self.invalid_requests():
            with pytest.raises(Invalid):
                run(adapter.perform(KEY, wrong))
            assert run(adapter.find(KEY)) is None
        assert run(self.state(adapter)) == before

    def test_a_request_that_names_another_resource_than_its_arguments_is_invalid(
        self, adapter: Adapter
    ) -> None:
        before = run(self.state(adapter))
        disguised = self.request().model_copy(update={"resource": self.other_request().resource + "/other"})
        with pytest.raises(Invalid, match=r"resource|request is for"):
            run(adapter.perform(KEY, disguised))
        assert run(self.state(adapter)) == before

    def test_a_refused_key_may_be_used_for_a_request_that_is_right(self, adapter: Adapter) -> None:
        with pytest.raises(Invalid):
            run(adapter.perform(KEY, self.invalid_requests()[0]))
        performed = run(adapter.perform(KEY, self.request()))
        assert run(adapter.find(KEY)) == performed

    def test_undoing_restores_what_could_be_seen_before(self, adapter: Adapter) -> None:
        run(adapter.perform(ActionKey("act_standing"), self.other_request()))
        before = run(self.state(adapter))
        request = self.request()
        performed = run(adapter.perform(KEY, request))
        run(adapter.perform(ActionKey("act_undo"), self.undoing(request, performed)))
        assert run(self.state(adapter)) == before

    def test_every_operation_says_what_it_does(self, adapter: Adapter) -> None:
        assert self.request().operation in adapter.operations
        assert all(summary.endswith(".") for summary in adapter.operations.values())

    def test_its_capabilities_are_what_this_suite_proves(self, adapter: Adapter) -> None:
        assert adapter.capabilities.idempotent
        assert adapter.capabilities.find
        assert adapter.capabilities.undo
