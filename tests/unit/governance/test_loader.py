"""Mistakes in a governance document: one message with file, line, field and the next step."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossloop.errors import GovernanceDocumentError
from crossloop.governance import load_policy, parse_policy
from crossloop.governance.consistency import mistakes
from crossloop.governance.rules import compile_rule
from tests.support.governed import CATALOGUE, DEMO, LOOP, demo_text, policy

INTERVENTIONS = f"loops.{LOOP}.interventions"


def mistake(*changes: tuple[str, str]) -> GovernanceDocumentError:
    with pytest.raises(GovernanceDocumentError) as caught:
        policy(*changes)
    return caught.value


def line_of(piece: str, *changes: tuple[str, str]) -> int:
    text = demo_text(*changes)
    assert text.count(piece) == 1, piece
    return text[: text.index(piece)].count("\n") + 1


def test_the_demonstration_document_loads_from_its_file() -> None:
    loaded = load_policy(DEMO, catalogue=CATALOGUE)
    assert loaded.file == DEMO
    assert loaded.text == DEMO.read_text(encoding="utf-8")
    assert loaded.document.company == "Acme D2C"


def test_a_missing_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(GovernanceDocumentError, match="no such file"):
        load_policy(tmp_path / "none.yaml", catalogue=CATALOGUE)


@pytest.mark.parametrize(
    "text", ["", "just a text", "- a\n- b\n", "governance: 2\n", "{", "a: &x 1\nb: *x\n"]
)
def test_what_is_not_a_governance_document_is_refused(text: str) -> None:
    with pytest.raises(GovernanceDocumentError, match=r"governance\.yaml"):
        parse_policy(text, file=Path("governance.yaml"), catalogue=CATALOGUE)


# (old text, new text), field, a piece of the offending line, words of the message
MISTAKES = {
    "unknown person in a rule": (
        ("from: {all: [asha, ravi]}", "from: {all: [asha, ravu]}"),
        "rules.large_change.from.all.1",
        "ravu",
        "no person 'ravu'",
    ),
    "unknown person in an escalation": (
        ("to: [ravi], within: 4h, then: [asha]", "to: [ravi], within: 4h, then: [ashu]"),
        "departments.logistics.escalate.then.0",
        "ashu",
        "no person 'ashu'",
    ),
    "unknown rule": (
        (
            "exclude:      {act: 0.95, ask: 0.70, approvals: [large_change]}",
            "exclude: {act: 1, ask: 0, approvals: [big]}",
        ),
        f"{INTERVENTIONS}.exclude.approvals.0",
        "[big]",
        "no rule 'big'",
    ),
    "owner that is not a department": (
        ("owner: marketing", "owner: sales    "),
        f"loops.{LOOP}.owner",
        "owner: sales",
        "no department 'sales'",
    ),
    "stakeholder that is not a department": (
        ("stakeholders: [logistics]", "stakeholders: [finance]"),
        f"loops.{LOOP}.stakeholders.0",
        "[finance]",
        "no department 'finance'",
    ),
    "somebody unknown is told": (
        ("held: [asha, ravi]", "held: [asha, cfo]"),
        f"loops.{LOOP}.notify.held.1",
        "cfo",
        "no department or person 'cfo'",
    ),
    "head of an unknown department": (
        ("heads: logistics", "heads: logistic"),
        "people.ravi.heads",
        "heads: logistic}",
        "no department 'logistic'",
    ),
    "department without a head": (
        (", heads: logistics}", "}"),
        "departments.logistics",
        "  logistics:\n",
        "has no head",
    ),
    "department with two heads": (
        ("heads: logistics}", "heads: logistics}\n  uma: {name: Uma, email: u@x.example, heads: logistics}"),
        "people.uma.heads",
        "uma:",
        "already headed by 'ravi'",
    ),
    "act below ask": (
        ("{act: 0.95, ask: 0.70,", "{act: 0.60, ask: 0.70,"),
        f"{INTERVENTIONS}.exclude.ask",
        "{act: 0.60, ask: 0.70,",
        "ask 0.7 is above act 0.6",
    ),
    "an intervention that the signal type does not have": (
        ("exclude:      {", "delete: {"),
        f"{INTERVENTIONS}.delete",
        "delete:",
        "no intervention 'delete'",
    ),
    "unknown signal type": (
        ("signal: logistics.geo_risk/1", "signal: logistics.geo_risk/7"),
        f"loops.{LOOP}.signal",
        "geo_risk/7",
        "no signal type",
    ),
    "unknown time zone": (
        ("timezone: Asia/Kolkata", "timezone: Asia/Kalkota"),
        "timezone",
        "Kalkota",
        "time zone",
    ),
    "the machine's own time zone": (
        ("timezone: Asia/Kolkata", "timezone: localtime"),
        "timezone",
        "localtime",
        "time zone",
    ),
    "a kind of conflict twice": (
        ("precedence:\n", "precedence:\n  - {conflict: geography, order: [marketing, logistics]}\n"),
        "precedence.1.conflict",
        "order: [logistics, marketing]",
        "already has an order",
    ),
    "a kind of conflict that is not detected": (
        ("conflict: geography", "conflict: margin"),
        "precedence.0.conflict",
        "conflict: margin",
        "does not detect conflicts over 'margin'",
    ),
    "an order that names a department twice": (
        ("order: [logistics, marketing]", "order: [logistics, logistics]"),
        "precedence.0.order.1",
        "[logistics, logistics]",
        "named twice",
    ),
    "a protected path that would protect nothing": (
        ('protected: ["campaign/brand"]', 'protected: ["ads/campaign/brand"]'),
        "departments.marketing.strategy.protected.0",
        "ads/campaign/brand",
        "would protect nothing",
    ),
    "a limit that this version does not enforce": (
        ("    escalate: {to: [asha]", "    budget: {monthly: 500000 INR}\n    escalate: {to: [asha]"),
        "departments.marketing.budget",
        "budget: {",
        "this version does not enforce 'budget'. Remove it.",
    ),
    "a whole part that this version does not enforce": (
        ("company:", "review: {sample: 0.05}\ncompany:"),
        "review",
        "review:",
        "this version does not enforce 'review'. Remove it.",
    ),
    "a misspelt key": (
        ("respond_within:", "respond_in:"),
        f"loops.{LOOP}.respond_in",
        "respond_in",
        "this version does not enforce 'respond_in'",
    ),
    "a key twice": (
        ("company:", "company: Other\ncompany:"),
        "company",
        "company: Acme",
        "stands twice",
    ),
    "a rule over a fact that nobody declared": (
        ("daily_budget_share >", "daily_budget_shar >"),
        "rules.large_change.when",
        "daily_budget_shar ",
        "'daily_budget_shar', which nobody declared",
    ),
    "a rule that is not CEL": (
        ("daily_budget_share > 0.15", "daily_budget_share > 15%"),
        "rules.large_change.when",
        "15%",
        "not valid CEL",
    ),
    "a rule that asks only when a fact is there": (
        ("daily_budget_share > 0.15", "has(rate) && rate > 0.15"),
        "rules.large_change.when",
        "has(rate)",
        "nobody would be asked",
    ),
    "a rule that is neither true nor false": (
        ("daily_budget_share > 0.15", "daily_budget_share"),
        "rules.large_change.when",
        'when: "daily_budget_share"',
        "neither true nor false",
    ),
    "all and any at once": (
        ("from: {all: [asha, ravi]}", "from: {all: [asha], any: [ravi]}"),
        "rules.large_change.from",
        "any: [ravi]",
        "either 'all' or 'any'",
    ),
    "nobody is asked": (
        ("from: {all: [asha, ravi]}", "from: {any: []}"),
        "rules.large_change.from",
        "any: []",
        "nobody is asked",
    ),
    "one name where a list is needed": (
        ("{to: [ravi],", "{to: ravi,"),
        "departments.logistics.escalate.to",
        "{to: ravi,",
        "expected a list",
    ),
    "a confidence above one": (
        ("act: 0.95", "act: 95"),
        f"{INTERVENTIONS}.exclude.act",
        "act: 95",
        "expected a number from 0 to 1, such as 0.85, got '95'.",
    ),
    "a confidence that is no number": (
        ("act: 0.95", "act: nan"),
        f"{INTERVENTIONS}.exclude.act",
        "act: nan",
        "",
    ),
    "money without a currency": (
        ("spend_floor: 1000 INR", "spend_floor: 1000    "),
        "departments.marketing.strategy.spend_floor",
        "spend_floor",
        "amount with its currency",
    ),
    "a duration without a unit": (
        ("respond_within: 24h", "respond_within: 24"),
        f"loops.{LOOP}.respond_within",
        "respond_within",
        "a duration such as",
    ),
    "a stage that does not exist": (
        ("stage: autonomous\n    respond", "stage: auto\n    respond"),
        f"loops.{LOOP}.stage",
        "stage: auto\n",
        "'shadow', 'supervised' or 'autonomous'",
    ),
    "a name in capitals": (
        ("  logistics:\n", "  Logistics:\n"),
        "departments.Logistics",
        "  Logistics:",
        "expected a text of the form ^[a-z][a-z0-9_-]*$, got 'Logistics'.",
    ),
    "a pattern that is none": (
        ('owns: ["wms/**"]', 'owns: ["wms/*x"]'),
        "departments.logistics.owns.0",
        "wms/*x",
        "resource pattern",
    ),
    "a field left empty": (
        ("owner: marketing ", "owner:           "),
        f"loops.{LOOP}.owner",
        "owner:  ",
        "expected a text, got nothing",
    ),
    "an amount without its currency": (
        ("spend_floor: 1000 INR", "spend_floor: 500"),
        "departments.marketing.strategy.spend_floor",
        "spend_floor: 500",
        "expected an amount with its currency, such as 20000 INR, got '500'. Correct",
    ),
    "an empty list": (
        ("escalate: {to: [asha]", "escalate: {to: []"),
        "departments.marketing.escalate.to",
        "to: []",
        "expected a list of at least 1.",
    ),
    "an empty text": (
        ("name: Asha Rao", "name: ''"),
        "people.asha.name",
        "name: ''",
        "expected a text that is not empty, got ''.",
    ),
    "a range of one number": (
        ("    adjustable:\n", "    adjustable:\n      extra: [0.1]\n"),
        f"loops.{LOOP}.adjustable.extra",
        "extra:",
        "expected two numbers, the least and the most, or a list of words",
    ),
    "a range of a number and a word": (
        ("    adjustable:\n", "    adjustable:\n      extra: [0.1, high]\n"),
        f"loops.{LOOP}.adjustable.extra",
        "extra:",
        "expected two numbers",
    ),
    "a range upside down": (
        ("    adjustable:\n", "    adjustable:\n      extra: [0.35, 0.08]\n"),
        f"loops.{LOOP}.adjustable.extra",
        "extra:",
        "the least, 0.35, is above the most, 0.08",
    ),
    "a number written with an exponent": (
        ("    adjustable:\n", "    adjustable:\n      extra: [1e-9, 0.08]\n"),
        f"loops.{LOOP}.adjustable.extra",
        "extra:",
        "expected two numbers",
    ),
    "a choice of the same word": (
        ("    adjustable:\n", "    adjustable:\n      extra: [rto, rto]\n"),
        f"loops.{LOOP}.adjustable.extra",
        "extra:",
        "a word is named twice",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_line_and_field(name: str) -> None:
    change, field, piece, words = MISTAKES[name]
    error = mistake(change)
    assert error.where.field == field
    assert error.where.line == line_of(piece, change)
    assert words in str(error)
    assert str(error).startswith(f"governance.yaml:{error.where.line}, field {field}: ")
    assert error.next_step
    assert error.exit_code == 2


def test_a_text_that_cannot_be_recorded_is_refused() -> None:
    assert "U+0000" in str(mistake(("company: Acme D2C", 'company: "Acme\\0D2C"')))


@pytest.mark.parametrize("part", ["people", "departments"])
def test_a_company_of_nobody_is_refused(part: str) -> None:
    text = "governance: 1\ncompany: X\ntimezone: Asia/Kolkata\npeople: {}\ndepartments: {}\n"
    one = {"people": "{a: {name: A, email: a@x.example}}", "departments": "{d: {stage: shadow}}"}
    for other in one.keys() - {part}:
        text = text.replace(f"{other}: {{}}", f"{other}: {one[other]}")
    with pytest.raises(GovernanceDocumentError, match=f"field {part}: at least one is needed"):
        parse_policy(text, file=Path("governance.yaml"), catalogue=CATALOGUE)


def test_every_mistake_of_a_document_can_be_listed() -> None:
    document = policy().document
    loop = document.loops[LOOP].model_copy(update={"signal": "x.y/1"})
    order = document.precedence[0].model_copy(update={"order": ("finance", "marketing")})
    spoilt = document.model_copy(update={"loops": {LOOP: loop}, "precedence": (order,)})
    rule = compile_rule("large_change", "weather == 'hot'")
    found = [one.path for one in mistakes(spoilt, {"large_change": rule}, CATALOGUE)]
    assert found == [
        ("loops", LOOP, "signal"),
        ("rules", "large_change", "when"),
        ("precedence", 0, "order", 0),
    ]


def test_a_rule_that_nobody_uses_yet_may_name_the_facts_of_any_type() -> None:
    unused = ("rules:\n", 'rules:\n  later: {when: "rate > 0.5", from: {any: [asha]}, within: 1h}\n')
    assert policy(unused).rules["later"].operands == ("rate",)
    assert "nobody declared" in str(mistake((unused[0], unused[1].replace("rate", "rote"))))


def test_a_document_without_loops_loads_and_permits_nothing() -> None:
    text = demo_text()
    bare = text[: text.index("loops:")]
    loaded = parse_policy(bare, file=Path("governance.yaml"), catalogue=CATALOGUE)
    assert loaded.permitted == {}
