"""Arguments of operations: a kind of its own has to say what it changes."""

from __future__ import annotations

import pytest

from crossloop.adapters.arguments import Arguments


class Nameless(Arguments):
    """Arguments that do not say which resource they change."""


def test_arguments_that_name_no_resource_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="resource"):
        Nameless()  # pyright: ignore[reportAbstractUsage]
