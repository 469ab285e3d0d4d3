"""Everything of a run that can be wrong, looked at before anything is created or changed.

Rules:

1. The rules in force are read first, then the loop's name, then the settings, then the inputs.
2. What was read is handed on, so that a large file is read once.
3. Nothing is written: the store is opened for reading if it exists, and the embedded company that the loop
   wants to be built with is one that is thrown away.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from crossloop.adapters.embedded import EmbeddedCompany
from crossloop.coordinator import Inputs, loop_settings
from crossloop.loops.logistics_to_marketing.loop import LogisticsToMarketing
from crossloop.loops.ready import policy_in_force, ready_company


def checked(
    loop: str,
    inputs: Inputs,
    *,
    as_of: date | None,
    chosen: Mapping[str, str],
    store: str,
    governance: Path | None,
) -> Inputs:
    """Return the inputs of a run, read and found good.

    Raises:
        InputError: the first thing that is wrong; nothing was written.
    """
    policy = policy_in_force(store, governance)
    with (
        TemporaryDirectory(prefix="crossloop-check-") as folder,
        EmbeddedCompany.open(Path(folder) / "company.db") as company,
    ):
        found = ready_company(company).loop(loop)
        settings = loop_settings(policy, found, chosen)
        if isinstance(found, LogisticsToMarketing):
            return found.prepare(inputs, as_of=as_of, settings=settings)
    return inputs
