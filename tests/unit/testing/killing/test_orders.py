"""Orders arrive as they were given."""

from __future__ import annotations

from pathlib import Path

import orjson

from crossloop.testing.killing.orders import Orders
from tests.support.stores import START


def test_orders_are_read_back_as_they_were_written() -> None:
    orders = Orders(Path("folder"), 3, START, 7, "finish", 4, 5, (1, 2), (0,), calm=True, crash_at="x:2")
    assert Orders.read(orjson.loads(orjson.dumps(orders.written()))) == orders
    assert orders.load.signal(1) == Orders(Path("other"), 3, START, 8).load.signal(1)
