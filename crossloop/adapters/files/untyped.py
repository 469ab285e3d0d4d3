"""The one door to libraries that carry no types.

ibis and pyarrow are ``Any`` here, so that strict checking goes on around expressions instead of reporting
every one of them; the aliases say what is meant.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import ibis as _ibis
import pyarrow as _pyarrow
import pyarrow.compute as _compute
from ibis.expr import datatypes as _datatypes

ibis: Any = _ibis
pyarrow: Any = _pyarrow
compute: Any = _compute
datatypes: Any = _datatypes

Table: TypeAlias = Any
"""An ``ibis.expr.types.Table``."""

Column: TypeAlias = Any
"""An ``ibis.expr.types.Value`` of one row, of the type that the name says."""

Connection: TypeAlias = Any
"""An ``ibis.backends.duckdb.Backend``."""

ArrowTable: TypeAlias = Any
"""A ``pyarrow.Table``."""


def rows_of(table: Table) -> list[dict[str, Any]]:
    """Run an expression of a table and return its rows; for small results."""
    return table.to_pyarrow().to_pylist()


def value_of(expression: Column) -> Any:
    """Run an expression of one value and return it."""
    return expression.to_pyarrow().as_py()
