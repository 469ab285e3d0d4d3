"""What a killed process leaves of a LangGraph graph, and what it leaves of ours."""

from __future__ import annotations

import ast
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from langgraph.errors import EmptyInputError

from tests.support.crashing import die_at, final_state, play
from tests.support.dying_graph import PAID, die_keeping, die_shipping, effects, opened
from tests.support.graphs import CONFIG
from tests.support.killing import killed
from tests.support.project import PROJECT


def rows(path: Path, query: str) -> list[str]:
    with closing(sqlite3.connect(path / "store.db")) as store:
        return [one for (one,) in store.execute(query)]


@pytest.mark.parametrize("durability", ["sync", "async"])
def test_a_node_that_was_cut_off_runs_again_and_does_its_effect_again(
    tmp_path: Path, durability: str
) -> None:
    """1: A crash makes nodes run again, effects included (langgraph#8039)."""
    killed(die_shipping, tmp_path, durability)
    with opened(tmp_path) as graph:
        graph.invoke(None, CONFIG)
    assert effects(tmp_path) == ["paid", "shipped", "shipped"]


def test_a_graph_that_is_kept_only_at_its_end_leaves_effects_and_nothing_to_resume(tmp_path: Path) -> None:
    """1: With durability "exit" the effects are there and the thread is not (langgraph#8039)."""
    killed(die_shipping, tmp_path, "exit")
    with opened(tmp_path) as graph:
        assert graph.get_state(CONFIG).values == {}
        with pytest.raises(EmptyInputError):
            graph.invoke(None, CONFIG)
    assert effects(tmp_path) == ["paid", "shipped"]


def test_so_the_executor_acts_under_a_key_and_one_key_has_one_effect(tmp_path: Path) -> None:
    """1: Killed after the effect and before its receipt, our action is looked up and not repeated."""
    killed(die_at, tmp_path, "act.after_effect:1")
    play(tmp_path)
    done = final_state(tmp_path)["effects"]
    assert len(done) == 5
    assert set(Counter(key for key, *_ in done).values()) == {1}


def test_a_graph_that_has_not_finished_says_that_nothing_comes_next(tmp_path: Path) -> None:
    """2: Killed between writes and checkpoint, ``get_state().next`` is empty (langgraph#6956)."""
    killed(die_keeping, tmp_path, str(PAID))
    with opened(tmp_path) as graph:
        assert graph.get_state(CONFIG).next == ()
        assert effects(tmp_path) == ["paid"]
        graph.invoke(None, CONFIG)
    assert effects(tmp_path) == ["paid", "shipped"]


def test_so_completion_is_an_entry_of_the_ledger(tmp_path: Path) -> None:
    """2: Killed after deciding, our signal is not finished, and no entry says so; afterwards one does."""
    finished = "SELECT kind FROM entries WHERE kind = 'signal.finished'"
    killed(die_at, tmp_path, "decide.after_commit:1")
    assert (rows(tmp_path, "SELECT state FROM signals"), rows(tmp_path, finished)) == (["decided"], [])
    play(tmp_path)
    states = rows(tmp_path, "SELECT state FROM signals")
    assert set(states) == {"finished"}
    assert len(rows(tmp_path, finished)) == len(states)


def test_so_nothing_of_ours_asks_a_graph_what_comes_next() -> None:
    """2: No attribute ``next`` is read in a module that knows LangGraph."""
    for file in (PROJECT / "crossloop").rglob("*.py"):
        source = file.read_text(encoding="utf-8")
        if "langgraph" in source:
            attributes = {one.attr for one in ast.walk(ast.parse(source)) if isinstance(one, ast.Attribute)}
            assert "next" not in attributes, file


def test_a_run_that_was_accepted_is_lost_before_its_first_checkpoint(tmp_path: Path) -> None:
    """3: A crash before the first checkpoint leaves nothing of an accepted run (langgraph#8764)."""
    killed(die_keeping, tmp_path, "-1")
    with opened(tmp_path) as graph:
        assert graph.get_state(CONFIG).values == {}
        with pytest.raises(EmptyInputError):
            graph.invoke(None, CONFIG)
    assert effects(tmp_path) == []


def test_so_a_signal_stands_in_the_inbox_before_any_graph_is_asked(tmp_path: Path) -> None:
    """3: Killed before the graph runs, our signal waits in the inbox, and the next run ends it."""
    killed(die_at, tmp_path, "wave.before_decide:1")
    assert rows(tmp_path, "SELECT state FROM signals") == ["new"]
    play(tmp_path)
    assert set(rows(tmp_path, "SELECT state FROM signals")) == {"finished"}
