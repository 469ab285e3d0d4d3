"""Running a suite outside pytest, and the table of what it found.

Rules:

1. A capability *failed* when one of its checks did; it *passed* when all of them did. When all were skipped
   it is *not offered*, or *not shown* where the author gave nothing to see it with. When some were skipped it
   passed *partly*: what was not shown is never called passed.
2. Whatever a check raises is a failure of what it checks. Interrupting the run interrupts it.
"""

from __future__ import annotations

import unittest
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal, TypeAlias

from crossloop.testing.conformance.suite import NOT_SHOWN, Check, Suite, checks_of

Found = Literal["passed", "failed", "skipped"]
Result = Literal["passed", "partly", "failed", "not shown", "not offered"]
_Raised: TypeAlias = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]

_WIDEST: Final = 300
"""Characters of a reason that the table shows."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    check: Check
    found: Found
    reason: str
    """Why it failed or was skipped; empty when it passed."""


@dataclass(frozen=True, slots=True)
class CapabilityFindings:
    """What the checks of one capability found."""

    capability: str
    findings: tuple[Finding, ...]

    @property
    def result(self) -> Result:
        """All of it in one word (rule 1)."""
        found = {one.found for one in self.findings}
        if "failed" in found:
            return "failed"
        if found == {"skipped"}:
            unshown = any(one.reason.startswith(NOT_SHOWN) for one in self.findings)
            return "not shown" if unshown else "not offered"
        return "partly" if "skipped" in found else "passed"


@dataclass(frozen=True, slots=True)
class Report:
    """What a suite found, capability by capability. As text it is a table."""

    suite: str
    capabilities: tuple[CapabilityFindings, ...]

    @property
    def ok(self) -> bool:
        """True when nothing failed."""
        return all(one.result != "failed" for one in self.capabilities)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every check with what it found."""
        return tuple(finding for one in self.capabilities for finding in one.findings)

    def __str__(self) -> str:
        width = max((len(one.capability) for one in self.capabilities), default=0)
        lines = [f"{self.suite}: {'conforms' if self.ok else 'does not conform'}"]
        for one in self.capabilities:
            passed = sum(finding.found == "passed" for finding in one.findings)
            lines.append(
                f"  {one.capability:<{width}}  {one.result:<11}  {passed} of {len(one.findings)} checks"
            )
            lines += [
                f"    {finding.found}: {finding.check.claim}: {_short(finding.reason)}"
                for finding in one.findings
                if finding.found != "passed"
            ]
        return "\n".join(lines)


def report(suite: type[Suite]) -> Report:
    """Run every check of a suite and return what they found.

    Args:
        suite: a subclass of one of the suites that gives what is to be tested.

    Raises:
        TypeError: it does not; the message names what is missing.
    """
    suite()  # an abstract method that is not given is the author's mistake, and no finding
    by_capability: dict[str, list[Finding]] = {}
    for check in checks_of(suite):
        by_capability.setdefault(check.capability, []).append(run_check(suite, check))
    return Report(
        suite.__name__,
        tuple(CapabilityFindings(name, tuple(found)) for name, found in by_capability.items()),
    )


def run_check(suite: type[Suite], check: Check) -> Finding:
    """Run one check of a suite; unittest knows how to keep what it raises."""
    own = suite()
    method: Callable[[], None] = getattr(own, check.name)
    result = _Heard()
    case = unittest.FunctionTestCase(method, setUp=own.setup_method, tearDown=own.teardown_method)
    try:
        case.run(result)
    except KeyboardInterrupt:
        own.teardown_method()  # unittest leaves that out
        raise
    if result.failed:
        return Finding(check, "failed", "; ".join(result.failed))
    if result.reasons:
        return Finding(check, "skipped", "; ".join(result.reasons))
    return Finding(check, "passed", "")


class _Heard(unittest.TestResult):
    """Keeps what was said instead of tracebacks; the names are unittest's."""

    def __init__(self) -> None:
        super().__init__()
        self.failed: list[str] = []
        self.reasons: list[str] = []

    def addError(self, test: unittest.TestCase, err: _Raised) -> None:  # noqa: ARG002, N802
        self.failed.append(f"{type(err[1]).__name__}: {err[1]}")

    def addFailure(self, test: unittest.TestCase, err: _Raised) -> None:  # noqa: ARG002, N802
        self.failed.append(str(err[1]))

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:  # noqa: ARG002, N802
        self.reasons.append(reason)


def _short(reason: str) -> str:
    line = " ".join(reason.split())
    return line if len(line) <= _WIDEST else line[: _WIDEST - 1] + "…"
