"""Whether a lease's holder still lives is said only when it is certain."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from crossloop.store import owners


def test_this_process_lives():
    assert owners.is_alive(owners.this_process())


def test_a_process_that_has_ended_is_gone():
    ended = subprocess.run(
        [sys.executable, "-c", "from crossloop.store.owners import this_process; print(this_process())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not owners.is_alive(ended.stdout.strip())


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system does not tell start times")
def test_a_later_process_with_the_same_number_is_another_one():
    assert not owners.is_alive(f"{socket.gethostname()}:{os.getpid()}:1")


@pytest.mark.parametrize("owner", ["elsewhere:1:1", "nonsense", "", f"{socket.gethostname()}:x:1"])
def test_an_owner_of_whom_nothing_is_known_counts_as_living(owner: str):
    assert owners.is_alive(owner)


def test_a_process_whose_start_is_unknown_counts_as_living():
    assert owners.is_alive(f"{socket.gethostname()}:{os.getpid()}:0")


def test_a_number_that_no_process_can_have_is_gone():
    assert not owners.is_alive(f"{socket.gethostname()}:{10**30}:1")


def test_a_process_of_another_user_lives(monkeypatch: pytest.MonkeyPatch):
    def refused(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refused)
    assert owners.is_alive(f"{socket.gethostname()}:1:1")


def test_where_the_system_tells_no_start_times_the_number_decides(monkeypatch: pytest.MonkeyPatch):
    def absent(*_: object, **__: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", absent)
    assert owners.this_process() == f"{socket.gethostname()}:{os.getpid()}:0"
    assert owners.is_alive(owners.this_process())
