"""Characters that do something to a terminal, or to the order of what is read, instead of being read.

Rules:

1. They are the control characters of Unicode (category Cc: escape sequences, bells, carriage returns) and
   those that turn the direction of text (a name that reads backwards is not the name). A tab and a new line
   are none.
2. What a person writes down is refused with them. What a system or a file says is kept as it was said and
   shown with them made visible.
"""

from __future__ import annotations

import re
from typing import Final

_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    r"""Return text in which each such character is written out, as ``\x1b`` or ``\u202e``."""
    return _CONTROL.sub(lambda found: _written(found[0]), text)


def visible_json(document: str) -> str:
    """Return a JSON document that says the same with each such character escaped."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", document)


def first_control(text: str) -> str | None:
    """Return the first such character as it is written out; None where there is none."""
    found = _CONTROL.search(text)
    return None if found is None else _written(found[0])


def _written(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
