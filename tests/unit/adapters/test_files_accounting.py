"""The account of an input always adds up."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from crossloop.adapters.files import RowCount, RowExample, SetAside


def test_lines_used_and_set_aside_make_up_the_lines_read() -> None:
    count = RowCount(read=5, used=2, set_aside=(SetAside(reason="late", count=3),))

    assert count.read == count.used + sum(item.count for item in count.set_aside)


@pytest.mark.parametrize(("read", "used", "aside"), [(5, 2, 2), (5, 5, 1), (4, 5, 1)])
def test_an_account_that_does_not_add_up_cannot_be_made(read: int, used: int, aside: int) -> None:
    with pytest.raises(ValidationError, match=f"{read} lines read, but {used} used and {aside} set aside"):
        RowCount(read=read, used=used, set_aside=(SetAside(reason="late", count=aside),))


def test_a_reason_with_no_lines_is_not_listed() -> None:
    with pytest.raises(ValidationError):
        SetAside(reason="late", count=0)


def test_at_most_three_examples_are_shown() -> None:
    examples = tuple(RowExample(line=number, values={}) for number in range(2, 6))

    with pytest.raises(ValidationError, match="at most 3"):
        SetAside(reason="late", count=4, examples=examples)
