"""The ready-made loops and processes."""

from crossloop.loops.ready import open_company, ready_catalogue, ready_company

__all__ = ["open_company", "ready_catalogue", "ready_company"]
