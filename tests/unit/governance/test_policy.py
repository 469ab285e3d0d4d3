"""The policy: its digest, its shadow, and its way through the store."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from crossloop.canonical import canonical_json
from crossloop.errors import GovernanceDocumentError
from crossloop.governance import Policy
from crossloop.signals import Catalogue
from crossloop.signals.types import GEO_RISK_CLEARED
from tests.support.governed import CATALOGUE, LOOP, policy, verdict_on


def test_comments_and_layout_do_not_change_the_digest() -> None:
    assert policy(("# Governance of Acme", "# The governance of Acme")).digest == policy().digest


@pytest.mark.parametrize(
    "change",
    [
        ("0.15", "0.16"),
        ("Asia/Kolkata", "Asia/Dubai"),
        ("asha@acme", "a@acme"),
        ("act: 0.95", "act: 0.96"),
        ("order: [logistics, marketing]", "order: [marketing, logistics]"),
        ("1000 INR", "1000 USD"),
    ],
)
def test_every_value_is_under_the_digest(change: tuple[str, str]) -> None:
    assert policy(change).digest != policy().digest


def test_the_order_of_interventions_is_under_the_digest() -> None:
    listed = "      lift:         {act: 0.80, ask: 0.50}   # taking our own suppression back\n"
    first = ("    interventions:\n", f"    interventions:\n{listed.replace('lift: ', 'lift:')}")
    assert policy((listed, ""), first).digest != policy().digest


def test_shadow_has_a_digest_of_its_own_and_is_idempotent() -> None:
    original = policy()
    shadow = original.in_shadow()
    assert shadow.digest != original.digest
    assert shadow.in_shadow() is shadow
    assert original.stage("marketing", LOOP) == "autonomous"
    assert shadow.stage("marketing", LOOP) == "shadow"


@pytest.mark.parametrize("shadow", [False, True])
def test_a_policy_comes_back_from_the_store_and_judges_alike(shadow: bool) -> None:
    original = policy().in_shadow() if shadow else policy()
    body = orjson.loads(canonical_json(original.as_body()))
    again = Policy.from_body(body, CATALOGUE)
    assert (again.digest, again.document, again.text) == (original.digest, original.document, original.text)
    assert again.shadow_only is shadow
    assert list(again.document.loops[LOOP].interventions) == list(original.document.loops[LOOP].interventions)
    assert verdict_on(under=again) == verdict_on(under=original)
    assert again.as_body() == original.as_body()


def test_a_changed_body_is_refused() -> None:
    body: dict[str, Any] = orjson.loads(canonical_json(policy().as_body()))
    body["document"]["timezone"] = "Asia/Dubai"
    with pytest.raises(GovernanceDocumentError, match="digest"):
        Policy.from_body(body, CATALOGUE)
    body = orjson.loads(canonical_json(policy().in_shadow().as_body()))
    body["shadow_only"] = False
    with pytest.raises(GovernanceDocumentError, match="digest"):
        Policy.from_body(body, CATALOGUE)


@pytest.mark.parametrize("part", ["digest", "document", "shadow_only", "text"])
def test_a_body_with_a_part_missing_is_refused(part: str) -> None:
    body = {name: value for name, value in policy().as_body().items() if name != part}
    with pytest.raises(GovernanceDocumentError, match="cannot be used"):
        Policy.from_body(body, CATALOGUE)


def test_a_stored_policy_needs_the_types_that_it_names() -> None:
    with pytest.raises(GovernanceDocumentError, match="no signal type"):
        Policy.from_body(policy().as_body(), Catalogue([GEO_RISK_CLEARED]))


def test_the_body_holds_no_directories() -> None:
    assert policy().as_body()["file"] == "governance.yaml"


def test_those_to_whom_a_department_escalates_look_into_what_went_wrong_else_its_head() -> None:
    rules = policy()
    assert rules.answerable("marketing") == rules.document.departments["marketing"].escalate.to  # pyright: ignore[reportOptionalMemberAccess]
    assert rules.answerable("logistics") == rules.heads_of("logistics") == ("ravi",)
    heads = tuple(name for name, one in rules.document.people.items() if one.heads)
    assert rules.answerable("nobody") == heads
    assert rules.heads_of("nobody") == ()
