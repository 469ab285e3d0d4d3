"""Settings of the whole suite.

Properties are tried on the same examples everywhere, so that a red run is red for the next person too.
``HYPOTHESIS_PROFILE=explore`` looks for new examples instead.
"""

from __future__ import annotations

import os
import signal

from hypothesis import HealthCheck, settings

# A shell that starts the tests in the background has this signal ignored, here and in every child.
signal.signal(signal.SIGINT, signal.default_int_handler)

_SLOW_MACHINES = [HealthCheck.too_slow]

settings.register_profile("house", derandomize=True, deadline=None, suppress_health_check=_SLOW_MACHINES)
settings.register_profile("explore", deadline=None, max_examples=2000, suppress_health_check=_SLOW_MACHINES)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "house"))
