"""``--company MODULE:ATTRIBUTE``: a company of one's own, found as a web server finds its application.

Rules:

1. The module is looked for in the working directory first, then wherever Python looks.
2. The attribute is a :class:`~crossloop.coordinator.Company`, or a callable that returns one. A callable is
   called with the URL of the store where it takes an argument, else without any.
3. What is not found or not a company is said in one message, and so is what the module itself gets wrong: by
   the file and line where it happened, which is never a line of crossloop. A module that ends the program
   instead (``sys.exit``) gets that wrong.
4. What crossloop itself has to say, while the module is imported or its callable called, passes as it is.
5. What the module prints meanwhile goes to stderr: stdout belongs to the command.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager, redirect_stdout
from functools import reduce
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from crossloop.errors import CrossloopError, InputError, Where

if TYPE_CHECKING:
    from crossloop.coordinator import Company

_FORM: Final = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_PACKAGE: Final = Path(__file__).parent.parent
_FIELD: Final = "--company"


def _named(text: str | None) -> str | None:
    """Refuse text of another form; whether there is such a company is seen when it is needed."""
    if text and not _FORM.fullmatch(text):
        raise _refused(f"expected MODULE:ATTRIBUTE, got {text!r}.", "Write it as shop.company:acme.")
    return text or None


Own = Annotated[
    str | None,
    typer.Option(
        "--company",
        envvar="CROSSLOOP_COMPANY",
        metavar="MODULE:ATTRIBUTE",
        callback=_named,
        help="A company of your own: a Company, or what returns one, in a module that is looked for from "
        "here. Without it, the ready-made one.",
    ),
]


def load(named: str, store: str) -> Company:
    """Return the company that ``MODULE:ATTRIBUTE`` names.

    Args:
        store: URL of the store, for a callable that takes it.

    Raises:
        InputError: there is no such module or attribute, it is no company, or its code fails.
        CrossloopError: what its code is told by crossloop.
    """
    from crossloop.coordinator import Company

    module, _, attribute = named.partition(":")
    found = _attribute(named, module, attribute)
    if callable(found) and not isinstance(found, Company):
        with _its_own_code(named):
            found = found(*_arguments(named, found, store))
    if inspect.iscoroutine(found):
        found.close()  # it is not awaited, and need not warn of that
    if not isinstance(found, Company):
        raise _refused(
            f"{named} is no company: expected a crossloop.Company, or what returns one, got {_kind(found)}.",
            "Name another attribute; examples/own_department.py shows one.",
        )
    return found


def _attribute(named: str, module: str, attribute: str) -> object:
    here = os.getcwd()  # noqa: PTH109 - what is looked for on the path is text
    if here not in sys.path:
        sys.path.insert(0, here)
    with _its_own_code(named):
        try:
            imported: object = import_module(module)
        except ModuleNotFoundError as missing:
            if missing.name is None or not f"{module}.".startswith(f"{missing.name}."):
                raise
            raise _refused(
                f"there is no module '{missing.name}' in {here} or on Python's path.",
                "Call it from the directory in which it stands, or install it.",
            ) from None
    with _its_own_code(named):
        try:
            return reduce(getattr, attribute.split("."), imported)
        except AttributeError:
            known = ", ".join(sorted(name for name in dir(imported) if not name.startswith("_"))[:20])
            raise _refused(
                f"the module '{module}' has no attribute '{attribute}'.", f"It has: {known or 'none'}."
            ) from None


def _arguments(named: str, found: Callable[..., object], store: str) -> tuple[str, ...]:
    """What to call it with: the URL of the store where it takes that, else nothing."""
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):
        return ()
    for arguments in ((store,), ()):
        try:
            signature.bind(*arguments)
        except TypeError:
            continue
        return arguments
    raise _refused(
        f"{named} takes other arguments than the URL of the store: {signature}.",
        "Let it take that one, or none.",
    )


@contextmanager
def _its_own_code(named: str) -> Generator[None]:
    """What the module's own code raises, as one message (rules 3 and 4)."""
    try:
        with redirect_stdout(sys.stderr):
            yield
    except CrossloopError:
        raise
    except (Exception, SystemExit) as failure:
        raise _failed(named, failure) from failure


def _of_crossloop(file: str) -> bool:
    return Path(file).is_relative_to(_PACKAGE)


def _failed(named: str, failure: Exception | SystemExit) -> InputError:
    """What the module's own code raised, with the place where it did."""
    frames = [one for one in traceback.extract_tb(failure.__traceback__) if not _of_crossloop(one.filename)]
    file, line = (frames[-1].filename, frames[-1].lineno) if frames else (None, None)
    if isinstance(failure, SyntaxError) and failure.filename:
        file, line = failure.filename, failure.lineno
    said = traceback.format_exception_only(failure)[-1].strip()
    if isinstance(failure, SystemExit):
        said = f"its code ends the program ({said})"
    return InputError(
        f"{named} cannot be loaded: {said}",
        where=Where(file, line, _FIELD),
        next_step=f"Mend {'it there' if file else named}; python -c 'import …' shows more.",
    )


def _refused(message: str, next_step: str) -> InputError:
    return InputError(message, where=Where(field=_FIELD), next_step=next_step)


def _kind(found: object) -> str:
    return f"a {type(found).__name__}"
