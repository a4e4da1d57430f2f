"""Routes of the page about problems."""

from __future__ import annotations

from admin.pages.problems import printed, problems

ROUTES = [problems.former_page, problems.problems_page, problems.type_problems, printed.printed_list]
