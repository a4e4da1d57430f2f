"""Tests of the entries, which stand beside them in the YAML, and the payloads of their examples before sending."""

from __future__ import annotations

from admin.text.words import english
from engine import config_tests
from tests.config.shipped import catalog


def test_the_shipped_entries_pass_their_own_tests() -> None:
    assert list(map(str, config_tests.run(catalog(), english))) == []
    assert sum(len(spec.tests) for spec in catalog().specs.values()) >= 30
