"""A mapping is read strictly: what cannot be meant is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossloop.adapters.files import CANONICAL, load_mapping
from crossloop.adapters.files.mapping import StateNames, folded
from crossloop.errors import MappingError
from crossloop.signals.entities import SHIPMENT_COLUMNS
from tests.support.project import PROJECT

EXAMPLES = PROJECT / "examples" / "mappings"
MINIMAL = """\
mapping: 1
name: shop
columns:
  shipment_id: id
  ordered_on: day
  state: state
  pin_code: pin
  outcome: status
constants:
  country: IN
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "mapping.yaml"
    file.write_text(text)
    return file


def refused(folder: Path, text: str) -> MappingError:
    with pytest.raises(MappingError) as caught:
        load_mapping(written(folder, text))
    assert caught.value.exit_code == 2
    assert caught.value.where.file == folder / "mapping.yaml"
    return caught.value


def test_the_canonical_example_says_what_is_assumed_without_a_mapping() -> None:
    assert load_mapping(EXAMPLES / "canonical.yaml") == CANONICAL


def test_without_a_mapping_every_canonical_field_is_looked_for_under_its_own_name() -> None:
    assert {field: rule.column for field, rule in CANONICAL.columns.items()} == {
        field: field for field in SHIPMENT_COLUMNS
    }


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_example_is_a_valid_mapping_named_as_its_file(file: Path) -> None:
    assert load_mapping(file).name == file.stem


def test_a_minimal_mapping_needs_only_the_required_fields(tmp_path: Path) -> None:
    mapping = load_mapping(written(tmp_path, MINIMAL))

    assert mapping.columns["ordered_on"].format == "%Y-%m-%d"
    assert mapping.outcomes["returned"] == "returned"
    assert mapping.lines_per_shipment == "one"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="no such file"):
        load_mapping(tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("old", "new", "message", "line"),
    [
        ("mapping: 1", "mapping: 2", "version 1", 1),
        ("  outcome: status\n", "", "'outcome' has no column", 3),
        ("  pin_code: pin", "  pin_code: {column: pin, optional: true}", "cannot be optional", 3),
        ("  state: state", "  stat: state", "did you mean 'state'", 6),
        ("  state: state", "  weight: state", "there are: shipment_id", 6),
        ("  state: state", "  state: {column: state, optional: true}", "cannot be optional", 3),
        ("  state: state", "  state: {colum: state}", "Field required", 6),
        (
            "ordered_on: day",
            'ordered_on: {column: day, format: "%Y"}',
            "does not hold day, month and year",
            3,
        ),
        ("ordered_on: day", 'ordered_on: {column: day, format: "%Y-%m-%dT%z"}', "uses %z", 3),
        ("ordered_on: day", 'ordered_on: {column: day, format: "day"}', "does not hold day, month", 3),
        ("ordered_on: day", 'ordered_on: {column: day, format: "%d%m%Y%d"}', "cannot be used", 3),
        ("state: state", 'state: {column: state, format: "%d"}', "a format belongs to dates", 3),
        ("outcome: status", "outcome: {column: status, drop_decimals: true}", "pin_code only", 3),
        ("  country: IN", "  currency: INR", "country is neither", 1),
        ("  country: IN", "  country: India", "match pattern", 10),
        ("  country: IN", "  country: IN\nunknown: 1", "not permitted", 11),
        ("  country: IN", "  country: IN\noutcomes: {OK: fine}", "'delivered', 'returned'", 11),
        ("  country: IN", "  country: IN\noutcomes: {}", "at least 1", 11),
        ("  country: IN", "  country: IN\noutcomes: {OK: lost, ok: returned}", "differ only in case", 11),
        ("  country: IN", "  country: IN\nstates: {known: [A/B]}", "without '/'", 11),
        (
            "  country: IN",
            "  country: IN\nstates: {known: [GOA], aliases: {G: GAO}}",
            "not among 'known'",
            11,
        ),
        ("  country: IN", "  country: IN\nstates: {aliases: {G: 'a*'}}", "cannot name a state", 11),
        ("state: state", "state: {column: state, decimal: ','}", "decimal belongs to amount only", 3),
        ("  state: state", "  state: state\n  amount: {column: a, decimal: ';'}", "'.' or ','", 7),
        ("  country: IN", "  country: IN\noutcome_of_several: [returned, lost]", "each of", 11),
        ("  country: IN", "  country: IN\nfilters: [{column: a, keep: [], reason: r}]", "at least 1", 11),
        ("  country: IN", "  country: IN\n  country: IN", "stands twice", 11),
    ],
)
def test_a_mistake_is_refused_with_its_line(
    tmp_path: Path, old: str, new: str, message: str, line: int
) -> None:
    assert old in MINIMAL

    error = refused(tmp_path, MINIMAL.replace(old, new))

    assert message in str(error)
    assert error.where.line == line


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("rajasthan", "RAJASTHAN"),
        ("  Tamil   Nadu ", "TAMIL NADU"),
        ("Rajshthan", "RAJASTHAN"),
        ("RAJ/JAIPUR", "RAJASTHAN"),
        ("Atlantis", None),
        ("", None),
    ],
)
def test_spellings_of_a_state_come_together_and_unknown_ones_have_no_name(
    spelling: str, name: str | None
) -> None:
    names = StateNames(
        known=("RAJASTHAN", "TAMIL NADU"), aliases={"RAJSHTHAN": "RAJASTHAN", "Raj/Jaipur": "RAJASTHAN"}
    )

    assert names.name_of(spelling, names.names()) == name


def test_states_may_be_listed_in_any_case() -> None:
    names = StateNames(known=("Goa", "Tamil  nadu", "GOA"), aliases={"TN": "tamil nadu"})

    assert names == StateNames(known=("GOA", "TAMIL NADU"), aliases={"TN": "TAMIL NADU"})
    assert names.name_of("tn", names.names()) == names.name_of("TAMIL NADU", names.names()) == "TAMIL NADU"


@pytest.mark.parametrize(
    ("spelling", "name"), [("goa", "GOA"), ("a/b", None), ("a*", None), ("x" * 81, None)]
)
def test_without_a_list_every_name_counts_that_can_stand_in_a_path(spelling: str, name: str | None) -> None:
    assert StateNames().name_of(spelling, {}) == name


def test_values_are_compared_without_regard_to_case_and_spacing() -> None:
    assert folded(" Shipped -  Delivered\u00a0to Buyer") == folded("SHIPPED - delivered to buyer")
