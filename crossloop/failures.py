"""What a failure of somebody else's code says, in one readable line: it is kept, and shown to people.

Rules:

1. It begins with the class, as Python says it. A value that has not the shape of its model is told field by
   field, without the addresses of pages.
2. Where an object is in memory says nothing to anybody, and differs from run to run.
3. One line; how much of it is kept is for the caller to say.
"""

from __future__ import annotations

import re
import traceback
from typing import Final

from pydantic import ValidationError

_SHOWN: Final = 5
_ADDRESS: Final = re.compile(r"(?: object)? at 0x[0-9A-Fa-f]+")


def told(failure: BaseException) -> str:
    """Class and message of a failure, also of one whose message cannot be made."""
    if isinstance(failure, ValidationError):
        said = f"{failure.title} is not valid: {_fields(failure)}"
    else:
        said = "".join(traceback.format_exception_only(failure))
    return " ".join(_ADDRESS.sub("", said).split())


def _fields(failure: ValidationError) -> str:
    found = failure.errors(include_url=False, include_context=False, include_input=False)
    parts = [
        ": ".join(part for part in (".".join(map(str, one["loc"])), one["msg"]) if part)
        for one in found[:_SHOWN]
    ]
    more = len(found) - len(parts)
    return "; ".join([*parts, f"and {more} more"] if more else parts)
