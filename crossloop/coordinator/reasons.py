"""What people say when they answer or close something, checked before it is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from crossloop.canonical import NotCanonical, canonical_json
from crossloop.errors import AnswerRefused
from crossloop.printable import first_control

LONGEST: Final = 2000
"""Characters of a reason."""


def check(said: Mapping[str, JsonValue], *, needed: str = "", next_step: str = "") -> None:
    """Refuse what cannot be recorded.

    Args:
        said: what the entry is going to say; its ``reason`` and ``reference`` are looked at.
        needed: the message where a reason is needed and none is given; none is needed when empty.
        next_step: what to do then.

    Raises:
        AnswerRefused: the reason is missing or too long, one of the two has control characters, or the ledger
            cannot keep what is said.
    """
    reason = str(said.get("reason") or "")
    if needed and not reason.strip():
        raise AnswerRefused(needed, next_step=next_step)
    if len(reason) > LONGEST:
        raise AnswerRefused(f"a reason has at most {LONGEST} characters, got {len(reason)}.")
    for name in ("reason", "reference"):
        odd = first_control(str(said.get(name) or ""))
        if odd is not None:
            raise AnswerRefused(
                f"a {name} is text without control characters, got {odd}.", next_step="Leave it out."
            )
    try:
        canonical_json(said)
    except NotCanonical as wrong:
        raise AnswerRefused(f"the ledger cannot keep this: {wrong}.") from None
