"""The ready-made company: departments, loops, systems and vocabulary, wired together."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from crossloop.adapters.embedded import EmbeddedCompany
from crossloop.clock import Clock, SystemClock
from crossloop.coordinator import Company, Coordinator
from crossloop.departments import Department
from crossloop.departments.marketing import marketing
from crossloop.errors import StoreNotUsable
from crossloop.governance import Policy, load_policy
from crossloop.ids import DepartmentName
from crossloop.loops.logistics_to_marketing.loop import LogisticsToMarketing
from crossloop.loops.logistics_to_marketing.names import LOGISTICS
from crossloop.signals import Catalogue
from crossloop.signals.entities import Campaign, Restriction
from crossloop.signals.types import GEO_RISK, GEO_RISK_CLEARED
from crossloop.store import Store, policies

READY_LOOPS = (LogisticsToMarketing,)
DEFAULT_STORE = "sqlite:///crossloop.db"
EMBEDDED_GOVERNANCE = Path(__file__).with_name("governance.yaml")


def ready_catalogue() -> Catalogue:
    """Return the signal types of the ready-made loops."""
    return Catalogue((GEO_RISK, GEO_RISK_CLEARED))


def ready_company(systems: EmbeddedCompany) -> Company:
    """Return the ready-made departments and loops over the embedded company's systems."""
    logistics = Department(DepartmentName(LOGISTICS), emits=(GEO_RISK.name, GEO_RISK_CLEARED.name))
    departments = {one.name: one for one in (logistics, marketing())}
    loop = LogisticsToMarketing(systems)
    return Company(
        catalogue=ready_catalogue(),
        departments=departments,
        loops={loop.name: loop},
        adapters={one.system: one for one in (systems.ads, systems.crm, systems.erp, systems.wms)},
        readers={Campaign: systems.ads.campaigns, Restriction: systems.ads.restrictions},
    )


def open_company(
    store: str = DEFAULT_STORE,
    *,
    governance: str | Path | None = None,
    clock: Clock | None = None,
    create: bool = True,
) -> Coordinator:
    """Open the ready-made company on a store.

    The rules in force are, in this order: ``governance``; the document the store holds; ``governance.yaml``
    in the working directory; the embedded document in shadow, under which nothing is ever executed.

    Args:
        store: URL of the store; its systems and approval threads live in files beside it.
        governance: path of a governance document; it is put in force with the first thing that is admitted.
        create: whether to create the store where there is none.

    Raises:
        InputError: the store or the document cannot be used; nothing was written.
    """
    catalogue = ready_catalogue()
    chosen = load_policy(Path(governance), catalogue=catalogue) if governance is not None else None
    opened = Store.open(store, clock=clock or SystemClock(), create=create)
    try:
        policy = chosen or _policy_of(opened, catalogue)
        beside = _file(store)
        systems = EmbeddedCompany.open(beside.with_name(f"{beside.stem}-company.db"))
    except BaseException:
        opened.close()
        raise
    return Coordinator(
        opened,
        ready_company(systems),
        policy,
        threads=beside.with_name(f"{beside.stem}-threads.db"),
        clock=clock or SystemClock(),
        closing=systems.close,
    )


def policy_in_force(store: str, governance: Path | None = None) -> Policy:
    """Return the rules that :func:`open_company` would apply, without creating anything."""
    catalogue = ready_catalogue()
    if governance is not None:
        return load_policy(governance, catalogue=catalogue)
    if not _file(store).exists():
        return _policy_elsewhere(catalogue)
    with Store.open(store, clock=SystemClock(), create=False) as opened:
        return _policy_of(opened, catalogue)


def _policy_of(store: Store, catalogue: Catalogue) -> Policy:
    kept = store.read(policies.present)
    fallback = load_policy(EMBEDDED_GOVERNANCE, catalogue=catalogue).in_shadow()
    if kept is None or kept.digest == fallback.digest:  # the fallback never outranks the company's own
        return _policy_elsewhere(catalogue)
    return Policy.from_body(kept.body, catalogue)


def _policy_elsewhere(catalogue: Catalogue) -> Policy:
    local = Path("governance.yaml")
    if local.exists():
        return load_policy(local, catalogue=catalogue)
    return load_policy(EMBEDDED_GOVERNANCE, catalogue=catalogue).in_shadow()


def _file(store: str) -> Path:
    try:
        database = make_url(store).database
    except ArgumentError:
        database = None
    if not database:
        raise StoreNotUsable(f"'{store}' names no file.", next_step="Write it as sqlite:///path.db")
    return Path(database)
