"""Routes of the pages of sources."""

from __future__ import annotations

from admin.pages.sources import connection, overview, reading, trial

ROUTES = [
    overview.sources_page,
    overview.live_sources,
    connection.credentials_page,
    connection.enter_credentials,
    connection.test_connection,
    trial.trial_page,
    trial.try_read,
    reading.start_page,
    reading.start,
    reading.pause,
    reading.resume,
    reading.read_again_page,
    reading.read_again,
    reading.agree_page,
    reading.agree,
]
