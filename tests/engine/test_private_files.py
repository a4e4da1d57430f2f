"""Private files: only their owner may read database, journals and backups, whatever the umask."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from engine.database.database import Database
from engine.database.migrate import migrate
from engine.facilities.vault import new_key
from engine.maintenance.backup import back_up
from engine.maintenance.restore import restore
from engine.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
def umask(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Yield a folder, under a umask that is too wide or too narrow."""
    before = os.umask(request.param)
    yield tmp_path
    os.umask(before)


def modes(folder: Path) -> dict[str, str]:
    return {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in sorted(folder.iterdir())}


def change_modes(folder: Path, mode: int) -> None:
    for path in folder.iterdir():
        path.chmod(mode)


def settings_of(file: Path) -> Settings:
    return Settings("demo", f"sqlite:///{file}", secret_keys=(new_key(),))


@pytest.mark.parametrize("umask", [0o000, 0o022], ids=oct, indirect=True)
async def test_the_database_its_journals_its_folder_and_its_backup_are_the_owners_alone(umask: Path) -> None:
    folder = umask / "var"
    settings = settings_of(folder / "antar.sqlite3")
    database = Database(settings.database_url)
    await migrate(database, "demo")
    assert modes(folder) == {f"antar.sqlite3{suffix}": "0o600" for suffix in ("", "-shm", "-wal")}
    await back_up(settings, database, folder / "backup")
    await database.close()
    await restore(settings_of(umask / "new" / "antar.sqlite3"), folder / "backup")
    assert modes(umask / "new") == {"antar.sqlite3": "0o600"}
    assert modes(folder)["backup"] == "0o600"
    assert modes(umask) == {"new": "0o700", "var": "0o700"}


@pytest.mark.parametrize("umask", [0o377], ids=oct, indirect=True)
async def test_a_narrow_umask_does_not_lock_the_owner_out(umask: Path) -> None:
    database = Database(f"sqlite:///{umask}/antar.sqlite3")
    assert (await database.fetch(text("SELECT 1"))) == [(1,)]
    assert modes(umask)["antar.sqlite3"] == "0o600"
    await database.close()


async def test_a_database_that_others_could_read_is_tightened_at_start_with_a_line_in_the_log(tmp_path: Path) -> None:
    file = tmp_path / "antar.sqlite3"
    database = Database(f"sqlite:///{file}")
    await migrate(database, "demo")
    change_modes(tmp_path, 0o644)
    with capture_logs() as lines:
        again = Database(f"sqlite:///{file}")
    assert set(modes(tmp_path).values()) == {"0o600"}
    assert {(line["event"], line["file"], line["before"], line["after"]) for line in lines} == {
        ("file_mode_tightened", f"antar.sqlite3{suffix}", "0644", "0600") for suffix in ("", "-wal", "-shm")
    }
    await again.close()
    await database.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "var"
    made.mkdir(0o750)
    return made


async def test_a_folder_that_is_there_keeps_its_mode(folder: Path, tmp_path: Path) -> None:
    await Database(f"sqlite:///{folder}/antar.sqlite3").close()
    assert modes(tmp_path) == {"var": "0o750"}
