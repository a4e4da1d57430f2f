"""Routes for the integrator."""

from __future__ import annotations

from admin.pages.integrator import helpdesk, workbench

ROUTES = [helpdesk.helpdesk_bundle, workbench.workbench_page, workbench.try_out]
