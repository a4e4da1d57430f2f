"""Loader: valid configurations become entries, invalid ones produce exactly these faults."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
import pytest

from adapters.base import Timeouts
from engine.catalog.catalog import Catalog, load
from engine.catalog.describe import show
from engine.catalog.reading.grammar import GRAMMAR_FILE
from engine.catalog.reading.render import NotARecord, render
from engine.errors import NotFound
from engine.source.faults import ConfigFaults
from engine.specs.context import FacilityView, context
from engine.specs.optional_fields import completion
from engine.specs.upstream import Breaker, Retention, Retry
from engine.templates.shapes import of_schema

BROKEN = Path(__file__).parent / "broken"
CASES = [path for path in sorted(BROKEN.glob("*.yaml")) if path.stem != "base"]
SHIPPED = Path(__file__).resolve().parents[3] / "config"
THING = "specs:\n  Thing:\n    label: Thing\n    upstream: demo\n    endpoint: {path: /Thing}\n"
FACILITY = FacilityView("K", "Klinik", "Asia/Jakarta", "1000")


def configuration(folder: Path, case: str | bytes) -> Path:
    """Write the base configuration with this text as an included file."""
    shutil.copy(BROKEN / "base.yaml", folder / "resources.yaml")
    (folder / "case.yaml").write_bytes(case.encode() if isinstance(case, str) else case)
    return folder


def loaded(folder: Path, case: str) -> Catalog:
    return load(configuration(folder, case))


def lines(folder: Path, case: str | bytes) -> list[str]:
    """Return the faults of an invalid configuration."""
    with pytest.raises(ConfigFaults) as caught:
        load(configuration(folder, case))
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    "case", sorted(BROKEN.glob("[!b]*.yaml")) + sorted(BROKEN.glob("bad*.yaml")), ids=lambda path: path.stem
)
def test_a_broken_configuration_prints_exactly_its_lines(case: Path, tmp_path: Path) -> None:
    text = case.read_text("utf-8")
    expected = re.findall(r"^# expect (.*)$", text, re.MULTILINE)
    assert expected
    assert lines(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "case.yaml:1:1: the file is empty; write include, groups, upstreams, fragments or specs"),
        (b"# nothing\n", "case.yaml:1:1: the file is empty; write include, groups, upstreams, fragments or specs"),
        (b'specs:\n  Thing: {label: "\xff"}\n', "case.yaml:2:19: not UTF-8; save the file as UTF-8"),
        (b'specs: "a\x00b"\n', "case.yaml:1:10: the character U+0000 cannot stand in YAML; remove it"),
    ],
)
def test_a_file_that_is_no_yaml_is_told_with_its_place(content: bytes, expected: str, tmp_path: Path) -> None:
    assert lines(tmp_path, content) == [expected]


def test_the_door_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigFaults, match=r"resources.yaml:1:1: is not there"):
        load(tmp_path)


def test_the_second_door_is_read_too(tmp_path: Path) -> None:
    configuration(tmp_path, THING)
    (tmp_path / "bpjs_jobs.yaml").write_text(THING.replace("Thing", "Job"))
    assert list(load(tmp_path).specs) == ["Person", "Thing", "Job"]


def test_files_that_include_each_other_are_read_once(tmp_path: Path) -> None:
    assert loaded(tmp_path, "include: [resources.yaml, '*.yaml']\n" + THING).files == ("resources.yaml", "case.yaml")


def test_a_symbolic_link_does_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text("specs: {}\n")
    inside = tmp_path / "config"
    inside.mkdir()
    (inside / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    assert lines(inside, "include: [link.yaml]\n") == [
        "case.yaml:1:11: include: 'link.yaml' leads out of the folder; copy the file into it"
    ]


def test_an_entry_inherits_and_wins(tmp_path: Path) -> None:
    spec = loaded(tmp_path, THING + "    update: {path: '/Thing/{{ reference }}', method: PATCH}\n").specs["Thing"]
    assert spec.endpoint is not None
    assert spec.update is not None
    assert (spec.group.id, spec.endpoint.method, spec.update.method, spec.find) == ("General", "POST", "PATCH", None)
    assert spec.endpoint.reference.render({"body": {"id": "7"}}) == "7"


def test_anchors_and_merge_keys_work_within_a_file(tmp_path: Path) -> None:
    case = THING.replace("endpoint: {path: /Thing}", "endpoint: &e {path: /Thing}") + "  Other:\n    label: O\n"
    case += "    upstream: demo\n    endpoint: {<<: *e, path: /Other}\n    payload: {a: &a {x: 1}, b: *a}\n"
    spec = loaded(tmp_path, case).specs["Other"]
    assert spec.payload is not None
    assert spec.payload.render({}) == {"a": {"x": 1}, "b": {"x": 1}}


def test_a_text_is_written_once_for_both_languages_or_once_for_each(tmp_path: Path) -> None:
    case = "groups: [{id: Lain, en: Other}]\n" + THING.replace("label: Thing", "label: {id: Benda, en: Thing}")
    case += "    group: Lain\n    columns: {ok: {label: OK, value: '{{ record.id }}', words: [{id: Ya, en: 'Yes'}]}}\n"
    spec = loaded(tmp_path, case).specs["Thing"]
    assert (spec.label.id, spec.label.en, str(spec.label)) == ("Benda", "Thing", "Benda")
    assert (spec.group.id, spec.group.en) == ("Lain", "Other")
    [column] = spec.columns
    assert (column.label.id, column.label.en) == ("OK", "OK")
    yes = column.word("Ya")
    assert yes is not None
    assert (yes.en, column.word("Tidak")) == ("Yes", None)


def test_needs_only_for_updates_may_form_a_circle(tmp_path: Path) -> None:
    case = THING + "    needs: {other: {spec: Other, key: '{{ record.id }}', only: update}}\n"
    case += THING[7:].replace("Thing", "Other") + "    needs: {thing: {spec: Thing, key: '{{ record.id }}'}}\n"
    assert list(loaded(tmp_path, case).specs) == ["Person", "Thing", "Other"]


@pytest.mark.parametrize(
    "change",
    [
        ("label: Thing", "label: Other"),
        ("/Thing", "/Other"),
        ("{a: 1}", "{a: 2}"),
    ],
)
def test_the_hash_follows_the_entry(change: tuple[str, str], tmp_path: Path) -> None:
    case = THING + "    payload: {a: 1}\n"
    before = loaded(tmp_path, case).specs["Thing"].hash
    assert loaded(tmp_path, case).specs["Thing"].hash == before
    assert loaded(tmp_path, case.replace(*change)).specs["Thing"].hash != before
    assert len(before) == 16


@pytest.mark.parametrize(
    ("part", "changes"), [("unitsofmeasure", True), ("ids.example", True), ("A-1", True), ("city", False)]
)
def test_the_hash_follows_what_the_entry_inherits_and_nothing_else(part: str, changes: bool, tmp_path: Path) -> None:
    case = THING + "    payload: {a: '{{ ucum }}', b: \"{{ 'x' | system }}\"}\n"
    before = loaded(tmp_path, case).specs["Thing"].hash
    base = tmp_path / "resources.yaml"
    base.write_text(base.read_text().replace(part, "changed"))
    assert (load(tmp_path).specs["Thing"].hash != before) is changes


def test_the_catalog_hash_follows_the_outcome_rules(tmp_path: Path) -> None:
    before = loaded(tmp_path, THING).hash
    base = tmp_path / "resources.yaml"
    base.write_text(
        base.read_text().replace(
            "adapter: dryrun", "adapter: dryrun\n    outcomes: [{status: 409, verdict: duplicate}]"
        )
    )
    assert load(tmp_path).hash != before


def test_optional_fields_are_null_deeply_without_touching_the_record() -> None:
    schema = {
        "properties": {
            "a": {"type": "string"},
            "b": {"type": "object", "properties": {"c": {}, "d": {"type": "object", "properties": {"e": {}}}}},
            "f": {"type": "array", "items": {"type": "object", "properties": {"g": {}, "h": {}}}},
        },
        "if": {"required": ["a"]},
        "then": {"properties": {"i": {"type": "string"}}},
    }
    record = {"b": {"d": {}}, "f": [{"g": 1}, {}]}
    assert completion(of_schema(schema))(record) == {
        "a": None,
        "b": {"c": None, "d": {"e": None}},
        "f": [{"g": 1, "h": None}, {"g": None, "h": None}],
        "i": None,
    }
    assert record == {"b": {"d": {}}, "f": [{"g": 1}, {}]}


def test_the_context_holds_what_templates_may_see(tmp_path: Path) -> None:
    spec = loaded(tmp_path, THING).specs["Thing"]
    seen = context(spec, {"id": "A", "at": "2026-03-10"}, FACILITY)
    assert seen["record"] == {"id": "A", "at": "2026-03-10", "items": None}
    assert seen["facility"] == {"code": "K", "name": "Klinik", "time_zone": "Asia/Jakarta", "organization_id": "1000"}
    assert (seen["needs"], seen["reference"], seen["operation"], seen["tables"]) == ({}, None, "create", {})


def test_a_preview_invents_references(tmp_path: Path) -> None:
    case = THING + "    needs: {person: {spec: Person, key: '{{ record.id }}'}}\n"
    case += "    payload: {who: '{{ needs.person.reference }}'}\n"
    assert render(loaded(tmp_path, case).specs["Thing"]) == {"who": "<Person A-1>"}


def test_a_preview_of_a_wrong_record_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(NotARecord, match=r'(?s)\$\.id: 5 is not of type "string"'):
        render(loaded(tmp_path, THING).specs["Thing"], {"id": 5, "at": "2026-03-10"})


def test_the_shipped_configuration_is_without_fault() -> None:
    catalog = load(SHIPPED)
    assert catalog.specs
    assert set(catalog.groups) >= {spec.group for spec in catalog.specs.values()}


def test_show_lists_all_and_describes_each() -> None:
    catalog = load(SHIPPED)
    listed = show(catalog)
    for name, spec in catalog.specs.items():
        assert name in listed
        assert spec.label.en in show(catalog, name)
        assert all(column.label.en in show(catalog, name) for column in spec.columns)
        assert all(check.en.text in show(catalog, name) for check in spec.checks)
        assert spec.withdrawal is None or "withdrawn" in show(catalog, name)
    with pytest.raises(NotFound, match="no entry 'nothing'"):
        show(catalog, "nothing")


def test_show_describes_each_use_case() -> None:
    catalog = load(SHIPPED)
    assert all(name in show(catalog) for name in catalog.use_cases)
    for name, use_case in catalog.use_cases.items():
        assert all(one.label.en in show(catalog, name) for one in use_case.requirements)


def test_the_grammar_explains_every_field() -> None:
    """The file is the documentation that editors complete from."""
    grammar = orjson.loads(GRAMMAR_FILE.read_bytes())
    assert [path for path, field in fields(grammar, "") if not {"description", "examples"} <= field.keys()] == []


def test_the_grammar_documents_the_defaults_that_the_loader_uses(tmp_path: Path) -> None:
    grammar = orjson.loads(GRAMMAR_FILE.read_bytes())
    definitions = grammar["$defs"]
    upstream = definitions["upstream"]["properties"]
    assert defaults(definitions["retry"]) == asdict(Retry())
    assert defaults(definitions["retention"]) == asdict(Retention())
    assert defaults(upstream["breaker"]) == asdict(Breaker())
    assert defaults(upstream["timeouts"]) == asdict(Timeouts())
    [bare] = loaded(tmp_path, "groups: [Klinis]\n").upstreams.values()
    assert (bare.retry, bare.breaker, bare.concurrency) == (Retry(), Breaker(), upstream["concurrency"]["default"])


def test_a_whole_number_may_be_written_with_a_point(tmp_path: Path) -> None:
    case = "upstreams:\n  other: {label: Other, adapter: dryrun, retry: {attempts: 3.0, first: 1}}\n"
    assert loaded(tmp_path, case).upstreams["other"].retry == Retry(attempts=3, first=1.0)


def defaults(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: field["default"] for name, field in schema["properties"].items()}


def fields(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every field of the grammar with its path; references are described at their definition."""
    for section in ("properties", "$defs"):
        for name, field in schema.get(section, {}).items():
            if field.keys() != {"$ref"}:
                yield f"{path}.{name}", field
            yield from fields(field, f"{path}.{name}")
    if isinstance(schema.get("items"), dict):
        yield from fields(schema["items"], f"{path}[]")


def test_entries_may_need_each_other_if_some_record_needs_nothing(tmp_path: Path) -> None:
    case = THING + "    needs: {other: {spec: Other, key: '{{ record.id }}', when: '{{ record.items }}'}}\n"
    case += THING[7:].replace("Thing", "Other") + "    needs: {thing: {spec: Thing, key: '{{ record.id }}'}}\n"
    assert list(loaded(tmp_path, case).specs) == ["Person", "Thing", "Other"]
