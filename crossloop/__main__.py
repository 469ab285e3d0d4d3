"""``python -m crossloop``: the command line, where the command itself is not on the path."""

from crossloop.console.cli import main

if __name__ == "__main__":
    main()
