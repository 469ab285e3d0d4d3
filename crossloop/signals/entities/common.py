"""What several entities share: codes by which a company names its things."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$", max_length=80)]
"""A company's own code of a thing: letters, digits, ``_``, ``.`` and ``-``, to fit a resource path."""

Name = Annotated[str, Field(min_length=1, max_length=200)]
"""A name for people."""

Units = Annotated[int, Field(strict=True, gt=0, le=1_000_000_000)]
"""A whole, positive number of the product's unit."""
