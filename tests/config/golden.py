"""Writes tests/golden and docs/use-cases from the shipped entries: python -m tests.config.golden; look at the diff."""

from __future__ import annotations

import json
from typing import Any

from tests.config.shipped import GOLDEN, PAGES, cases, payload, use_case_pages
from tests.config.test_drugs import STRENGTHS_FILE, strengths_of_forms


def as_text(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    for stale in (*GOLDEN.glob("*.json"), *PAGES.glob("*.md")):
        stale.unlink()
    for case in cases():
        case.file.write_text(as_text(payload(case)), "utf-8")
    STRENGTHS_FILE.write_text(as_text(strengths_of_forms()), "utf-8")
    for name, page in use_case_pages().items():
        (PAGES / name).write_text(page, "utf-8")


if __name__ == "__main__":
    main()
