"""Measured side by side, in one run, against a raw lower bound or peers: ratios, not promises."""
