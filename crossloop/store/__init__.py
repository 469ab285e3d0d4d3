"""The store: every table, all SQL, the transaction, the ledger.

Topic modules (``inbox``, ``cases``, ``decisions``, ``actions``, ``approvals``, ``votes``, ``claims``,
``impacts``, ``conditions``, ``observations``, ``choices``, ``notices``, ``policies``, ``leases``) are
functions over a ``Tx`` or a ``Read``. The store knows ids, states and JSON; what they mean is known above it.
"""

from crossloop.store.leases import Lease
from crossloop.store.ledger.entries import Entry, Head
from crossloop.store.ledger.verify import Verification, verify
from crossloop.store.session import Read, Tx
from crossloop.store.sqlite import path_of
from crossloop.store.store import Store

__all__ = ["Entry", "Head", "Lease", "Read", "Store", "Tx", "Verification", "path_of", "verify"]
