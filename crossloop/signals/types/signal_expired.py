"""``crossloop.signal_expired/1``: a signal held no more before anybody had decided about it.

Published by crossloop itself, caused by the signal that expired and in its case, so that a department may
listen: to look whether what was said is still so, or to ask why nobody answered in time.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AwareDatetime, Field

from crossloop.ids import SignalId
from crossloop.signals.catalogue import SignalType
from crossloop.signals.model import SignalData, TypeName


class SignalExpired(SignalData):
    """What expired, and when."""

    signal: Annotated[SignalId, Field(min_length=1, max_length=300)]
    """Id of the signal that expired."""

    type: TypeName
    """Its type."""

    valid_until: AwareDatetime
    """Business instant until which it held."""

    parked: bool
    """True when no department handled its type; false when it was not decided in time."""


SIGNAL_EXPIRED: Final = SignalType(
    name="crossloop.signal_expired/1",
    data=SignalExpired,
    summary="A signal held no more before anybody had decided about it.",
    confidence_means="That it expired, which is certain: 1.",
    thresholds="None: the validity stands in the signal that expired; its publisher owns it.",
)
