"""The base of everything that crosses a border: frozen, closed to unknown fields, finite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """An immutable value. Unknown fields, NaN and infinities are refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        validate_default=True,
        ser_json_inf_nan="constants",
    )

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy, with other values where given; what was derived (cached properties) is derived anew."""
        copied = super().model_copy(update=update, deep=deep)
        values = vars(copied)
        for derived in values.keys() - type(self).model_fields.keys():
            values.pop(derived)  # it belongs to the values of the original
        return copied
