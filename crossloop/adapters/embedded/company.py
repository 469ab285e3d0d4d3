"""The embedded company: ad platform, CRM, ERP and WMS in one local file, with nothing to install."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from crossloop.adapters.embedded.ads import EmbeddedAds
from crossloop.adapters.embedded.crm import EmbeddedCrm
from crossloop.adapters.embedded.database import Database
from crossloop.adapters.embedded.erp import EmbeddedErp
from crossloop.adapters.embedded.wms import EmbeddedWms
from crossloop.signals.entities import Account, Campaign, Product, ScaleUp


class EmbeddedCompany:
    """A company whose four systems share one SQLite file; several processes may have it open at once."""

    ads: EmbeddedAds
    crm: EmbeddedCrm
    erp: EmbeddedErp
    wms: EmbeddedWms

    def __init__(self, database: Database) -> None:
        self._database = database
        self.ads = EmbeddedAds(database)
        self.crm = EmbeddedCrm(database)
        self.erp = EmbeddedErp(database)
        self.wms = EmbeddedWms(database)

    @classmethod
    def open(cls, path: Path, *, busy_seconds: float = 10.0) -> EmbeddedCompany:
        """Open the file; where there is none it is created when it is first used.

        Args:
            path: the database file; its folder must exist.
            busy_seconds: how long a call waits for another process that is writing.

        Raises:
            CompanyNotUsable: the path names something else, a damaged file or another version; it was
                left as it is.
        """
        return cls(Database(path, busy_seconds=busy_seconds))

    @property
    def path(self) -> Path:
        """The database file."""
        return self._database.path

    def close(self) -> None:
        """Finish what is under way and let go of the file. Closing twice is allowed."""
        self._database.close()

    def __enter__(self) -> EmbeddedCompany:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def load_campaigns(self, campaigns: Iterable[Campaign]) -> None:
        """Make this the list of campaigns; one that is missing from it is kept as ``ended``."""
        self.ads.load_campaigns(campaigns)

    def load_scale_ups(self, scale_ups: Iterable[ScaleUp]) -> None:
        """Make these marketing's standing plans, instead of those before."""
        self.ads.load_scale_ups(scale_ups)

    def load_items(
        self,
        *,
        products: Iterable[Product] = (),
        locations: Iterable[str] = (),
        accounts: Iterable[Account] = (),
    ) -> None:
        """Add master data: products, warehouse locations, accounts."""
        self.erp.load_products(products)
        self.erp.load_accounts(accounts)
        self.wms.load_locations(locations)
