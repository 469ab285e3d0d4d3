"""What the one who kills has written down is there when it goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossloop.errors import InputError
from crossloop.ids import ActionKey, Resource
from crossloop.signals import ActionRequest
from crossloop.testing.evidence import Violation
from crossloop.testing.killing import journal as module
from crossloop.testing.killing.journal import Journal
from crossloop.testing.systems import Effect
from tests.support.stores import LATER, START

REQUEST = ActionRequest(
    system="ads", operation="change", resource=Resource("ads/campaign/1"), arguments={"a": 1}
)
EFFECT = Effect("ads", ActionKey("act_1"), REQUEST, "ads-0", START, LATER)


def written(folder: Path) -> Journal:
    journal = Journal.open(folder, 3, START)
    journal.write("sent", numbers=[0, 1, 2])
    journal.write("acknowledged", numbers=[0, 2])
    journal.write("answered")
    journal.effect(EFFECT)
    for killed in (True, True, False):
        plan = "anywhere"
        requests = {"perform": 2}
        journal.write("life", killed=killed, plan=plan, phase="at work", seconds=0.5, requests=requests)
    journal.file.close()
    return journal


def test_it_is_taken_up_as_it_was(tmp_path: Path) -> None:
    before, after = written(tmp_path), Journal.open(tmp_path, 3, LATER)
    after.file.close()
    assert after.load == before.load
    assert (after.sent, after.acknowledged, after.missing()) == (3, {0, 2}, (1,))
    assert (after.answered, after.effects, after.lives, after.seconds) == (1, [EFFECT], 3, 1.5)
    assert (after.kills, after.phases) == ({"anywhere": 2}, {"at work": 2})
    assert after.requests == before.requests == {"perform": 6}


def test_a_last_line_that_was_cut_off_never_was(tmp_path: Path) -> None:
    written(tmp_path)
    place = tmp_path / "journal.jsonl"
    whole = place.read_bytes()
    place.write_bytes(whole + b'{"is":"sent","num')
    after = Journal.open(tmp_path, 3, START)
    after.file.close()
    assert (after.sent, place.read_bytes()) == (3, whole)


def test_the_journal_of_another_seed_is_refused(tmp_path: Path) -> None:
    written(tmp_path)
    with pytest.raises(InputError, match="seed 3"):
        Journal.open(tmp_path, 4, START)


def test_a_violation_is_kept_once_and_for_good(tmp_path: Path) -> None:
    found = Violation(2, "two effects", "act_1")
    before = Journal.open(tmp_path, 3, START)
    before.violated([found, found])
    before.violated([found])
    before.file.close()
    after = Journal.open(tmp_path, 3, LATER)
    after.file.close()
    assert before.violations == after.violations == [found]


def test_the_journal_of_other_code_is_refused_and_both_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "commit", lambda: "c0ffee-dirty")
    written(tmp_path)
    monkeypatch.setattr(module, "source_digest", lambda: "other")
    monkeypatch.setattr(module, "commit", lambda: "decade")
    with pytest.raises(InputError, match="other code: c0ffee-dirty then, decade now"):
        Journal.open(tmp_path, 3, START)


@pytest.mark.parametrize("damaged", [b"{", b"[]", b'{"is":"begun"}', b"\xff\xfe", b'{"seed":3}\n7'])
def test_a_damaged_journal_is_bad_input(damaged: bytes, tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_bytes(damaged + b"\n")
    with pytest.raises(InputError, match="is damaged"):
        Journal.open(tmp_path, 3, START)


def test_a_journal_with_a_damaged_line_in_its_middle_is_bad_input(tmp_path: Path) -> None:
    written(tmp_path)
    place = tmp_path / "journal.jsonl"
    place.write_bytes(place.read_bytes().replace(b'{"is":"answered"}', b'{"is":"answ'))
    with pytest.raises(InputError, match="is damaged"):
        Journal.open(tmp_path, 3, START)


def test_a_journal_that_is_a_folder_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").mkdir()
    with pytest.raises(InputError, match="cannot be used"):
        Journal.open(tmp_path, 3, START)


def test_what_it_does_not_know_is_an_error(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, 3, START)
    with pytest.raises(ValueError, match="other"):
        journal.write("other")
    journal.file.close()
