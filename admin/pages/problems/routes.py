"""Routes of the page about problems."""

from __future__ import annotations

from admin.pages.problems import gone, not_taken, printed, problems

ROUTES = [problems.former_page, problems.problems_page, problems.type_problems, printed.printed_list]
ROUTES += [not_taken.not_taken_page, not_taken.forget_group, gone.gone_page, gone.let_record_stand]
