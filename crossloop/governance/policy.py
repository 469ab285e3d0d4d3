"""The policy: a checked governance document with its rules compiled and its digest taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import cast

from pydantic import ValidationError

from crossloop import strict_yaml
from crossloop.canonical import JSON, digest
from crossloop.errors import GovernanceDocumentError, Where
from crossloop.governance.consistency import facts_of, mistakes, types_of
from crossloop.governance.document import STAGES, Document, Loop, Stage, resolved, unresolved
from crossloop.governance.facts import Fact
from crossloop.governance.patterns import Pattern
from crossloop.governance.rules import Rule, RuleMistake, compile_rule
from crossloop.signals import Catalogue


@dataclass(frozen=True, slots=True)
class Asking:
    """A group of people who are asked, all of them or any one, and how long they have."""

    people: tuple[str, ...]
    every: bool
    """True when each of them has to approve."""

    within: timedelta


@dataclass(frozen=True, slots=True)
class Policy:
    """What is in force. Build it with :func:`load_policy`, :func:`parse_policy` or :meth:`from_body`."""

    document: Document
    digest: str
    """64 hexadecimal characters over the resolved document and over :attr:`shadow_only`."""

    text: str = field(repr=False)
    """The text as it was written, comments included."""

    file: Path
    rules: Mapping[str, Rule] = field(repr=False)
    """Compiled conditions by name."""

    declared: Mapping[str, Mapping[str, Fact]] = field(repr=False)
    """Facts that rules may name, by loop."""

    permitted: Mapping[str, Mapping[str, frozenset[str]]] = field(repr=False)
    """By loop and signal type: the interventions that both the document and the type know."""

    boundaries: Mapping[str, tuple[Pattern, ...]] = field(repr=False)
    """What each department owns."""

    shadow_only: bool = False
    """True when no stage is above shadow, whatever the document says."""

    def in_shadow(self) -> Policy:
        """The same policy with every effective stage at most shadow, under a digest of its own."""
        if self.shadow_only:
            return self
        return replace(self, digest=_digest(resolved(self.document), True), shadow_only=True)

    def stage(self, department: str, loop: str) -> Stage:
        """The effective stage: the least of department, loop and, in shadow, shadow."""
        if self.shadow_only:
            return "shadow"
        entries = (self.document.departments[department].stage, self.document.loops[loop].stage)
        return min(entries, key=STAGES.index)

    def where(self, *path: str | int) -> Where:
        """The place in the document's text that a message names."""
        return strict_yaml.loads(self.text, file=self.file, error=GovernanceDocumentError).where(path)

    def head(self, department: str) -> str:
        """The person who heads a department."""
        return next(name for name, person in self.document.people.items() if person.heads == department)

    def answerable(self, department: str) -> tuple[str, ...]:
        """Who looks into what went wrong with something that a department did or said: those to whom it
        escalates, else its head; every head where the document knows neither."""
        declared = self.document.departments.get(department)
        if declared is not None and declared.escalate is not None:
            return declared.escalate.to
        return self.heads_of(department) or tuple(
            name for name, person in self.document.people.items() if person.heads is not None
        )

    def heads_of(self, department: str) -> tuple[str, ...]:
        """Who heads a department; nobody where the document does not know it."""
        return tuple(name for name, person in self.document.people.items() if person.heads == department)

    def asking_head(self, loop: Loop) -> Asking:
        """Ask the head of the loop's owner, within the loop's time."""
        return Asking((self.head(loop.owner),), every=True, within=loop.respond_within)

    def asking_chain(self, loop: Loop) -> Asking:
        """Ask the first link of the owner's escalation chain; its head where none is declared."""
        chain = self.document.departments[loop.owner].escalate
        return Asking(chain.to, every=False, within=chain.within) if chain else self.asking_head(loop)

    def as_body(self) -> dict[str, JSON]:
        """Canonical JSON to keep in the store, so that decisions can be replayed under this policy."""
        return {
            "digest": self.digest,
            "document": resolved(self.document),
            "file": self.file.name,  # no directories: the same document gives the same body everywhere
            "shadow_only": self.shadow_only,
            "text": self.text,
        }

    @classmethod
    def from_body(cls, body: Mapping[str, JSON], catalogue: Catalogue) -> Policy:
        """Read a policy back from the store.

        Raises:
            GovernanceDocumentError: the body is not what :meth:`as_body` gives, its digest does not fit,
                or the catalogue no longer has what it names.
        """
        broken = "the stored governance document cannot be used: "
        try:
            kept = cast("dict[str, JSON]", body["document"])
            shadow_only = body["shadow_only"] is True
            document = Document.model_validate(unresolved(kept))
            expected, text, file = str(body["digest"]), str(body["text"]), Path(str(body["file"]))
            rules = {name: compile_rule(name, rule.when) for name, rule in document.rules.items()}
        except (KeyError, TypeError, AttributeError, ValidationError, RuleMistake) as wrong:
            raise GovernanceDocumentError(f"{broken}{wrong}") from wrong
        found = _digest(kept, shadow_only)
        if found != expected:
            raise GovernanceDocumentError(f"{broken}its digest is {found}, expected {expected}.")
        for mistake in mistakes(document, rules, catalogue):
            raise GovernanceDocumentError(f"{broken}{mistake.message}", next_step=mistake.next_step)
        return replace(
            assemble(document, rules, text, file, catalogue), digest=found, shadow_only=shadow_only
        )


def assemble(
    document: Document, rules: Mapping[str, Rule], text: str, file: Path, catalogue: Catalogue
) -> Policy:
    """Build the policy of a document that was checked."""
    declared: dict[str, Mapping[str, Fact]] = {}
    permitted: dict[str, Mapping[str, frozenset[str]]] = {}
    for name, loop in document.loops.items():
        types = types_of(loop, catalogue)
        declared[name] = MappingProxyType(facts_of(document, types))
        permitted[name] = MappingProxyType(
            {
                kind.name: frozenset(one.name for one in kind.interventions) & loop.interventions.keys()
                for kind in types
            }
        )
    boundaries = {
        name: tuple(Pattern.of(pattern) for pattern in department.owns)
        for name, department in document.departments.items()
    }
    return Policy(
        document=document,
        digest=_digest(resolved(document), False),
        text=text,
        file=file,
        rules=MappingProxyType(dict(rules)),
        declared=MappingProxyType(declared),
        permitted=MappingProxyType(permitted),
        boundaries=MappingProxyType(boundaries),
    )


def _digest(document: dict[str, JSON], shadow_only: bool) -> str:
    return digest({"document": document, "shadow_only": shadow_only})
