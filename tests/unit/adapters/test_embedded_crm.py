"""The embedded CRM."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crossloop.actions.port import Conflict, Invalid, NotFound, Performed
from crossloop.adapters.arguments import CreateOpportunity, MoveOpportunity
from crossloop.adapters.embedded.crm import EmbeddedCrm
from crossloop.adapters.ports import Crm
from crossloop.ids import ActionKey
from crossloop.money import Money
from crossloop.signals import ActionRequest
from crossloop.signals.entities import Opportunity, Party
from tests.support import embedded
from tests.support.embedded import run
from tests.support.requests import create_party, deactivate


def opportunity(reference: str, party_code: str = "ACME") -> Opportunity:
    return Opportunity(
        reference=reference, party_code=party_code, title="Renewal", amount=Money.of(5000, "INR")
    )


def create_opportunity(reference: str, party_code: str = "ACME") -> ActionRequest:
    arguments = CreateOpportunity(opportunity=opportunity(reference, party_code))
    return arguments.request("crm", "create_opportunity")


def move(reference: str, from_stage: str, to_stage: str) -> ActionRequest:
    arguments = MoveOpportunity.model_validate(
        {"reference": reference, "from_stage": from_stage, "to_stage": to_stage}
    )
    return arguments.request("crm", "move_opportunity")


def perform(crm: EmbeddedCrm, key: str, request: ActionRequest) -> Performed:
    return run(crm.perform(ActionKey(key), request))


@pytest.fixture
def crm(tmp_path: Path) -> Iterator[EmbeddedCrm]:
    with embedded.crm(tmp_path / "company.db") as opened:
        perform(opened, "given", create_party("ACME"))
        yield opened


def test_it_is_a_crm(crm: EmbeddedCrm) -> None:
    port: Crm = crm
    assert port.system == "crm"


def test_a_party_is_found_by_its_code(crm: EmbeddedCrm) -> None:
    assert run(crm.party("ACME")) == Party(code="ACME", name="Party ACME", kind="customer")
    assert run(crm.party("NOBODY")) is None


def test_a_party_code_is_unique_for_ever(crm: EmbeddedCrm) -> None:
    perform(crm, "k1", deactivate("ACME"))
    with pytest.raises(Conflict, match="'ACME' already"):
        perform(crm, "k2", create_party("ACME"))


def test_a_party_out_of_use_is_kept_but_not_listed(crm: EmbeddedCrm) -> None:
    perform(crm, "k1", deactivate("ACME"))
    kept = run(crm.party("ACME"))
    assert kept is not None
    assert not kept.active
    assert run(crm.parties()) == ()
    with pytest.raises(Conflict, match="not in use"):
        perform(crm, "k2", deactivate("ACME"))


@pytest.mark.parametrize("refused", [NotFound, Conflict])
def test_an_opportunity_belongs_to_an_active_party(crm: EmbeddedCrm, refused: type[Exception]) -> None:
    perform(crm, "k1", deactivate("ACME"))
    with pytest.raises(refused):
        perform(crm, "k2", create_opportunity("O1", "ACME" if refused is Conflict else "NOBODY"))
    assert run(crm.opportunities()) == ()


def test_opportunities_are_listed_for_one_party_or_for_all(crm: EmbeddedCrm) -> None:
    perform(crm, "k1", create_party("BETA"))
    perform(crm, "k2", create_opportunity("O2", "BETA"))
    perform(crm, "k3", create_opportunity("O1"))
    assert run(crm.opportunities()) == (opportunity("O1"), opportunity("O2", "BETA"))
    assert run(crm.opportunities("BETA")) == (opportunity("O2", "BETA"),)


def test_an_opportunity_reference_is_unique(crm: EmbeddedCrm) -> None:
    perform(crm, "k1", create_opportunity("O1"))
    with pytest.raises(Conflict, match="'O1' already"):
        perform(crm, "k2", create_opportunity("O1"))


def test_an_opportunity_moves_only_from_its_present_stage(crm: EmbeddedCrm) -> None:
    perform(crm, "k1", create_opportunity("O1"))
    perform(crm, "k2", move("O1", "new", "qualified"))
    with pytest.raises(Conflict, match="'qualified', not at 'new'"):
        perform(crm, "k3", move("O1", "new", "won"))
    assert run(crm.opportunities())[0].stage == "qualified"


def test_moving_what_does_not_exist_is_not_found(crm: EmbeddedCrm) -> None:
    with pytest.raises(NotFound):
        perform(crm, "k1", move("O9", "new", "won"))


def test_a_new_opportunity_starts_at_the_beginning(crm: EmbeddedCrm) -> None:
    request = create_opportunity("O1")
    won = {"opportunity": opportunity("O1").model_copy(update={"stage": "won"}).model_dump(mode="json")}
    with pytest.raises(Invalid, match="stage 'new'"):
        perform(crm, "k1", request.model_copy(update={"arguments": won}))
