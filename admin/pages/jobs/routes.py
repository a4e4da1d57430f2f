"""Routes of the pages about bulk actions."""

from __future__ import annotations

from admin.pages.jobs import jobs, regenerate

ROUTES = [
    regenerate.regenerate_page,
    regenerate.begin_regenerate,
    jobs.choose,
    jobs.jobs_page,
    jobs.job_page,
    jobs.progress,
    jobs.move_job,
]
