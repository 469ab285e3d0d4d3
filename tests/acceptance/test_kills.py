"""A run that is killed at any moment loses nothing and does nothing twice, once it was run again."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from crossloop.faults import POINTS
from tests.acceptance.conftest import Months
from tests.support import books
from tests.support.console import DEMO, LOOP, Child, crossloop, start, warm
from tests.support.run_shape import check_verification

SEED = 20260610
KILLS = 20
SHARE_WHILE_READING = 0.2
"""Most of the time goes into reading the orders, most of the danger into what is written then."""

BEFORE, DAY = "2026-05-10", "2026-06-10"
"""The killed run is the second one: it acts, asks, and lifts what the first one did."""

ANSWERS = tuple(point for point in POINTS if point.startswith("answer."))
ELSEWHERE = ("act.before_compensate", "act.after_planned_compensation", "store.while_created")
RUNS = tuple(point for point in POINTS if point not in (*ANSWERS, *ELSEWHERE))
"""The loop has no undertaking to take back (``tests/integration/test_undertakings.py`` has), and this run
finds a store (that of ``tests/integration/test_recovery.py`` does not)."""


def arguments(months: Months, as_of: str) -> Sequence[str]:
    return ("run", LOOP, *months.options, "--as-of", as_of, "--governance", str(DEMO))


@pytest.fixture(scope="module")
def before(months: Months, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store after its first day."""
    folder = tmp_path_factory.mktemp("before")
    warm(*arguments(months, BEFORE), cwd=folder).expect(0)
    assert books.effects(folder)
    return folder


@dataclass(frozen=True)
class Undisturbed:
    """A second day that nobody disturbed."""

    folder: Path
    reading: float
    """Seconds until it wrote for the first time."""

    writing: float
    """Seconds from then to its end."""


