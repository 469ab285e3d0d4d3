"""The list of tables in docs/architecture.md is the schema's."""

from __future__ import annotations

import re

from crossloop.store.schema import metadata
from tests.support.project import PROJECT


def test_every_table_of_the_store_is_listed_and_no_other() -> None:
    text = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.split("\n## Tables\n")[1].split("\n## ")[0]
    first_cells = re.findall(r"^\| (`.*?) \|", section, flags=re.MULTILINE)
    listed = [name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(listed) == sorted(metadata.tables)
