"""Routes of the dashboard's pages."""

from __future__ import annotations

from admin.pages.dashboard import dashboard, month

ROUTES = [dashboard.home, dashboard.dashboard, dashboard.live_cards, month.month_page, month.month_csv]
