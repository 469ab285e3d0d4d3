"""Why a line does not become part of a shipment.

Each line is used, or set aside under the first of these reasons that holds:

1. it is malformed;
2. it has no shipment id, or no order date in this age;
3. it was ordered later than the as-of day;
4. it has no address: the state or the postal code is missing;
5. a filter of the mapping leaves it out, in the order of the mapping;
6. it has no status, or never left the warehouse;
7. postal code, state, country or currency cannot be used;
8. amount or attempts cannot be read, or contradict each other or the dates;
9. it repeats a shipment id (one line per shipment), or gives another address or currency than the first
   line of its shipment (several lines).

Three things stop the reading instead, because they say that the mapping is wrong rather than the line:
a status or payment that the vocabulary does not list, and a date that is not written as declared.
"""

from __future__ import annotations

from typing import Final

BROKEN_QUOTES: Final = "malformed line: broken quotes"
BROKEN_FIELDS: Final = "malformed line: not as many fields as the header"
MALFORMED: Final = (BROKEN_QUOTES, BROKEN_FIELDS)
NO_ID: Final = "no shipment id"
NO_DATE: Final = "no order date"
BAD_DATE: Final = "order date outside the years 1970 to 2199"
TOO_LATE: Final = "later than as_of"
NO_ADDRESS: Final = "no address: state or postal code is missing"
NO_STATUS: Final = "no status"
NEVER_LEFT: Final = "never left the warehouse (cancelled or pending)"
BAD_PIN: Final = "unreadable postal code: not six digits"
BAD_STATE: Final = "unknown spelling of the state"
BAD_COUNTRY: Final = "unreadable country: not a two-letter code"
BAD_CURRENCY: Final = "unreadable currency: not a three-letter code"
BAD_AMOUNT: Final = "unreadable amount"
BAD_COUNT: Final = {
    "attempts": "unreadable number of attempts",
    "failed_attempts": "unreadable number of failed attempts",
}
TOO_MANY_FAILED: Final = "more failed attempts than attempts"
OUTCOME_TOO_EARLY: Final = "outcome dated before the order"
REPEATED: Final = "duplicate shipment id"
DISAGREES: Final = "another address or currency than the first line of the same shipment"
