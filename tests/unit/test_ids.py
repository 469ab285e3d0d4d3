"""Ids are derived from what they name, and nothing else gives the same one."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossloop.ids import (
    SignalId,
    action_key,
    approval_id,
    begins_one,
    case_id,
    decision_id,
    derived,
    signal_id,
    undo_key,
)

PARTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), max_size=4)


@given(PARTS)
def test_an_id_is_its_prefix_and_26_characters_of_base_32(parts: list[str]) -> None:
    assert re.fullmatch(r"sig_[a-z2-7]{26}", derived("sig", *parts))
    assert derived("sig", *parts) == derived("sig", *parts)


@given(PARTS, PARTS)
def test_different_parts_give_different_ids_however_they_are_cut(one: list[str], other: list[str]) -> None:
    assert (derived("x", *one) == derived("x", *other)) == (one == other)
    assert derived("x", *one, "ab", "c") != derived("x", *one, "a", "bc")


@given(PARTS)
def test_an_id_is_the_beginning_of_a_hash_in_base_32_of_rfc_4648(parts: list[str]) -> None:
    hasher = hashlib.sha256()
    for part in parts:
        data = part.encode()
        hasher.update(len(data).to_bytes(8, "big") + data)
    assert derived("x", *parts) == f"x_{base64.b32encode(hasher.digest()).decode().lower()[:26]}"


@pytest.mark.parametrize(
    ("text", "enough"),
    [
        ("", False),
        ("apr_", False),
        ("apr_abc", False),
        ("apr_abcd", True),
        ("case", False),
        ("case_abc", False),
        ("case_abcd", True),
        ("order-1", True),
        ("my_1", True),
        ("or", False),
    ],
)
def test_the_beginning_of_an_id_means_one_from_four_characters_on(text: str, enough: bool) -> None:
    assert begins_one(text) is enough


def test_ids_stay_what_they_were_when_first_recorded() -> None:
    signal = signal_id("logistics.geo_risk/1", "/logistics/geo-risk", "k")
    assert signal == "sig_icf5zm3m63ef25pmvm22xigxcw"


def test_every_kind_of_id_says_what_it_is() -> None:
    signal = SignalId("sig_a")
    decision = decision_id(signal, "marketing", 0)
    kinds = [case_id(signal), decision, action_key(signal, "marketing", 0), approval_id(decision)]
    assert [one.partition("_")[0] for one in kinds] == ["case", "dec", "act", "apr"]


def test_an_action_key_depends_on_signal_department_and_step_only() -> None:
    keys = {
        action_key(SignalId(signal), department, step)
        for signal in ("sig_a", "sig_b")
        for department in ("marketing", "operations")
        for step in (0, 1)
    }
    assert len(keys) == 8


def test_taking_back_has_a_key_of_its_own_that_follows_from_what_is_taken_back() -> None:
    key = action_key(SignalId("sig_a"), "marketing", 0)
    assert undo_key(key) == undo_key(key)
    assert undo_key(key).startswith("act_")
    assert len({key, undo_key(key), undo_key(undo_key(key))}) == 3
