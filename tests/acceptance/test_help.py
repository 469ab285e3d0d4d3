"""Help: every command explains itself, quickly, and wrong usage says what to do instead."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from tests.support.console import MAIN, crossloop, environment, warm
from tests.support.run_shape import check_error

COMMANDS = {
    "demo": ("--folder", "--json"),
    "run": ("--data", "--mapping", "--as-of", "--set", "--store", "--governance", "--json"),
    "backtest": ("--data", "--mapping", "--as-of", "--set", "--store", "--governance", "--json"),
    "publish": ("--store", "--governance", "--json"),
    "explain": ("--store", "--json"),
    "signals": ("--state", "--limit", "--store", "--json"),
    "signals list": ("--state", "--limit", "--store", "--json"),
    "signals show": ("--store", "--json"),
    "loops": ("--store", "--governance", "--json"),
    "approvals": ("list", "show", "approve", "reject"),
    "approvals list": ("--state", "--store", "--json"),
    "approvals show": ("--store", "--json"),
    "approvals approve": ("--as", "--reason", "--store", "--json"),
    "approvals reject": ("--as", "--reason", "--store", "--json"),
    "incidents": ("list", "show", "close"),
    "incidents list": ("--state", "--store", "--json"),
    "incidents show": ("--store", "--json"),
    "incidents close": ("--happened", "--did-not-happen", "--reference", "--reason", "--as", "--json"),
    "ledger": ("verify", "tail", "checkpoint", "prove", "export", "redact"),
    "ledger verify": ("--witness", "--verifier", "--store", "--json"),
    "ledger checkpoint": ("--key", "--witness", "--new-key", "--origin", "--out", "--store", "--json"),
    "ledger prove": ("--checkpoint", "--key", "--out", "--store", "--json"),
    "ledger export": ("--format", "--out", "--from", "--to", "--store", "--json"),
    "ledger redact": ("--reason", "--yes", "--store", "--json"),
    "ledger tail": ("--count", "--store", "--json"),
}


def test_bare_crossloop_shows_where_to_start(tmp_path: Path) -> None:
    out = warm(cwd=tmp_path, columns=80).expect(0).out
    for command in ("crossloop demo", "crossloop backtest", "crossloop run", "crossloop approvals list"):
        assert command in out
    assert all(len(line) <= 80 for line in out.splitlines())
    assert list(tmp_path.iterdir()) == []


def test_help_names_every_command_and_the_exit_codes(tmp_path: Path) -> None:
    out = warm("--help", cwd=tmp_path).expect(0).out
    for command in COMMANDS:
        assert command.split()[0] in out
    assert "Exit codes" in out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_and_its_options(command: str, tmp_path: Path) -> None:
    out = warm(*command.split(), "--help", cwd=tmp_path, columns=120).expect(0).out
    assert f"Usage: crossloop {command}" in out
    for option in COMMANDS[command]:
        assert option in out
    explained = [line for line in out.splitlines() if line.strip().startswith("│") and "--" in line]
    for line in explained:
        words = [word for word in line.strip("│ ").split() if not word.startswith(("-", "<", "["))]
        assert len(words) >= 2, f"an option without an explanation: {line}"


def test_no_command_is_missing_from_the_list_above(tmp_path: Path) -> None:
    from crossloop.console.cli import app

    known = {
        info.name or info.callback.__name__.rstrip("_") for info in app.registered_commands if info.callback
    }
    groups = {group.name for group in app.registered_groups}
    assert known | groups == {name.split()[0] for name in COMMANDS}


def test_the_states_that_help_names_are_all_there_are(tmp_path: Path) -> None:
    from crossloop.store.approvals import ApprovalState
    from crossloop.store.inbox import SignalState

    for command, states in (("approvals list", ApprovalState), ("signals", SignalState)):
        out = " ".join(warm(*command.split(), "--help", cwd=tmp_path, columns=120).expect(0).out.split())
        for state in get_args(states):
            assert state in out


@pytest.mark.parametrize(
    "arguments", ["--colour", "run --colour", "ledger --colour", "runn", "ledger verfy", "run"]
)
def test_wrong_usage_ends_with_two_and_says_where_help_is(arguments: str, tmp_path: Path) -> None:
    done = warm(*arguments.split(), cwd=tmp_path).expect(2)
    assert done.out == ""
    assert "error input.usage" in done.err
    assert "--help" in done.err
    told = check_error(warm(*arguments.split(), "--json", cwd=tmp_path).expect(2).json)
    assert told["code"] == "input.usage"


def test_a_group_without_a_command_shows_its_help(tmp_path: Path) -> None:
    for group in ("approvals", "ledger"):
        done = warm(group, cwd=tmp_path).expect(0)
        assert f"Usage: crossloop {group}" in done.out
        assert done.err == ""


HEAVY = {"ibis", "duckdb", "scipy", "numpy", "pandas", "pyarrow"}
GRAPHS = {"langgraph", "langchain_core", "sqlalchemy"}


def loaded(tmp_path: Path, *arguments: str, cwd: Path | None = None) -> set[str]:
    """Top-level modules that a command has loaded when it ends."""
    names = tmp_path / "names"
    code = (
        "import atexit, pathlib, sys\n"
        f"atexit.register(lambda: pathlib.Path({str(names)!r}).write_text("
        "' '.join({name.split('.')[0] for name in sys.modules})))\n" + MAIN
    )
    subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd or tmp_path,
        env=environment(),
        capture_output=True,
        check=False,
    )
    return set(names.read_text().split())


@pytest.mark.parametrize("arguments", ["--help", "run --help", "approvals --help", "--wrong", ""])
def test_help_loads_nothing_that_it_does_not_show(arguments: str, tmp_path: Path) -> None:
    assert loaded(tmp_path, *arguments.split()) & (HEAVY | GRAPHS) == set()


@pytest.mark.parametrize("arguments", ["explain sig_", "approvals list", "signals", "loops", "ledger verify"])
def test_reading_a_store_loads_nothing_of_the_extra(arguments: str, tmp_path: Path, june: Path) -> None:
    assert loaded(tmp_path, *arguments.split(), cwd=june) & HEAVY == set()


def test_reading_the_ledger_loads_no_graph(tmp_path: Path, june: Path) -> None:
    for arguments in (("ledger", "verify"), ("ledger", "tail"), ("signals",)):
        assert "langgraph" not in loaded(tmp_path, *arguments, cwd=june)


def test_a_reader_that_has_seen_enough_ends_the_command_in_peace(june: Path) -> None:
    told = subprocess.run(
        f"{sys.executable} -c '{MAIN}' ledger tail -n 1000 --json | head -n 1",
        shell=True,
        cwd=june,
        env=environment(),
        capture_output=True,
        check=False,
    )
    assert told.stdout == b"{\n"
    assert told.stderr == b""


def test_the_store_can_be_named_once_for_all_commands(june: Path, tmp_path: Path) -> None:
    done = crossloop(
        "ledger", "verify", cwd=tmp_path, env={"CROSSLOOP_STORE": f"sqlite:///{june / 'crossloop.db'}"}
    )
    assert done.expect(0).out.startswith("ok")
