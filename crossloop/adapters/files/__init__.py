"""Files and mappings: a company's own export in, canonical shipments and campaigns out.

Nothing is dropped in silence: every line is used, or counted under one reason with examples.
"""

from crossloop.errors import MissingExtra

try:
    import ibis as _ibis
except ModuleNotFoundError as missing:
    raise MissingExtra("Reading data files", "loops", "ibis") from missing

from crossloop.adapters.files.accounting import RowCount, RowExample, SetAside
from crossloop.adapters.files.campaigns import CampaignRows, read_campaigns
from crossloop.adapters.files.geography import Geography
from crossloop.adapters.files.mapping import CANONICAL, ShipmentMapping, load_mapping
from crossloop.adapters.files.shipments import ShipmentData, read_shipments

del _ibis

__all__ = [
    "CANONICAL",
    "CampaignRows",
    "Geography",
    "RowCount",
    "RowExample",
    "SetAside",
    "ShipmentData",
    "ShipmentMapping",
    "load_mapping",
    "read_campaigns",
    "read_shipments",
]
