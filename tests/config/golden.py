"""Writes tests/golden again from the shipped entries: python -m tests.config.golden; then check the difference."""

from __future__ import annotations

import json
from typing import Any

from tests.config.shipped import GOLDEN, cases, payload
from tests.config.test_drugs import STRENGTHS_FILE, strengths_of_forms


def as_text(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    for stale in GOLDEN.glob("*.json"):
        stale.unlink()
    for case in cases():
        case.file.write_text(as_text(payload(case)), "utf-8")
    STRENGTHS_FILE.write_text(as_text(strengths_of_forms()), "utf-8")


if __name__ == "__main__":
    main()
