"""Tests of entries in the YAML: what each kind of expectation says when it is not met."""

from __future__ import annotations

from pathlib import Path

import pytest

from admin.text.words import english
from engine import config_tests
from engine.catalog.catalog import load

CATALOG = """
groups: [Uji]
upstreams:
  ministry:
    label: Kementerian
    adapter: satusehat
    settings: {token_path: /token, probe_path: /}
    outcomes: [{status: 409, verdict: duplicate}]
specs:
  Basic:
    label: Uji
    group: Uji
    upstream: ministry
    endpoint: {method: POST, path: /Basic, reference: "{{ body.id }}"}
    update: {method: PUT, path: "/Basic/{{ reference }}"}
    find:
      path: /Basic
      candidates: "{{ body }}"
      match: "{{ candidate.key == record.id }}"
      reference: "{{ candidate.id }}"
    key: "{{ record.id }}"
    date: "{{ record.at }}"
    record:
      required: [id, at]
      properties: {id: {type: string}, at: {type: string, format: date}, n: {type: integer}}
    checks:
      big: {at: n, when: "{{ record.n and record.n > 9 }}", refuse: is above 9}
      odd: {at: n, when: "{{ record.n and record.n % 2 == 1 }}", warn: {id: ganjil, en: is odd}}
    payload: {resourceType: Basic, id: "{{ reference }}", code: {text: "n={{ record.n or 0 }}"}}
    example: {id: A1, at: "2026-03-10"}
    examples:
      even: {id: A2, at: "2026-03-10", n: 2}
    tests: TESTS
"""
PASSING = """
      - {name: the example, expect: {payload: {code.text: "n=0", subject: null}}}
      - {name: another, record: even, operation: update, expect: {payload: {id: "0", code.text: "n=2"}}}
      - {name: changed, record: even, changes: {n: 3}, expect: {warned: [$.n], payload: {code.text: "n=3"}}}
      - {name: own, record: {id: A3, at: "2026-03-11"}, expect: {payload: {code.text: "n=0"}}}
      - {name: of the schema, changes: {at: null}, expect: {refused: [$]}}
      - {name: of a check, record: even, changes: {n: 10}, expect: {refused: [$.n]}}
      - {name: created, answer: {status: 201, body: {id: X1}}, expect: {verdict: accepted, reference: X1}}
      - {name: there, answer: {status: 409, body: ""}, expect: {verdict: duplicate, reference: null}}
      - {name: found, operation: find, answer: {body: [{key: A1, id: X1}, {key: A2, id: X2}]}, expect: {reference: X1}}
      - {name: absent, operation: find, answer: {body: []}, expect: {verdict: accepted, reference: null}}
      - {name: a page, answer: {status: 200, body: <html>, media: text/html}, expect: {verdict: unsure}}
"""
FAILING = [
    ("expect: {payload: {code.text: x}}", 'payload code.text is "n=0"; expected "x"'),
    ("expect: {payload: {code.text: null}}", 'payload code.text is "n=0"; expected null'),
    ("expect: {refused: [$.n]}", "refused is nothing; expected $.n"),
    ("record: even, changes: {n: 10}", "refused is $.n is above 9; expected nothing"),
    ("record: even, changes: {n: 3}", "warned is $.n; expected nothing"),
    ("expect: {warned: [$.n]}", "warned is nothing; expected $.n"),
    ("answer: {status: 201, body: {id: X1}}, expect: {verdict: duplicate}", "verdict is accepted; expected duplicate"),
    ("answer: {status: 201, body: {id: X1}}, expect: {reference: X2}", 'reference is "X1"; expected "X2"'),
    ("operation: find, answer: {body: []}, expect: {reference: X2}", 'reference is null; expected "X2"'),
]


def faults(folder: Path, tests: str, catalog: str = CATALOG) -> list[str]:
    (folder / "resources.yaml").write_text(catalog.replace("TESTS", tests))
    return list(map(str, config_tests.run(load(folder), english)))


def test_tests_that_hold_say_nothing(tmp_path: Path) -> None:
    assert faults(tmp_path, PASSING) == []


@pytest.mark.parametrize(("test", "message"), FAILING)
def test_a_test_that_fails_says_what_came_out_at_its_place(tmp_path: Path, test: str, message: str) -> None:
    [fault] = faults(tmp_path, f"[{{name: so it must be, {test}}}]")
    assert fault.startswith("resources.yaml:33:13: specs.Basic.tests: so it must be: " + message), fault


def test_an_example_that_would_not_be_sent_is_a_fault_at_the_payload(tmp_path: Path) -> None:
    [fault] = faults(tmp_path, "[]", CATALOG.replace("resourceType: Basic, ", ""))
    assert fault.startswith("resources.yaml:29:14: specs.Basic.payload: $.resourceType is missing;"), fault
    assert fault.endswith("(payload of example, create)")


def test_a_withdrawn_example_that_would_not_be_sent_is_a_fault(tmp_path: Path) -> None:
    catalog = CATALOG.replace("    checks:", "    withdrawal: {n: 8}\n    checks:").replace(
        'code: {text: "n={{ record.n or 0 }}"}', 'code: {text: "{{ 5 if record.n == 8 else record.id }}"}'
    )
    [fault] = faults(tmp_path, "[]", catalog)
    assert "$.code.text" in fault
    assert fault.endswith("(payload of example, withdrawn, update)")


def test_an_entry_without_the_check_before_sending_may_send_anything(tmp_path: Path) -> None:
    catalog = CATALOG.replace("resourceType: Basic, ", "").replace("    checks:", "    check: false\n    checks:")
    assert faults(tmp_path, "[]", catalog) == []


def test_a_setting_that_the_adapter_demands_is_a_fault_of_the_entry(tmp_path: Path) -> None:
    [fault] = faults(tmp_path, "[]", CATALOG.replace("token_path: /token, ", ""))
    assert "specs.Basic.upstream: upstream ministry: settings.token_path must be a path" in fault
