"""The ready-made signal types."""

from crossloop.signals.types.geo_risk import GEO_RISK, GEO_RISK_CLEARED, GeoRisk, GeoRiskCleared

__all__ = ["GEO_RISK", "GEO_RISK_CLEARED", "GeoRisk", "GeoRiskCleared"]
