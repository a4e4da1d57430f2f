"""Routes of the dashboard's pages."""

from __future__ import annotations

from admin.pages.dashboard import dashboard

ROUTES = [dashboard.home, dashboard.dashboard, dashboard.live_cards]
