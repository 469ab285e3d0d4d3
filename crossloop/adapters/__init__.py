"""The company's systems behind stable ports: ad platform, CRM, ERP, WMS."""

from crossloop.adapters.ports import AdPlatform, Crm, Erp, Restriction, ScaleUp, Wms

__all__ = ["AdPlatform", "Crm", "Erp", "Restriction", "ScaleUp", "Wms"]
