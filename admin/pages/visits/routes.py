"""Routes of the pages about patients and visits."""

from __future__ import annotations

from admin.pages.visits import day, patient, search, visit

ROUTES = [
    search.search_page,
    search.search,
    day.day_page,
    patient.patient_page,
    visit.visit_page,
    visit.visit_state,
    visit.send_lacking,
]
