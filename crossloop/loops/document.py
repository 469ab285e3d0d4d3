"""What a governance document names has to be something that the company has. Pure, no I/O.

Rules:

1. Every loop of the document is one of the company's loops, or one that a handler of one of its departments
   answers in. A misspelt name would leave the real loop to nobody.
2. Every boundary begins with the name of one of the company's systems, or with a wildcard. A department that
   owns nothing that is there may do nothing.

Only a document that is given is held against them. One that a store keeps was, when it was given; the store
may be looked at with less than the company that it belongs to.
"""

from __future__ import annotations

from collections.abc import Collection

from crossloop.coordinator import Company
from crossloop.errors import GovernanceDocumentError
from crossloop.governance import Policy
from crossloop.loops.spelling import nearest


def check_names(policy: Policy, company: Company) -> None:
    """Refuse a document that names a loop or a system which the company does not have.

    Raises:
        GovernanceDocumentError: the first such name, with its place and the nearest one that there is.
    """
    answered = (one.loop for department in company.departments.values() for one in department.handlers)
    loops = {*company.loops, *answered}
    for name in policy.document.loops:
        if name not in loops:
            raise _unknown(policy, f"the company has no loop '{name}'.", name, loops, "loops", name)
    for name, department in policy.document.departments.items():
        for index, pattern in enumerate(department.owns):
            system = pattern.split("/")[0]
            if system not in {*company.adapters, "*", "**"}:
                says = f"'{pattern}' owns nothing: the company has no system '{system}'."
                path = ("departments", name, "owns", index)
                raise _unknown(policy, says, system, company.adapters, *path)


def _unknown(
    policy: Policy, says: str, name: str, known: Collection[str], *path: str | int
) -> GovernanceDocumentError:
    return GovernanceDocumentError(says, where=policy.where(*path), next_step=nearest(name, sorted(known)))
