"""Scaffold of entries from samples: valid at once, for any sample."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.catalog.catalog import load
from engine.catalog.reading.render import render
from engine.catalog.scaffold import new_entry
from engine.errors import AntarError
from engine.specs.record_type import Spec
from engine.templates.runtime import clean

BASE = Path(__file__).parent / "broken" / "base.yaml"
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(-1e9, 1e9)
    | st.text(st.characters(exclude_categories=["C"]))
)
SAMPLES = st.dictionaries(
    st.text(st.characters(categories=["L", "N"], include_characters="_- '\"."), min_size=1),
    st.recursive(
        LEAVES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc_", min_size=1), inner, max_size=3),
        max_leaves=5,
    ),
    max_size=5,
)


def believed(folder: Path, name: str, sample: dict[str, Any]) -> Spec:
    """Load the entry from its generated text."""
    shutil.copy(BASE, folder / "resources.yaml")
    (folder / "case.yaml").write_text(new_entry(name, sample, "demo"), "utf-8")
    return load(folder).specs[name]


def test_a_new_entry_is_believed_and_sends_its_sample(tmp_path: Path) -> None:
    sample = {"kode": "A1", "nik": "3201010101010001", "tanggal": "2026-03-10", "n": 3, "b": {"c": [1.5]}, "e": None}
    spec = believed(tmp_path, "Kartu", sample)
    assert render(spec) == {"kode": "A1", "nik": "3201010101010001", "tanggal": "2026-03-10", "n": 3, "b": {"c": [1.5]}}
    assert (spec.key.text, spec.date.text) == ("{{ record.kode }}", "{{ record.tanggal }}")


def test_odd_texts_survive_the_way_through_yaml(tmp_path: Path) -> None:
    sample = {
        "id": "1",
        "at": "2026-03-10 08:00",
        "a": "010",
        "b": "no",
        "c": "1.5e3",
        "d": "1e5",
        "e": "~",
        "f": "- x",
        "g": "12:30",
    }
    assert render(believed(tmp_path, "Odd", sample)) == sample


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SAMPLES)
def test_any_sample_makes_an_entry_that_is_believed(tmp_path: Path, sample: dict[str, Any]) -> None:
    sample = {**sample, "id": "K-1", "at": "2026-03-10T08:00:00+07:00"}
    assert render(believed(tmp_path, "Any", sample)) == clean(sample)


def test_a_sample_without_key_or_date_is_refused() -> None:
    with pytest.raises(AntarError, match="no date"):
        new_entry("Thing", {"id": "1"}, "demo")
    with pytest.raises(AntarError, match="could be its key"):
        new_entry("Thing", {"a": [1]}, "demo")
    with pytest.raises(AntarError, match="cannot be the name"):
        new_entry("my thing", {"id": "1", "at": "2026-03-10"}, "demo")
