"""What the one who kills has written down is there when it goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossloop.errors import InputError
from crossloop.ids import ActionKey, Resource
from crossloop.signals import ActionRequest
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


def test_what_it_does_not_know_is_an_error(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, 3, START)
    with pytest.raises(ValueError, match="other"):
        journal.write("other")
    journal.file.close()
