"""Peers of the throughput benchmark: each script runs in an environment of its own."""
