"""``python -m crossloop.testing COMMAND``: simulate a company over many seeds."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Final

COMMANDS: Final = {
    "kill": ("crossloop.testing.killing.kill_command", "kill a company many times and check what is left"),
    "crash-points": (
        "crossloop.testing.killing.crash_points_command",
        "kill a company at every named crash point",
    ),
    "simulate": ("crossloop.testing.simulate_command", "run a company over seeded histories and check it"),
}
"""By name: the module whose ``main`` takes the arguments, and what it does. Loaded when it is named."""


def main(arguments: list[str]) -> int:
    """Run a command; return its exit code."""
    name = arguments[0] if arguments else ""
    if name not in COMMANDS:
        known = "\n".join(f"  {command:12} {what}" for command, (_, what) in COMMANDS.items())
        wanted = name in ("-h", "--help")
        stream = sys.stdout if wanted else sys.stderr
        stream.write(f"usage: python -m crossloop.testing COMMAND [--help]\n\n{known}\n")
        return 0 if wanted else 2
    code: int = import_module(COMMANDS[name][0]).main(arguments[1:])
    return code


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
