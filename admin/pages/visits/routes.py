"""Routes of the pages about patients and visits."""

from __future__ import annotations

from admin.pages.visits import absent, day, month, patient, search, visit

ROUTES = [
    search.search_page,
    search.search,
    day.day_page,
    absent.absent_page,
    month.cases_page,
    month.cases_csv,
    patient.patient_page,
    visit.visit_page,
    visit.visit_state,
    visit.send_lacking,
]
