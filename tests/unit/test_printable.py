"""Characters that act instead of being read."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossloop.printable import first_control, visible, visible_json


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("\x1b[31m", r"\x1b"),
        ("a\rb", r"\x0d"),
        ("bell \x07", r"\x07"),
        ("\x7f", r"\x7f"),
        ("\x9b0m", r"\x9b"),
        ("\u202edrow", r"\u202e"),
        ("\u2066x", r"\u2066"),
        ("two\nlines, a\ttab, ü and 語", None),
    ],
)
def test_what_acts_is_found_and_written_out(text: str, first: str | None) -> None:
    assert first_control(text) == first
    assert first_control(visible(text)) is None
    assert (visible(text) == text) == (first is None)
    assert first is None or first in visible(text)


@given(st.text())
def test_a_document_still_says_the_same(text: str) -> None:
    said = visible_json(json.dumps({"text": text}, ensure_ascii=False, indent=2))
    assert json.loads(said) == {"text": text}
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", said)
