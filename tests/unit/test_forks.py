"""What was opened belongs to the process that opened it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from crossloop.errors import ForkedProcess
from crossloop.forks import ThisProcess
from tests.support.stores import open_store
from tests.support.trials import Ask, Trial, trial

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="only where processes can be forked")


def refused_in_a_child(work: Callable[[], object]) -> str:
    """Fork, and return what the child is told; it is ended where it hangs."""
    out, told = os.pipe()
    child = os.fork()
    if not child:
        import signal

        signal.alarm(20)
        try:
            work()
        except ForkedProcess as refused:
            os.write(told, str(refused).encode())
        finally:
            os._exit(0)
    os.close(told)
    os.waitpid(child, 0)
    with os.fdopen(out, "rb") as file:
        return file.read().decode()


def test_a_process_knows_whether_it_was_forked_off() -> None:
    here = ThisProcess("the drill")
    here.require()
    assert not here.forked
    said = refused_in_a_child(here.require)
    assert f"the drill was opened in process {os.getpid()}" in said
    assert "Open it anew in this process" in said


def test_a_store_is_not_used_in_a_forked_process(tmp_path: Path) -> None:
    with open_store(tmp_path / "store.db") as store:
        for use in (lambda: store.read(lambda read: read.head()), lambda: store.write(lambda tx: tx.head())):
            assert "was forked off it" in refused_in_a_child(use)

        def closed() -> None:
            store.close()
            raise ForkedProcess("closed")

        assert refused_in_a_child(closed) == "closed"
        store.write(lambda tx: tx.append("drill", None, {}))


@pytest.mark.parametrize("use", ["publish", "working", "answer", "approvals"])
def test_a_company_is_not_used_in_a_forked_process_and_nothing_hangs_there(tmp_path: Path, use: str) -> None:
    def work(opened: Trial) -> object:
        if use == "publish":
            return opened.publish(opened.said(Ask()))
        if use == "answer":
            return opened.coordinator.answer("x", person="asha", decision="approve", asserted="test")
        if use == "approvals":
            return opened.coordinator.approvals()
        with opened.coordinator.working() as at_work:
            return at_work

    with trial(tmp_path) as opened:
        opened.publish(opened.said(Ask()))
        assert "was forked off it" in refused_in_a_child(lambda: work(opened))

        def closed() -> None:
            opened.coordinator.close()
            raise ForkedProcess("closed")

        assert refused_in_a_child(closed) == "closed"
        assert opened.publish(opened.said(Ask(campaign="C2"))).new == 1
