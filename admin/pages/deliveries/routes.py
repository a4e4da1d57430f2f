"""Routes of the pages about deliveries: lists, one delivery, failures."""

from __future__ import annotations

from admin.pages.deliveries import (
    actions,
    editor,
    export,
    job_overview,
    job_tabs,
    listing,
    outcome,
    page,
    quick_resend,
    reveal,
    versions,
    withdrawal,
)

ROUTES = [
    job_overview.job_overview,
    job_overview.live_overview,
    job_tabs.first_monitoring,
    job_tabs.monitoring,
    job_tabs.live_figures,
    listing.type_page,
    listing.changes,
    versions.versions,
    quick_resend.resend_soon,
    quick_resend.undo,
    export.export,
    page.delivery_page,
    outcome.state,
    actions.resend_delivery,
    actions.ignore_delivery,
    reveal.reveal,
    withdrawal.withdrawal_page,
    withdrawal.withdraw_delivery,
    withdrawal.reinstate_delivery,
    editor.editor_page,
    editor.check_body,
    editor.save_body,
]
