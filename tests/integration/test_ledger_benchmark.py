"""The ledger benchmark: what it measures is a good ledger, and what was measured is not measured again."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from benchmarks import ledger, ledger_child
from benchmarks.ledger_books import ENTRIES_OF_A_CASE
from crossloop.clock import SystemClock
from crossloop.store import Store, states, told


def chosen(sizes: str | None, folder: Path | None) -> argparse.Namespace:
    return argparse.Namespace(sizes=sizes, folder=folder, rounds=1)


def test_its_ledger_is_one_of_finished_cases_and_its_figures_are_of_the_whole_of_it(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/store.db", clock=SystemClock()) as store:
        found = ledger_child.fill(store, 1400)
        assert store.read(lambda read: read.head().size) == 1400
        kinds = store.read(lambda read: read.rows("SELECT kind, count(*) FROM entries GROUP BY kind"))
        assert sum(count for _, count in kinds) == 140 * ENTRIES_OF_A_CASE
        assert dict(kinds)["decision"] == 280
        found |= ledger_child.verified(store, 1) | ledger_child.proofs(store)
        assert all(value > 0 for value in found.values())
        for table in told.TABLES:
            assert store.read(
                lambda read, name=table.name: read.rows(states._select(name, "1", unless_plain=True)) == []
            ), f"{table.name} is not as it is in a run that is over"


def test_a_size_that_was_measured_in_a_folder_is_not_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    first = ledger.run(chosen("1k,2k", tmp_path))
    assert set(first.ratios) == {"append_last_to_first_1k", "append_last_to_first_2k"}
    assert sorted(one.name for one in tmp_path.iterdir()) == ["ledger-1k.json", "ledger-2k.json"]
    assert "1k: verifying" in capfd.readouterr().err
    (tmp_path / "ledger-2k.json").unlink()
    asked: list[Path] = []

    def child(what: str, store: Path, *arguments: str) -> dict[str, float]:
        asked.append(store)
        return dict.fromkeys(ledger._FIGURES, 2.0)

    monkeypatch.setattr(ledger, "_child", child)
    again = ledger.run(chosen("1k,2k", tmp_path))
    assert {one.name for one in asked} == {"ledger-2k.db"}
    assert again.measured["verify_1k"] == first.measured["verify_1k"]
    assert "at commit" in again.notes["kept_1k"]
    assert json.loads((tmp_path / "ledger-2k.json").read_text())["verify"] == 2.0


@pytest.mark.parametrize("size", ["", "k", "10", "10x", "0.5k", "many"])
def test_what_is_no_size_is_refused(size: str) -> None:
    with pytest.raises(SystemExit):
        ledger.run(chosen(size or ",", None))
