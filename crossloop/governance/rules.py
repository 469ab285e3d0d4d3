"""Approval rules: conditions in CEL (https://cel.dev), compiled once, closed on every doubt.

Rules of the language:

1. A condition compares, counts and combines declared facts; it calls no function and looks into nothing.
2. ``has(x) && …`` is refused: a fact that is absent would then mean "nobody has to be asked".
3. Every fact a condition names must be there with its declared type, even where a short circuit would
   not look at it. CEL itself answers ``false`` to ``nan == 0.1`` and to a text compared with a number.
4. A text is compared with a value that the fact can have: a misspelt intervention would never match.
5. A number is compared with one inside of the fact's range, and not so that no value of the range could ever
   be beyond it: ``daily_budget_share > 10``, which meant 10 %, would ask nobody.
6. An evaluation error, or an answer that is not a boolean, is a refusal that names the rule.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final

import cel

from crossloop.governance.facts import Fact, FactValue

_OPERATORS: Final = frozenset(
    "_&&_ _||_ !_ _==_ _!=_ _<_ _<=_ _>_ _>=_ @in _?_:_ _+_ _-_ _*_ _/_ -_".split()  # noqa: SIM905
)
_TOKEN: Final = re.compile(
    r"""(?P<comment>//[^\n]*)|(?P<text>[rRbB]{0,2}(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'))"""
    r"""|(?P<name>[A-Za-z_]\w*)|(?P<number>(?:\d[\w.]*|\.\d\w*))|(?P<sign>==|!=|<=|>=|&&|\|\||[^\s])"""
)
# What the evaluator raises for a wrong operand, an overflow, a division by zero or an unknown name.
_CEL_ERRORS: Final = (TypeError, ValueError, RuntimeError, ArithmeticError, LookupError, AttributeError)
_BOUNDARIES: Final = frozenset(["(", ")", "&&", "||", "!", "?", ":"])
"""What may stand beside a comparison so that its operands are what stands next to its sign."""

_TURNED: Final = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
"""Each comparison, and the same with its operands exchanged."""

_WORDS: Final = frozenset({"true", "false", "in"})


class RuleMistake(ValueError):
    """A condition cannot be used; says why and what to write instead."""

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step


class RuleFailed(Exception):
    """A condition could not be answered for one proposal: that is a refusal."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One compiled condition."""

    name: str
    source: str
    operands: tuple[str, ...]
    """Facts it names."""

    _program: cel.Program = field(repr=False, compare=False)

    def asks(self, facts: Mapping[str, FactValue]) -> bool:
        """Return whether people have to be asked.

        Raises:
            RuleFailed: a fact is missing, or the condition has no boolean answer.
        """
        missing = [name for name in self.operands if name not in facts]
        if missing:
            raise RuleFailed(f"it needs {', '.join(missing)}, which is missing or not of its declared type")
        try:
            # Only the named facts: handing over twenty costs eight times as much as handing over one.
            answer: object = self._program.execute({name: facts[name] for name in self.operands})
        except _CEL_ERRORS as wrong:
            raise RuleFailed(_evaluator_says(wrong)) from wrong
        if not isinstance(answer, bool):
            raise RuleFailed(f"its answer is {answer!r}, neither true nor false")
        return answer


def compile_rule(name: str, source: str) -> Rule:
    """Compile a condition once.

    Raises:
        RuleMistake: it is not CEL, or uses more of CEL than rules may.
    """
    _refuse_foreign(source)
    try:
        program = cel.compile(source)
    except _CEL_ERRORS as wrong:
        raise RuleMistake(
            f"the condition is not valid CEL: {_parser_says(wrong)}.",
            next_step="Write a comparison such as: daily_budget_share > 0.15",
        ) from wrong
    foreign = sorted(set(program.functions()) - _OPERATORS)
    if foreign:
        raise RuleMistake(
            f"a condition may not use {', '.join(foreign)}.",
            next_step="Compare facts with ==, !=, <, <=, >, >=, in; combine them with &&, || and !.",
        )
    return Rule(name=name, source=source, operands=tuple(program.variables()), _program=program)


