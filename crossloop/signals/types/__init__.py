"""The ready-made signal types."""

from crossloop.signals.types.geo_risk import GEO_RISK, GEO_RISK_CLEARED, GeoRisk, GeoRiskCleared
from crossloop.signals.types.signal_expired import SIGNAL_EXPIRED, SignalExpired

__all__ = ["GEO_RISK", "GEO_RISK_CLEARED", "SIGNAL_EXPIRED", "GeoRisk", "GeoRiskCleared", "SignalExpired"]
