"""The embedded company. Its generator is loaded only when used: ``crossloop.adapters.embedded.generator``."""

from crossloop.adapters.embedded.company import EmbeddedCompany
from crossloop.adapters.embedded.database import CompanyNotUsable

__all__ = ["CompanyNotUsable", "EmbeddedCompany"]