@pytest.fixture(scope="module")
def undisturbed(before: Path, months: Months, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed") / "store"
    shutil.copytree(before, folder)
    began = time.monotonic()
    child = start(*arguments(months, DAY), cwd=folder)
    wait_until_it_writes(child, folder)
    wrote = time.monotonic()
    child.done().expect(3)
    state = books.state(folder)
    assert {state for _, state, _ in state["actions"]} >= {"done", "compensated"}
    assert {one[1] for one in state["approvals"]} == {"waiting"}
    return Undisturbed(folder, wrote - began, time.monotonic() - wrote)


def entries(folder: Path) -> int:
    return int(books.rows(folder / "crossloop.db", "SELECT count(*) FROM entries")[0][0])


def wait_until_it_writes(child: Child, folder: Path) -> None:
    """Wait for the first entry that a run adds, or for its end."""
    known = entries(folder)
    while entries(folder) == known and not child.wait(0.002):
        pass


def finished_as_if_undisturbed(folder: Path, undisturbed: Path) -> None:
    """Compare everything that two stores and their companies hold, but for times and positions."""
    found, expected = books.state(folder), books.state(undisturbed)
    for name in expected:
        assert found[name] == expected[name], name
    keys = [key for key, *_ in books.effects(folder)]
    assert len(keys) == len(set(keys))
    assert all(times == 1 for *_, times in books.restrictions(folder)), "an action was done twice"
    verified = warm("ledger", "verify", "--json", cwd=folder).expect(0).json
    check_verification(verified)
    assert verified["ok"] is True


def test_killed_at_twenty_random_moments_a_run_ends_as_if_undisturbed(
    before: Path,
    undisturbed: Undisturbed,
    months: Months,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seeded = random.Random(SEED)
    killed: list[str] = []
    for number in range(3 * KILLS):
        folder = Path(shutil.copytree(before, tmp_path / f"kill{number}"))
        child = start(*arguments(months, DAY), cwd=folder)
        if seeded.random() < SHARE_WHILE_READING:
            ended = child.wait(seeded.uniform(0.0, undisturbed.reading))
        else:
            wait_until_it_writes(child, folder)
            ended = child.wait(seeded.uniform(0.0, undisturbed.writing))
        if not ended:
            child.kill()
            killed.append(f"{entries(folder)}/{len(books.effects(folder))}")
        child.done()
        warm(*arguments(months, DAY), cwd=folder).expect(3)
        finished_as_if_undisturbed(folder, undisturbed.folder)
        if len(killed) == KILLS:
            break
    with capsys.disabled():
        print(f"\n  {len(killed)} kills of {number + 1} runs; entries/effects then: {', '.join(killed)}")  # noqa: T201
    assert len(killed) == KILLS, "the runs were over before they were to be killed"


@pytest.mark.parametrize("point", RUNS)
def test_killed_at_a_named_point_a_run_ends_as_if_undisturbed(
    point: str, before: Path, undisturbed: Undisturbed, months: Months, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(before, tmp_path / "store"))
    died = crossloop(*arguments(months, DAY), cwd=folder, env={"CROSSLOOP_CRASH_AT": point})
    assert died.code == -signal.SIGKILL, f"{point} was never passed: {died.err}"
    warm(*arguments(months, DAY), cwd=folder).expect(3)
    finished_as_if_undisturbed(folder, undisturbed.folder)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("point", ["act.before_effect", "act.after_effect"])
def test_killed_between_actions_what_was_done_is_found_and_the_rest_is_done(
    point: str, count: int, before: Path, undisturbed: Undisturbed, months: Months, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(before, tmp_path / "store"))
    died = crossloop(*arguments(months, DAY), cwd=folder, env={"CROSSLOOP_CRASH_AT": f"{point}:{count}"})
    assert died.code == -signal.SIGKILL
    least = 1 if point == "act.after_effect" else 0
    made = len(books.effects(folder)) - len(books.effects(before))
    assert least <= made < len(books.effects(undisturbed.folder)) - len(books.effects(before))
    warm(*arguments(months, DAY), cwd=folder).expect(3)
    finished_as_if_undisturbed(folder, undisturbed.folder)


def test_killed_again_and_again_it_still_ends(
    before: Path, undisturbed: Undisturbed, months: Months, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(before, tmp_path / "store"))
    for point in ("admit.after_commit", "decide.after_commit", "act.after_started", "act.after_effect"):
        died = crossloop(*arguments(months, DAY), cwd=folder, env={"CROSSLOOP_CRASH_AT": point})
        assert died.code == -signal.SIGKILL, point
    warm(*arguments(months, DAY), cwd=folder).expect(3)
    finished_as_if_undisturbed(folder, undisturbed.folder)


def last_answer(folder: Path) -> tuple[str, ...]:
    """Let all but one of those asked approve a question, and return how the last one does."""
    asked = warm("approvals", "list", "--state", "waiting", "--json", cwd=folder).expect(0).json["approvals"]
    one = asked[0]
    *others, last = one["from"]
    for person in others:
        warm("approvals", "approve", one["id"], "--as", person, cwd=folder).expect(3)
    return ("approvals", "approve", one["id"], "--as", last)


@pytest.mark.parametrize("point", ANSWERS)
def test_killed_while_an_answer_is_given_it_counts_once_or_can_be_given_again(
    point: str, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(undisturbed.folder, tmp_path / "store"))
    answer = last_answer(folder)
    effects = len(books.effects(folder))
    died = crossloop(*answer, cwd=folder, env={"CROSSLOOP_CRASH_AT": point})
    assert died.code == -signal.SIGKILL
    assert len(books.effects(folder)) == effects
    again = warm(*answer, cwd=folder)
    if point == "answer.before_commit":
        again.expect(0)
        assert len(books.effects(folder)) == effects + 1
    else:
        again.expect(2)  # it was given, and a second answer does not count
        assert warm("approvals", "show", answer[2], "--json", cwd=folder).json["state"] == "approved"
    assert warm("ledger", "verify", "--json", cwd=folder).expect(0).json["ok"] is True


def test_what_an_interrupted_answer_permitted_is_done_by_the_next_run(
    undisturbed: Undisturbed, months: Months, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(undisturbed.folder, tmp_path / "store"))
    answer = last_answer(folder)
    before = len(books.effects(folder))
    crossloop(*answer, cwd=folder, env={"CROSSLOOP_CRASH_AT": "answer.after_commit"})
    assert len(books.effects(folder)) == before
    done = warm(*arguments(months, DAY), "--json", cwd=folder)
    assert [one["outcome"] for one in done.json["receipts"]] == ["done"]
    assert len(books.effects(folder)) == before + 1
    warm(*arguments(months, DAY), "--json", cwd=folder)
    assert len(books.effects(folder)) == before + 1
