"""The document that ships with the package and the one to read and copy are the same."""

from __future__ import annotations

from tests.support.project import PROJECT


def test_the_embedded_governance_is_the_example() -> None:
    embedded = (PROJECT / "crossloop" / "loops" / "governance.yaml").read_bytes()
    assert (PROJECT / "examples" / "governance" / "demo.yaml").read_bytes() == embedded
