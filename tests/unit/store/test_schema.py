"""The tables say on every database what the package relies on."""

from __future__ import annotations

import pytest
from sqlalchemy import Table, Text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateTable

from crossloop.store.schema import metadata


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_text_is_compared_by_code_point_everywhere(table: Table) -> None:
    texts = [column for column in table.columns if isinstance(column.type, Text)]
    elsewhere = str(CreateTable(table).compile(dialect=postgresql.dialect()))
    assert elsewhere.count('TEXT COLLATE "C"') == len(texts)
    assert "COLLATE" not in str(CreateTable(table).compile(dialect=sqlite.dialect()))
