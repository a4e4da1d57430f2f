"""Routes of the page about problems."""

from __future__ import annotations

from admin.pages.problems import gone, mend, not_taken, printed, problems, rules, states

ROUTES = [
    problems.former_page,
    problems.problems_page,
    problems.type_problems,
    printed.printed_list,
    not_taken.not_taken_page,
    not_taken.forget_group,
    gone.gone_page,
    gone.let_record_stand,
    mend.mend_page,
    mend.preview,
    mend.apply,
    rules.rules_page,
    rules.end_rule,
    states.change_state,
]