def check_rule(rule: Rule, declared: Mapping[str, Fact]) -> None:
    """Refuse a condition that could not be answered with these facts.

    Raises:
        RuleMistake: it names an undeclared fact, compares a fact with a value it cannot have, or has no
            boolean answer.
    """
    for name in rule.operands:
        if name not in declared:
            raise RuleMistake(
                f"the condition names '{name}', which nobody declared as a fact.",
                next_step=f"Declared facts: {', '.join(sorted(declared))}.",
            )
    _check_literals(rule.source, declared)
    _check_ranges(rule.source, declared)
    for sample in range(2):
        facts = {name: _example(declared[name], at, sample) for at, name in enumerate(rule.operands)}
        try:
            rule.asks(facts)
        except RuleFailed as wrong:
            raise RuleMistake(
                f"the condition has no answer for ordinary facts: {wrong}.",
                next_step="It must be true or false. Facts are decimal numbers: compute with 2.0, not 2.",
            ) from wrong


def _example(fact: Fact, at: int, sample: int) -> FactValue:
    # Numbers that differ, so that no difference or quotient of two facts is zero by accident. Their ranges do
    # not matter: what is asked is whether there is an answer.
    if fact.type == "number":
        return 1.0 / (at + 2) if sample == 0 else 1000.0 * (at + 1)
    if fact.type == "flag":
        return sample == 1
    return fact.values[sample % len(fact.values)] if fact.values else "text"


def _tokens(source: str) -> list[tuple[str, str]]:
    found = ((match.lastgroup or "", match.group()) for match in _TOKEN.finditer(source))
    return [token for token in found if token[0] != "comment"]


def _refuse_foreign(source: str) -> None:
    tokens = _tokens(source)
    for at, (kind, text) in enumerate(tokens):
        if kind == "name" and text == "has" and tokens[at + 1 : at + 2] == [("sign", "(")]:
            raise RuleMistake(
                "has() is not allowed in a condition: where the fact is absent, nobody would be asked.",
                next_step="Name the fact alone; a proposal that does not state it is refused by this rule.",
            )
        if (kind, text) in (("name", "null"), ("sign", "."), ("sign", "[")) and not _is_list(tokens, at):
            raise RuleMistake(
                f"'{text}' is not allowed in a condition: facts are flat, and one that is absent refuses.",
                next_step="Name a fact and compare it with a value.",
            )


def _is_list(tokens: list[tuple[str, str]], at: int) -> bool:
    """True for the bracket that opens the list after ``in``."""
    return tokens[at] == ("sign", "[") and at > 0 and tokens[at - 1] == ("name", "in")


def _check_literals(source: str, declared: Mapping[str, Fact]) -> None:
    tokens = _tokens(source)
    for at, (kind, text) in enumerate(tokens):
        if kind != "name" or text in _WORDS:
            continue
        fact = declared.get(text)
        if fact is None:  # the tokens above and the parser of CEL read the text differently
            raise RuleMistake("the condition is written in a way that cannot be checked: use plain quotes.")
        after, before = tokens[at + 1 : at + 2], tokens[max(at - 1, 0) : at]
        equality = ([("sign", "==")], [("sign", "!=")])
        if after in equality:
            _check_literal(fact, tokens[at + 2], declared)
        if before in equality:
            _check_literal(fact, tokens[at - 2], declared)
        if after == [("name", "in")] and tokens[at + 2] == ("sign", "["):
            for token in takewhile(lambda one: one != ("sign", "]"), tokens[at + 3 :]):
                _check_literal(fact, token, declared)


