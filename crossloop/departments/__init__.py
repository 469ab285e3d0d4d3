"""Those who think: a department can ask, it cannot do."""

from crossloop.departments.department import Answer, Department, Handler, no_action
from crossloop.departments.view import InForce, Strategy, View

__all__ = ["Answer", "Department", "Handler", "InForce", "Strategy", "View", "no_action"]
