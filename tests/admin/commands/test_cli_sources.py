"""antar source: a clinic's database is tried, read and told of from the command line."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.admin.commands.test_cli import Capture, antar, environment  # noqa: F401
from tests.engine.small_hub import CATALOG
from tests.engine.sources.unheard_of import SOURCE, TABLES, SqliteClinic


@pytest.fixture(autouse=True)
def clinic(environment: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> SqliteClinic:  # noqa: F811
    """Return the clinic's database; a facility has its credentials."""
    config = CATALOG.replace("adapter: scripted", "adapter: dryrun") + SOURCE
    (environment / "config" / "resources.yaml").write_text(config, "utf-8")
    antar(capsys, "facility", "add", "klinik", "Klinik", "--organization-id", "100099001")
    clinic = SqliteClinic(environment)
    asyncio.run(clinic.run(TABLES))
    answers = iter([str(environment / "tabib.db"), "", "", "", ""])
    monkeypatch.setattr("typer.prompt", lambda *_, **__: next(answers))
    assert antar(capsys, "facility", "credentials", "klinik", "source:tabib")[0] == 0
    return clinic


def test_a_day_is_tried_and_nothing_is_stored(capsys: Capture, clinic: SqliteClinic) -> None:
    asyncio.run(
        clinic.run(
            "INSERT INTO kunjungan VALUES ('K1', '2026-03-10', '08:00:00', 'S', 'batuk');"
            "INSERT INTO kunjungan VALUES ('K2', '2026-03-10', '08:00:00', '?', '');"
            "INSERT INTO kunjungan VALUES ('K3', '2026-03-10', '08:00:00', 'X', '')"
        )
    )
    code, out, _ = antar(capsys, "source", "try", "tabib", "visits", "--day", "2026-03-10")
    assert code == 0
    assert out.startswith("visits -> Visit: 3 rows, 1 good, 1 skipped, 1 refused, ")
    assert '"note":"batuk"' in out
    assert "Kunjungan percobaan tidak dikirim." in out
    assert "$.done" in out
    assert "visits\t" not in antar(capsys, "source", "status")[1]


def test_a_missing_table_is_one_line_and_exit_code_1(capsys: Capture, clinic: SqliteClinic) -> None:
    asyncio.run(clinic.run("DROP TABLE temuan"))
    code, out, _ = antar(capsys, "source", "try", "tabib", "findings", "--day", "2026-03-10")
    assert code == 1
    assert "There is no table temuan in the clinic's database." in out


def test_a_server_that_does_not_answer_is_one_line(capsys: Capture, environment: Path) -> None:  # noqa: F811
    (environment / "tabib.db").unlink()
    code, _, err = antar(capsys, "source", "try", "tabib")
    assert (code, err.startswith("antar: The clinic's database server does not answer.")) == (1, True)


def test_a_source_is_started_paused_and_told(capsys: Capture) -> None:
    assert antar(capsys, "source", "status")[1] == "tabib: not started\n"
    started = antar(capsys, "source", "start", "tabib", "--from", "2026-03-01")
    assert started[:2] == (0, "tabib is read from 2026-03-01 on\n")
    out = antar(capsys, "source", "status")[1]
    assert out.startswith("tabib: running from 2026-03-01\n")
    assert "  visits\t2 days\tnot read yet\n" in out
    antar(capsys, "source", "pause", "tabib")
    assert antar(capsys, "source", "status")[1].startswith("tabib: paused")


def test_some_days_are_read_once_if_the_source_is_read(capsys: Capture) -> None:
    asked = ("source", "read", "tabib", "visits", "--from", "2026-01-01", "--until", "2026-01-31")
    assert "start it with: antar source start tabib" in antar(capsys, *asked)[2]
    antar(capsys, "source", "start", "tabib")
    assert antar(capsys, *asked)[0] == 0
    assert "visits\t2026-01-01 to 2026-01-31\tnot read yet" in antar(capsys, "source", "status")[1]


def test_the_grants_are_printed_in_the_servers_words(capsys: Capture, environment: Path) -> None:  # noqa: F811
    file = environment / "config" / "resources.yaml"
    file.write_text(file.read_text("utf-8").replace("system: sqlite", "system: mariadb"), "utf-8")
    out = antar(capsys, "source", "grants", "tabib", "--database", "sik", "--host", "10.0.0.5")[1]
    assert out.splitlines() == [
        "CREATE USER 'antar'@'10.0.0.5' IDENTIFIED BY 'PASSWORD';",
        "GRANT SELECT ON `sik`.`kunjungan` TO 'antar'@'10.0.0.5';",
        "GRANT SELECT ON `sik`.`temuan` TO 'antar'@'10.0.0.5';",
    ]
    assert "IDENTIFIED BY 'PASSWORD' REQUIRE SSL;" in antar(capsys, "source", "grants", "tabib", "--tls")[1]


def test_an_unknown_source_or_read_is_told(capsys: Capture) -> None:
    assert "did you mean 'tabib'?" in antar(capsys, "source", "try", "tabip")[2]
    assert "did you mean 'visits'?" in antar(capsys, "source", "try", "tabib", "visit")[2]


def test_a_source_is_shown_with_its_reads(capsys: Capture) -> None:
    assert "tabib   Tabib  sqlite  visits, findings" in antar(capsys, "show")[1]
    out = antar(capsys, "show", "tabib")[1]
    assert "tables    kunjungan, temuan" in out
    assert "visits    Visit    2 days every 60 s, 30 days every 3600 s  withdraws" in out