def _check_literal(fact: Fact, token: tuple[str, str], declared: Mapping[str, Fact]) -> None:
    """Compare the type and value of what stands on the other side of an equality with the fact's."""
    kind, text = token
    got: str | None = {"text": "text", "number": "number"}.get(kind)
    if kind == "name":
        got = "flag" if text in ("true", "false") else declared[text].type if text in declared else None
    if got is not None and got != fact.type:
        raise RuleMistake(
            f"'{fact.name}' is a {fact.type} and is compared with the {got} {text}, which is never equal."
        )
    value = text.lstrip("rRbB")[1:-1] if kind == "text" else ""
    if kind == "text" and fact.values and value not in fact.values:
        raise RuleMistake(
            f"'{fact.name}' can never be '{value}'.", next_step=f"It can be: {', '.join(fact.values)}."
        )


def _check_ranges(source: str, declared: Mapping[str, Fact]) -> None:
    """Hold every number that a fact alone is compared with against the fact's range."""
    tokens = _atoms(_tokens(source))

    def alone(at: int) -> bool:
        return not 0 <= at < len(tokens) or tokens[at][1] in _BOUNDARIES

    for at, (_, sign) in enumerate(tokens):
        if sign == "in" and tokens[at + 1 : at + 2] == [("sign", "[")]:
            members = takewhile(lambda one: one != ("sign", "]"), tokens[at + 2 :])
            for member in members:
                _check_number(declared, tokens[at - 1], "==", member)
        elif sign in _TURNED and alone(at - 2) and alone(at + 2):
            _check_number(declared, tokens[at - 1], sign, tokens[at + 1])
            _check_number(declared, tokens[at + 1], _TURNED[sign], tokens[at - 1])


def _atoms(tokens: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The same with every negative number as one token, and without brackets around a single token."""
    found: list[tuple[str, str]] = []
    for kind, text in tokens:
        before = found[-2] if len(found) > 1 else ("sign", "(")
        minus = found[-1:] == [("sign", "-")] and before[0] == "sign" and before[1] not in (")", "]")
        if kind == "number" and minus:
            found[-1] = (kind, f"-{text}")
        elif text == ")" and len(found) > 1 and found[-2] == ("sign", "(") and found[-1][0] != "sign":
            del found[-2]
        else:
            found.append((kind, text))
    return found


def _check_number(
    declared: Mapping[str, Fact], named: tuple[str, str], sign: str, other: tuple[str, str]
) -> None:
    fact = declared.get(named[1]) if named[0] == "name" else None
    value = _value(other[1]) if other[0] == "number" else None
    if fact is None or fact.type != "number" or value is None:
        return
    never = (sign == ">" and value >= fact.high) or (sign == "<" and value <= fact.low)
    if fact.low <= value <= fact.high and not never:
        return
    reach = f"at least {fact.low:g}" if fact.high == math.inf else f"from {fact.low:g} to {fact.high:g}"
    if fact.high == 1 and 1 <= value <= 100:
        fraction = f"{value / 100:.2f}" if value.is_integer() else f"{value / 100:g}"
        step = f"Write {fraction} for {value:g} %."
    else:
        step = f"Compare it with a number that it can be, {reach}."
    raise RuleMistake(
        f"'{fact.name}' is {reach} and is compared with {other[1]} ({sign}), which says the same of every "
        "value it can have.",
        next_step=step,
    )


def _value(number: str) -> float | None:
    """The value of a number as CEL writes it; None where it is written so that this does not matter."""
    try:
        return float(number.rstrip("uU"))
    except ValueError:
        return None


def _parser_says(error: Exception) -> str:
    """The first complaint of the parser, with line and column, without its list of tokens."""
    match = re.search(r"ERROR: <input>:(\d+:\d+): ([^{\n]*)", str(error))
    return f"at {match[1]}, {match[2].strip().removesuffix(' expecting')}" if match else "it cannot be parsed"


def _evaluator_says(error: Exception) -> str:
    if isinstance(error, ZeroDivisionError):
        return "it divides by zero"
    if isinstance(error, OverflowError):
        return "its numbers are too large"
    return "its operands do not fit together"
