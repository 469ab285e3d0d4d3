"""The ready-made company: departments, loops, systems and vocabulary, wired together."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

from crossloop.adapters.embedded import EmbeddedCompany
from crossloop.clock import Clock, SystemClock
from crossloop.coordinator import Company, Coordinator
from crossloop.coordinator.settings import check_document
from crossloop.departments import Department
from crossloop.departments.marketing import marketing
from crossloop.errors import InputError
from crossloop.governance import Policy, load_policy
from crossloop.loops import DEFAULT_STORE
from crossloop.loops.document import check_names
from crossloop.loops.logistics_to_marketing.loop import LogisticsToMarketing
from crossloop.signals import Catalogue
from crossloop.signals.entities import Campaign, Restriction
from crossloop.signals.types import SIGNAL_EXPIRED
from crossloop.store import Store, path_of, policies
from crossloop.store.ledger.entries import understood

READY_LOOPS: Final = (LogisticsToMarketing,)
"""Every ready-made loop; each brings the signal types that it publishes. The departments that speak and
answer, and how they come to see what they read, stand in :func:`ready_company`."""

EMBEDDED_GOVERNANCE = Path(__file__).with_name("governance.yaml")


def ready_catalogue() -> Catalogue:
    """Return the signal types of the ready-made loops, and those that crossloop itself publishes."""
    return Catalogue(dict.fromkeys(known for one in READY_LOOPS for known in one.types)).including(
        SIGNAL_EXPIRED
    )


def ready_company(store: str = DEFAULT_STORE) -> Company:
    """Return the ready-made departments and loops over the embedded company's systems.

    Args:
        store: URL of the store beside which the systems have their file; it is made when it is first used.

    Raises:
        InputError: the URL names no file, or that of the systems cannot be used; nothing was written.
    """
    systems = EmbeddedCompany.open(_beside(store, "company"))
    logistics = Department(LogisticsToMarketing.source, emits=LogisticsToMarketing.signal_types)
    return Company(
        catalogue=ready_catalogue(),
        departments={one.name: one for one in (logistics, marketing())},
        loops={one.name: one for one in (make(systems) for make in READY_LOOPS)},
        adapters={one.system: one for one in (systems.ads, systems.crm, systems.erp, systems.wms)},
        readers={Campaign: systems.ads.campaigns, Restriction: systems.ads.restrictions},
        close=systems.close,
    )


def open_company(
    store: str = DEFAULT_STORE,
    *,
    company: Company | None = None,
    governance: str | Path | None = None,
    clock: Clock | None = None,
    create: bool = True,
) -> Coordinator:
    """Open a company on a store.

    The rules in force are, in this order: ``governance``; the document the store holds; ``governance.yaml``
    in the working directory; the embedded document in shadow, under which nothing is ever executed. That
    one is for the ready-made loops: a company without them needs a document of its own.

    Args:
        store: URL of the store; approval threads and the ready-made systems live in files beside it. Where
            there is none it is created with the first thing that is written.
        company: departments, loops and systems; the ready-made ones when None. Closed with the
            coordinator, or when opening it fails.
        governance: path of a governance document; it is put in force with the first thing that is admitted.
        create: whether a store that is not there may be created.

    Raises:
        InputError: the store or the document cannot be used, or there is none; nothing was written.
    """
    time = clock or SystemClock()
    with ExitStack() as undo:
        ready = ready_company(store) if company is None else company
        undo.callback(ready.close)
        chosen = None if governance is None else _given(Path(governance), ready)
        there = _open(store, time, create=create)
        if there is not None:
            undo.callback(there.close)
        policy = chosen or _policy_of(there, ready)
        check_document(policy, ready.loops.values())
        opened = Coordinator(
            there or partial(Store.open, store, clock=time),
            ready,
            policy,
            threads=_beside(store, "threads"),
            clock=time,
        )
        undo.pop_all()  # closed with the coordinator from here on
        return opened


def _open(store: str, clock: Clock, *, create: bool) -> Store | None:
    """Open a store that is there; None where it may be created later."""
    file = path_of(store)
    if create and not file.exists():
        return None
    return Store.open(store, clock=clock, create=create)


def _given(file: Path, company: Company) -> Policy:
    policy = load_policy(file, catalogue=company.catalogue)
    check_names(policy, company)
    return policy


def _policy_of(store: Store | None, company: Company) -> Policy:
    kept = None if store is None else store.read(policies.present)
    # The embedded document in shadow never outranks the company's own.
    if kept is not None and kept.digest != _embedded(ready_catalogue()).digest:
        with understood(kept.entry, policies.ADOPTED):
            return Policy.from_body(kept.body, company.catalogue)
    local = Path("governance.yaml")
    if local.exists():
        return _given(local, company)
    if any(one.name not in company.catalogue for one in ready_catalogue()):
        raise InputError(
            "there are no rules for this company yet: the embedded ones are those of the ready-made loops.",
            next_step="Hand its document over (governance=…), or lay it as governance.yaml into the "
            "working directory.",
        )
    return _embedded(company.catalogue)


def _embedded(catalogue: Catalogue) -> Policy:
    return load_policy(EMBEDDED_GOVERNANCE, catalogue=catalogue).in_shadow()


def _beside(store: str, name: str) -> Path:
    file = path_of(store)
    return file.with_name(f"{file.stem}-{name}.db")
