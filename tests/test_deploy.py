"""Files for deployment: their commands exist, their variables are documented, and the units are sound."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from admin.cli import make_app
from admin.http.admission import MAX_PROCESS_BYTES
from admin.http.connections import MAX_CONNECTIONS, RESERVED_DESCRIPTORS
from admin.pages.mapping.spreadsheet import MAX_READERS
from admin.pages.mapping.spreadsheet_reader import MAX_MEMORY_BYTES
from engine.facilities.vault import new_key
from engine.settings import ROOT, from_environment
from tests.conftest import POSTGRESQL

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
OURS = {name: service for name, service in COMPOSE["services"].items() if service.get("image") == "antar"}
PROCESSES = 4


def commands() -> set[str]:
    group = typer.main.get_command(make_app())
    return set(group.commands)  # type: ignore[attr-defined]


def documented() -> set[str]:
    """Return the variables that the manual for operators names."""
    return set(re.findall(r"`(ANTAR_[A-Z_]+)`", (ROOT / "docs" / "operate.md").read_text("utf-8")))


def test_every_command_that_is_started_is_there() -> None:
    started = {re.search(r"bin/antar (\w+)", unit.read_text("utf-8"))[1] for unit in UNITS}  # type: ignore[index]
    containers = {service["command"][0] for service in OURS.values() if "entrypoint" not in service}
    assert started | containers <= commands()
    assert {"web", "worker", "backup"} == OURS.keys()


@pytest.mark.parametrize(("fails", "slept"), [("", "86400"), ("yes", "600")])
def test_the_container_of_backups_takes_one_a_day_and_tries_again_sooner(
    fails: str, slept: str, tmp_path: Path
) -> None:
    """Run its loop with stand-ins for `antar`, and for `sleep`, which ends it."""
    (tmp_path / "antar").write_text(f'#!/bin/sh\necho "$@"\nexit {1 if fails else 0}\n')
    (tmp_path / "sleep").write_text('#!/bin/sh\necho "sleep $1"\nkill $PPID\n')
    for tool in tmp_path.iterdir():
        tool.chmod(0o755)
    [loop] = OURS["backup"]["command"]
    shell = [*OURS["backup"]["entrypoint"], loop.replace("$$", "$")]
    environ = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "LC_ALL": "C"}
    ran = subprocess.run(shell, capture_output=True, text=True, env=environ, timeout=30)
    backup, pause = ran.stdout.splitlines()
    assert re.fullmatch(r"backup /backup/antar-[A-Z][a-z]{2}", backup)
    assert pause == f"sleep {slept}"
    assert OURS["backup"]["volumes"] == ["./backup:/backup"]


def shell_lines() -> list[str]:
    """Return the commands of the manual for operators."""
    return re.findall(r"^ {4}(\S.*)$", (ROOT / "docs" / "operate.md").read_text("utf-8"), re.MULTILINE)


def test_the_manual_makes_the_user_the_folders_and_the_database_that_the_units_name() -> None:
    lines = "\n".join(shell_lines())
    for unit in UNITS:
        text = unit.read_text("utf-8")
        user, folder, environment = (
            re.search(rf"^{name}=(\S+)$", text, re.MULTILINE)[1]  # type: ignore[index]
            for name in ("User", "WorkingDirectory", "EnvironmentFile")
        )
        assert f"useradd --system --home-dir /var/lib/antar --shell /usr/sbin/nologin {user}\n" in lines
        assert f" {folder}\n" in lines
        assert f"deploy/env.example {environment}\n" in lines
        assert f"createuser {user}\n" in lines


@pytest.mark.parametrize("line", [line for line in shell_lines() if line.startswith(("antar ", "as_antar "))])
def test_every_command_of_the_manual_is_there(line: str) -> None:
    words = line.split("#")[0].split()[1:]
    group: Any = typer.main.get_command(make_app())
    while hasattr(group, "commands"):
        group = group.commands[words.pop(0)]
    options = {name for parameter in group.params for name in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


def test_every_variable_is_documented() -> None:
    example = re.findall(r"^(\w+)=", (DEPLOY / "env.example").read_text("utf-8"), re.MULTILINE)
    named = {*example, *(name for service in OURS.values() for name in service["environment"])} - {"POSTGRES_PASSWORD"}
    assert named - documented() == set()
    read = set(re.findall(r'"(ANTAR_[A-Z_]+)"', (ROOT / "engine" / "settings.py").read_text("utf-8")))
    assert read - documented() - {"ANTAR_"} == set()


def test_two_workers_beside_one_web_get_their_time_to_end() -> None:
    assert OURS["worker"]["deploy"]["replicas"] == 2
    assert int(OURS["worker"]["stop_grace_period"].rstrip("s")) > 25 + 5
    assert all(service["read_only"] and service["cap_drop"] == ["ALL"] for service in OURS.values())


def test_every_unit_is_confined_alike() -> None:
    kept = [
        set(re.findall(r"^(?:Protect|Private|Restrict|System|NoNew|Capab)\S+", unit.read_text(), re.M))
        for unit in UNITS
    ]
    assert kept == [kept[0]] * len(UNITS)
    assert "NoNewPrivileges=true" in kept[0]


MIB = 1024 * 1024
AT_REST_BYTES = 250 * MIB
DECODED = 8
"""Times its bytes that a body takes in memory on its way to the database."""


def web_needs() -> int:
    """Return the bytes of a web process that does everything it may do at once."""
    return AT_REST_BYTES + DECODED * MAX_PROCESS_BYTES + MAX_READERS * MAX_MEMORY_BYTES


def test_every_unit_has_limits_and_they_fit_what_the_program_allows_itself() -> None:
    limits = {
        unit.stem: dict(re.findall(r"^(MemoryMax|TasksMax|LimitNOFILE)=(\w+)$", unit.read_text(), re.M))
        for unit in UNITS
    }
    assert all(set(unit_limits) == {"MemoryMax", "TasksMax", "LimitNOFILE"} for unit_limits in limits.values()), limits
    assert int(limits["antar-web"]["MemoryMax"].rstrip("M")) * MIB >= web_needs()
    assert int(limits["antar-web"]["LimitNOFILE"]) >= MAX_CONNECTIONS + RESERVED_DESCRIPTORS


def test_every_container_of_ours_has_limits_too() -> None:
    assert all({"mem_limit", "pids_limit", "ulimits"} <= service.keys() for service in OURS.values())
    assert int(OURS["web"]["mem_limit"].rstrip("m")) * MIB >= web_needs()
    assert OURS["web"]["ulimits"]["nofile"] >= MAX_CONNECTIONS + RESERVED_DESCRIPTORS


def test_prometheus_asks_where_it_is_told_and_finds_its_alarms() -> None:
    asked = yaml.safe_load((DEPLOY / "prometheus.yml").read_text("utf-8"))
    assert [job["job_name"] for job in asked["scrape_configs"]] == ["antar-web", "antar-worker"]
    assert all((DEPLOY / name).is_file() for name in asked["rule_files"])


def test_whoever_listens_everywhere_is_found_at_an_address() -> None:
    environ = {"ANTAR_SECRET_KEY": new_key(), "ANTAR_HOST": "0.0.0.0"}
    assert from_environment(environ).panel == "http://127.0.0.1:8000"
    assert from_environment({**environ, "ANTAR_PUBLIC_URL": "https://antar.test/"}).panel == "https://antar.test"


def test_what_the_image_is_made_of_is_there() -> None:
    lines = (DEPLOY / "Dockerfile").read_text("utf-8").splitlines()
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--from" not in line]
    assert [name for names in copied for name in names if not (ROOT / name).exists()] == []


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_the_units_are_sound(unit: Path, tmp_path: Path) -> None:
    here = tmp_path / unit.name.replace("@", "@1")
    here.write_text(unit.read_text("utf-8").replace("/opt/antar/.venv/bin/antar", sys.executable), "utf-8")
    verification = subprocess.run(["systemd-analyze", "verify", here], capture_output=True, text=True)
    assert [line for line in verification.stderr.splitlines() if unit.stem.rstrip("@") in line] == []


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_processes_that_start_at_once_on_an_empty_database_all_come_up(kind: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/empty.sqlite3" if kind == "sqlite" else POSTGRESQL
    if not url:
        pytest.skip("ANTAR_TEST_DATABASE_URL is not set")
    if kind == "postgresql":
        for statement in ("DROP SCHEMA public CASCADE", "CREATE SCHEMA public"):
            subprocess.run(["psql", "-q", "-c", statement, url], check=True, capture_output=True)
    environ = {**os.environ, "ANTAR_DATABASE_URL": url, "ANTAR_SECRET_KEY": new_key(), "ANTAR_ENVIRONMENT": "demo"}
    start = [sys.executable, "-m", "admin", "facility", "list"]
    started = [subprocess.Popen(start, cwd=ROOT, env=environ, stderr=subprocess.PIPE) for _ in range(PROCESSES)]
    errors = [process.communicate(timeout=120)[1] for process in started]
    assert [(process.returncode, words) for process, words in zip(started, errors, strict=True)] == [
        (0, b"")
    ] * PROCESSES
