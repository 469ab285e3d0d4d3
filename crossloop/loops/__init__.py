"""The ready-made loops and processes."""
