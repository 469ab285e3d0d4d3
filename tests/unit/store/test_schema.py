"""The tables say on every database what the package relies on."""

from __future__ import annotations

import hashlib

import pytest
from sqlalchemy import Table, Text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateTable

from crossloop.store.schema import FORMAT, metadata
from crossloop.store.sqlite import _definitions


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_text_is_compared_by_code_point_everywhere(table: Table) -> None:
    texts = [column for column in table.columns if isinstance(column.type, Text)]
    elsewhere = str(CreateTable(table).compile(dialect=postgresql.dialect()))
    assert elsewhere.count('TEXT COLLATE "C"') == len(texts)
    assert "COLLATE" not in str(CreateTable(table).compile(dialect=sqlite.dialect()))


DEFINED = {4: "bf9e10cdd6f4bc57305f78010e5ac23d69460a7ad633b1b662e37178529bd5bc"}
"""SHA-256 over the statements that create the tables, for the format in use."""


def test_other_tables_are_another_format() -> None:
    """A store of another version is refused by its format alone: without it, it would be misread."""
    defined = hashlib.sha256(" ".join(" ".join(_definitions()).split()).encode()).hexdigest()
    assert {FORMAT: defined} == DEFINED, "the tables changed: raise FORMAT, and put the digest here"
