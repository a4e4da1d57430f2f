"""Size of the fault matrix: a quick half in `make test`, all of it in `make chaos`."""

from __future__ import annotations

import os

ALL = os.environ.get("ANTAR_CHAOS") == "all"
RECORDS = 1000 if ALL else 40
WORKERS = (1, 3) if ALL else (1,)
REPEATS = int(os.environ.get("ANTAR_CHAOS_REPEATS", "3")) if ALL else 1
KILLS = 10 if ALL else 1
DELIVERIES_PER_KILL = 100 if ALL else 10  # of one worker
PATIENCE = 120.0 if ALL else 60.0  # seconds after which something that should have ended counts as hanging
