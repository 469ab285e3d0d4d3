"""Reading a governance document: strict YAML, typed fields, consistency; one clear message per mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NoReturn

from pydantic import ValidationError

from crossloop import strict_yaml
from crossloop.canonical import NotCanonical
from crossloop.errors import GovernanceDocumentError
from crossloop.governance.consistency import mistakes
from crossloop.governance.document import Document
from crossloop.governance.policy import Policy, assemble
from crossloop.governance.rules import Rule, RuleMistake, compile_rule
from crossloop.signals import Catalogue

_EXPECTED: Final = {
    "missing": "this field is missing",
    "tuple_type": "expected a list such as [a, b]",
    "dict_type": "expected a mapping of names to values",
    "model_type": "expected a mapping with fields",
    "model_attributes_type": "expected a mapping with fields",
    "string_type": "expected a text",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "less_than_equal": "expected at most {le:g}",
    "greater_than_equal": "expected at least {ge:g}",
    "literal_error": "expected {expected}",
    "string_pattern_mismatch": "expected a text of the form {pattern}",
    "string_too_short": "expected a text that is not empty",
    "string_too_long": "expected at most {max_length} characters",
    "too_short": "expected a list of at least {min_length}",
}
"""Plain words for what pydantic says in its own; in braces what it knows about the mistake."""


def load_policy(file: Path, *, catalogue: Catalogue) -> Policy:
    """Read a governance document from a file.

    Raises:
        GovernanceDocumentError: the file cannot be read, is malformed, or contradicts itself; the message
            names file, line, field and the next step.
    """
    return _policy(strict_yaml.load(file, error=GovernanceDocumentError), catalogue)


def parse_policy(text: str, *, file: Path, catalogue: Catalogue) -> Policy:
    """Read a governance document from text; ``file`` is only used in messages.

    Raises:
        GovernanceDocumentError: as :func:`load_policy`.
    """
    return _policy(strict_yaml.loads(text, file=file, error=GovernanceDocumentError), catalogue)


def _policy(located: strict_yaml.Located, catalogue: Catalogue) -> Policy:
    document = _document(located)
    rules = _compiled(located, document)
    for mistake in mistakes(document, rules, catalogue):
        raise GovernanceDocumentError(
            mistake.message, where=located.where(mistake.path), next_step=mistake.next_step
        )
    try:
        return assemble(document, rules, located.text, located.file, catalogue)
    except NotCanonical as wrong:  # an escape in quotes can write what no text may contain
        raise GovernanceDocumentError(
            f"it cannot be recorded: {wrong}.",
            where=located.where(()),
            next_step="Remove the escape sequence.",
        ) from None


def _document(located: strict_yaml.Located) -> Document:
    try:
        return Document.model_validate(located.value)
    except ValidationError as wrong:
        _raise_first(located, wrong)


def _raise_first(located: strict_yaml.Located, wrong: ValidationError) -> NoReturn:
    errors: list[Any] = list(wrong.errors(include_url=False))
    # A misspelt key is missing under one name and unknown under the other: the second says more.
    first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    path = tuple(part for part in first["loc"] if part != "[key]")
    more = f" {len(errors) - 1} more after this one." if len(errors) > 1 else ""
    where = located.where(path)
    if first["type"] == "extra_forbidden":
        key = path[-1]
        raise GovernanceDocumentError(
            f"this version does not enforce '{key}'.{more}", where=where, next_step="Remove it."
        ) from None
    raise GovernanceDocumentError(
        f"{_sentence(first)}.{more}", where=where, next_step="Correct this field."
    ) from None


def _sentence(wrong: Any) -> str:
    """What was expected against what was got."""
    ours = wrong["msg"].removeprefix("Value error, ")
    words = _EXPECTED.get(wrong["type"])
    message = ours if words is None else words.format(**wrong.get("ctx", {}))
    got = wrong["input"]
    if ", got " in message:  # a validator that says it itself
        return message
    return message + (f", got {got!r}" if isinstance(got, str) else ", got nothing" if got is None else "")


def _compiled(located: strict_yaml.Located, document: Document) -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    for name, entry in document.rules.items():
        try:
            rules[name] = compile_rule(name, entry.when)
        except RuleMistake as wrong:
            raise GovernanceDocumentError(
                wrong.message, where=located.where(("rules", name, "when")), next_step=wrong.next_step
            ) from None
    return rules
