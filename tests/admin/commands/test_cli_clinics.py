"""antar facility and user: clinics, credentials and people; every secret may come from a file or the environment."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.admin.commands.test_cli import Capture, antar, environment  # noqa: F401 - it sets up an installation

ADD = ("facility", "add", "klinik", "Klinik", "--organization-id", "100012345")
PASSWORD = "kata-sandi-panjang"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("kli nik", "Klinik", "--organization-id", "1"), "'kli nik' is no code of a clinic"),
        (("klinik", "Klinik", "--organization-id", "https://x/1"), "'https://x/1' is no organization id"),
        (("klinik", "Klinik", "--organization-id", "1" * 41), "is no organization id"),
    ],
)
def test_a_clinic_with_a_wrong_code_or_id_is_not_added(capsys: Capture, arguments: tuple[str, ...], words: str) -> None:
    code, _, errors = antar(capsys, "facility", "add", *arguments)
    assert (code, words in errors) == (1, True), errors
    assert antar(capsys, "facility", "list")[1] == ""


def test_a_clinic_is_changed_and_listed_with_its_credentials(capsys: Capture, tmp_path: Path) -> None:
    antar(capsys, *ADD)
    assert antar(capsys, "facility", "list")[1] == "klinik\tKlinik\tAsia/Jakarta\t100012345\tno credentials\n"
    antar(capsys, "facility", "edit", "klinik", "--name", "Klinik Baru", "--time-zone", "Asia/Jayapura")
    (secrets := tmp_path / "secrets").write_text("# of the ministry\n\nsecret = a=b \n")
    stored = antar(capsys, "facility", "credentials", "klinik", "ministry", "--file", str(secrets))
    assert stored[:2] == (0, "stored secret; next: antar facility test klinik\n")
    assert antar(capsys, "facility", "list")[1] == "klinik\tKlinik Baru\tAsia/Jayapura\t100012345\tministry\n"


def test_a_change_of_nothing_is_told(capsys: Capture) -> None:
    assert "say what to change" in antar(capsys, "facility", "edit", "klinik")[2]


def test_credentials_come_from_the_environment_too_and_what_is_not_given_stays(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    antar(capsys, *ADD)
    monkeypatch.setenv("ANTAR_CREDENTIAL_SECRET", "rahasia")
    enter = ("facility", "credentials", "klinik", "ministry")
    assert antar(capsys, *enter)[1].startswith("stored secret;")
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert antar(capsys, *enter, "--file", "-")[1] == "nothing was entered\n"
    assert antar(capsys, "facility", "list")[1].endswith("\tministry\n")


def test_a_wrong_line_of_a_file_of_credentials_is_named_without_its_value(capsys: Capture, tmp_path: Path) -> None:
    antar(capsys, *ADD)
    (secrets := tmp_path / "secrets").write_text("secrett=rahasia\n")
    errors = antar(capsys, "facility", "credentials", "klinik", "ministry", "--file", str(secrets))[2]
    assert errors == f"antar: {secrets}:1: each line is NAME=VALUE with a name of secret\n"


def test_the_upstreams_of_a_clinic_are_called_and_the_answers_told(capsys: Capture) -> None:
    antar(capsys, *ADD)
    assert "klinik has no credentials yet" in antar(capsys, "facility", "test", "klinik")[2]
    code, found, _ = antar(capsys, "facility", "test", "klinik", "ministry")
    assert (code, found) == (1, "ministry\tConnection\tThe address of Kementerian is not set for this environment.\n")
    assert "no upstream 'else'; known: ministry" in antar(capsys, "facility", "test", "klinik", "else")[2]


def test_a_person_gets_the_password_of_a_file_or_of_the_environment(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    antar(capsys, *ADD)
    (file := tmp_path / "password").write_text(f"{PASSWORD}\n")
    assert antar(capsys, "user", "add", "budi", "--password-file", str(file), "--facility", "klinik")[0] == 0
    monkeypatch.setenv("ANTAR_PASSWORD", PASSWORD)
    assert antar(capsys, "user", "add", "sari", "--role", "superadmin")[0] == 0
    listed = antar(capsys, "user", "list")[1]
    assert listed == "budi\tadmin\tklinik\tmay log in\nsari\tsuperadmin\tall clinics\tmay log in\n"


def test_a_person_is_removed_but_never_the_last_manager(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTAR_PASSWORD", PASSWORD)
    antar(capsys, "user", "add", "budi")
    antar(capsys, "user", "add", "sari", "--role", "superadmin")
    assert antar(capsys, "user", "remove", "budi")[:2] == (0, "budi is removed\n")
    assert antar(capsys, "user", "remove", "sari")[2] == "antar: nobody could manage users any more\n"
    assert "no user 'budi'" in antar(capsys, "user", "remove", "budi")[2]
    assert antar(capsys, "user", "list")[1] == "sari\tsuperadmin\tall clinics\tmay log in\n"
