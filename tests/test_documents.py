"""Documents: links and named files exist, the README stays short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = (".", "config", "docs", "sandbox", "deploy", "tests")
DOCUMENTS = sorted(
    path.relative_to(ROOT)
    for folder in FOLDERS
    for path in (ROOT / folder).glob("*.md" if folder == "." else "**/*.md")
)
FILE = re.compile(r"`((?:config|engine|adapters|admin|sandbox|migrations|tests|bench|deploy|docs)/[\w./-]*)`")
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
MAX_WORDS = 800
RECORDS = {Path("docs/measured.md"), Path("docs/faults.md"), Path("CHANGELOG.md")}
"""Documents of what was once: they may name what is there no more."""


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_links_lead_somewhere(document: Path) -> None:
    targets = LINK.findall((ROOT / document).read_text("utf-8"))
    assert [target for target in targets if not (ROOT / document.parent / target).exists()] == []


@pytest.mark.parametrize("document", [name for name in DOCUMENTS if name not in RECORDS], ids=str)
def test_files_that_are_named_are_there(document: Path) -> None:
    names = {
        name for name in FILE.findall((ROOT / document).read_text("utf-8")) if "…" not in name and "NAME" not in name
    }
    assert {name for name in names if not list(ROOT.glob(name.rstrip("/")))} == set()


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").split()) < MAX_WORDS


def test_the_map_names_every_folder_of_the_engine() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    folders = {path.parent.name for path in (ROOT / "engine").glob("*/__init__.py")}
    assert {name for name in folders if name not in readme} == set()
