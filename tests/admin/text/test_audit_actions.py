"""Every action that is written to the audit log has words in both languages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from admin.text.words import LANGUAGES, catalogue
from engine.jobs.jobs import MOVES, Action

ROOT = Path(__file__).resolve().parents[3]
WRITERS = {"note", "note_now", "_note", "_audit", "change", "_Action"}  # functions that are handed an action
ACTION = re.compile(r"[a-z]+(\.[a-z_]+)*", re.ASCII)
BY_VARIABLE = {f"job.{name}" for name in (*Action, *MOVES)} | {"resend", "edit", "withdraw", "reinstate"}


def written() -> Iterator[tuple[str, str]]:
    """Yield (place, action) of each literal action in a module that writes to the audit log."""
    for package in ("admin", "engine"):
        for path in sorted((ROOT / package).rglob("*.py")):
            source = path.read_text("utf-8")
            if "audit" not in source and "AuditEntry" not in source and "SettingsView" not in source:
                continue
            for call in ast.walk(ast.parse(source)):
                if isinstance(call, ast.Call) and ast.unparse(call.func).split(".")[-1] in WRITERS:
                    for value in call.args[:4]:
                        if isinstance(value, ast.Constant) and ACTION.fullmatch(str(value.value)):
                            yield f"{path.relative_to(ROOT)}:{call.lineno}", str(value.value)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_action_has_words(language: str) -> None:
    words = catalogue(language)
    places = [*written(), *(("a variable", action) for action in sorted(BY_VARIABLE))]
    assert [f"{place}: {action}" for place, action in places if f"audit.action.{action}" not in words] == []


def test_the_search_for_actions_finds_them() -> None:
    actions = {action for _, action in written()}
    assert {"mapping.confirm", "mapping.remove", "user.password", "key.revoke", "reveal", "audit.export"} <= actions
