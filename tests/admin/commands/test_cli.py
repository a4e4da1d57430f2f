"""Command line: its output; an error that a person can fix is one line and exit code 1."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from admin.cli import main
from engine.facilities.vault import new_key
from tests.engine.small_hub import AT, CATALOG

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set up an installation with the small catalog."""
    (tmp_path / "config").mkdir()
    catalog = CATALOG.replace("adapter: scripted", "adapter: dryrun")
    (tmp_path / "config" / "resources.yaml").write_text(catalog, "utf-8")
    monkeypatch.setenv("ANTAR_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("ANTAR_DATABASE_URL", f"sqlite:///{tmp_path}/antar.sqlite3")
    monkeypatch.setenv("ANTAR_SECRET_KEY", new_key())
    return tmp_path


def antar(capture: Capture, *arguments: str) -> tuple[int, str, str]:
    """Return (exit code, standard output, standard error) of a command."""
    before, sys.argv = sys.argv, ["antar", *arguments]
    try:
        main()
        code = 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        sys.argv = before
    captured = capture.readouterr()
    return code, captured.out, captured.err


def test_the_version_is_that_of_the_installed_package(capsys: Capture) -> None:
    assert antar(capsys, "--version") == (0, f"antar {version('antar-hub')}\n", "")


def test_without_an_installed_package_the_version_is_unknown(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("admin.cli.PACKAGE", "antar-that-nobody-installed")
    code, out, _ = antar(capsys, "--version")
    assert (code, out.split()[:2]) == (0, ["antar", "unknown"])


def test_a_good_configuration_is_ok(capsys: Capture) -> None:
    assert antar(capsys, "check")[:2] == (0, "ok: 3 entries, 1 upstreams, 0 tests\n")


def test_faults_are_told_with_their_places(capsys: Capture, environment: Path) -> None:
    (environment / "config" / "resources.yaml").write_text(CATALOG.replace("label: Kunjungan\n", "labell: x\n"))
    code, _, errors = antar(capsys, "check")
    assert code == 1
    assert "resources.yaml:" in errors
    assert "did you mean 'label'?" in errors
    assert "Traceback" not in errors


def test_an_entry_is_described_and_rendered_without_sending(capsys: Capture) -> None:
    assert "Kunjungan" in antar(capsys, "show", "Visit")[1]
    assert json.loads(antar(capsys, "render", "Visit")[1])["identifier"] == "V1"


def test_a_scaffold_passes_the_check_once_included(capsys: Capture, environment: Path) -> None:
    sample = environment / "sample.json"
    sample.write_text(json.dumps({"id": "S1", "norm": "RM-1", "taken_at": AT, "litres": 3.2}))
    draft = antar(capsys, "new", "Spirometry", "--from", str(sample), "--upstream", "ministry")[1]
    (environment / "config" / "spirometry.yaml").write_text(draft)
    catalog = environment / "config" / "resources.yaml"
    catalog.write_text("include: [spirometry.yaml]\n" + catalog.read_text())
    assert antar(capsys, "check")[0] == 0


def test_records_are_handed_in_from_a_file_once(capsys: Capture, environment: Path) -> None:
    antar(capsys, "facility", "add", "klinik", "Klinik", "--organization-id", "1")
    file = environment / "visits.ndjson"
    file.write_text(f'{{"id": "V1", "at": "{AT}"}}\n{{"id": 5, "at": "{AT}"}}\n')
    code, out, errors = antar(capsys, "submit", "Visit", str(file))
    assert (code, out) == (1, "2 records, 1 refused\n")
    assert errors.startswith("record 2: $.id: ")
    assert antar(capsys, "resend", "1")[1] == "1: is due or on its way already\n"


def test_a_broken_file_is_told_with_line_and_column(capsys: Capture, environment: Path) -> None:
    file = environment / "visit.json"
    file.write_text('{"id": \n')
    assert "visit.json:2:1" in antar(capsys, "submit", "Visit", str(file))[2]


def test_force_needs_a_reason(capsys: Capture) -> None:
    assert antar(capsys, "resend", "1", "--force")[::2] == (1, "antar: --force needs a --reason\n")


def test_a_key_is_shown_once_listed_by_its_beginning_and_revoked(capsys: Capture) -> None:
    antar(capsys, "facility", "add", "klinik", "Klinik", "--organization-id", "1")
    key = antar(capsys, "key", "new", "klinik", "simrs")[1].strip()
    prefix = key.split("_")[1]
    listed = antar(capsys, "key", "list")[1]
    assert prefix in listed
    assert key not in listed
    assert antar(capsys, "key", "revoke", prefix)[0] == 0
    assert antar(capsys, "key", "revoke", "unknown")[0] == 1


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ANTAR_SECRET_KEY", "", "ANTAR_SECRET_KEY is not set"),
        ("ANTAR_SECRET_KEY", "short", "ANTAR_SECRET_KEY is no Fernet key"),
        ("ANTAR_PORT", "eighty", "ANTAR_PORT is 'eighty'; use a port number"),
        ("ANTAR_ENVIRONMENT", "prod", "ANTAR_ENVIRONMENT is 'prod'; use one of sandbox, production, demo"),
        ("ANTAR_LOG_LEVEL", "loud", "ANTAR_LOG_LEVEL is 'LOUD'; use one of DEBUG, INFO, WARNING, ERROR"),
        ("ANTAR_ALERT_NETWORKS", "all", "ANTAR_ALERT_NETWORKS is 'all'; use one of public, private, loopback"),
        ("ANTAR_DATABASE_URL", "mysql://antar:geheim@db/antar", "begins with 'mysql', a database that Antar does not"),
        ("ANTAR_DATABASE_URL", "db.example/geheim", "ANTAR_DATABASE_URL is no address; use sqlite:///FILE"),
        ("ANTAR_DATABASE_URL", "postgresql://antar:geheim@db:port/antar", "ANTAR_DATABASE_URL is no address"),
        ("ANTAR_BROKER_URL", "kafka://x", "ANTAR_BROKER_URL begins with 'kafka'; use memory://"),
    ],
)
def test_a_wrong_environment_is_told_by_its_variable(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    code, _, errors = antar(capsys, "facility", "list")
    assert code == 1
    assert words in errors
    assert "Traceback" not in errors
    assert "geheim" not in errors


def test_an_upstream_cannot_be_pointed_elsewhere_in_production(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTAR_ENVIRONMENT", "production")
    monkeypatch.setenv("ANTAR_SATUSEHAT_URL", "http://evil.example")
    assert "ANTAR_SATUSEHAT_URL is not allowed in production" in antar(capsys, "facility", "list")[2]


def test_separate_processes_need_a_broker_that_they_share(capsys: Capture) -> None:
    assert "needs a broker that processes share" in antar(capsys, "worker")[2]


@pytest.mark.parametrize("url", ["postgresql://antar@127.0.0.1:1/antar", "sqlite:////dev/null/antar.sqlite3"])
def test_without_a_way_to_the_database_that_is_told_in_a_line(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("ANTAR_DATABASE_URL", url)
    code, _, errors = antar(capsys, "facility", "list")
    assert (code, errors.count("\n")) == (1, 1)
    assert errors.startswith("antar: no way to the database of ANTAR_DATABASE_URL: ")
