"""Messages that the engine and the adapters store: each has words in both languages, and none stands in their code."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.messages import at, message, together
from admin.text.words import LANGUAGES, api_sentence, catalogue, english, sentence, speaking

ROOT = Path(__file__).resolve().parents[3]
PREFIX = "stored."
# Words that stand in most Indonesian sentences and in no name of a field or a code.
INDONESIAN = re.compile(
    r"\b(adalah|atau|belum|bukan|dan|dapat|dari|dengan|dihubungi|dikirim|diisi|ditemukan|ditolak|harus|hubungi|isi|"
    r"jawaban|karena|kembali|kiriman|kosong|lagi|menjawab|menunggu|mungkin|oleh|pada|perlu|periksa|sampai|"
    r"sebelum|seseorang|setelah|sudah|tersambung|tidak|tunggu|untuk|yang)\b",
    re.IGNORECASE,
)


def trees() -> Iterator[tuple[str, ast.Module]]:
    for package in ("engine", "adapters"):
        for path in sorted((ROOT / package).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text("utf-8"))


def uses() -> Iterator[tuple[str, str, set[str]]]:
    """Yield (place, key, names of the values) of each message that the code makes."""
    for place, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "message":
                key = node.args[0]
                assert isinstance(key, ast.Constant), f"{place}:{node.lineno}: the key is no literal"
                yield f"{place}:{node.lineno}", str(key.value), {keyword.arg or "**" for keyword in node.keywords}


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def stored(language: str) -> dict[str, str]:
    words = catalogue(language)
    return {key.removeprefix(PREFIX): text for key, text in words.items() if key.startswith(PREFIX)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_message_has_words_with_the_values_that_it_gets(language: str) -> None:
    words = stored(language)
    wrong = [
        f"{place}: {key} {sorted(names)}"
        for place, key, names in uses()
        if key not in words or ("**" not in names and placeholders(words[key]) != names)
    ]
    assert wrong == []


def test_both_languages_have_the_same_placeholders() -> None:
    one, other = (stored(language) for language in LANGUAGES)
    assert one.keys() == other.keys()
    assert [key for key in one if placeholders(one[key]) != placeholders(other[key])] == []


def test_no_message_is_unused() -> None:
    assert stored("id").keys() - {key for _, key, _ in uses()} == set()


def test_no_indonesian_sentence_stands_in_the_code() -> None:
    """Docstrings and comments aside, what people read is in the message catalogues."""
    strays = []
    for place, tree in trees():
        silent = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            is_text = isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent
            if is_text and " " in node.value and INDONESIAN.search(node.value):
                strays.append(f"{place}:{node.lineno}: {node.value}")
    assert strays == []


def test_a_message_is_said_in_the_language_of_the_reader() -> None:
    text = message("find.several", n=2)
    assert sentence(text) == "Ditemukan 2 yang cocok; seseorang perlu memilih."
    assert english(text) == "2 matches were found; somebody has to choose."


def test_messages_within_messages_are_said_too() -> None:
    text = message("token.unavailable", words=message("connection.timeout"))
    assert sentence(text) == "Token tidak dapat diminta: Tidak tersambung dalam batas waktu"
    assert english(text) == "No token can be requested: No connection within the time limit"


def test_a_label_in_both_languages_is_said_in_the_one_of_the_reader() -> None:
    text = (
        '{"say":"account.incomplete","upstream":{"id":"Kementerian","en":"Ministry"},"names":["A",{"id":"B","en":"C"}]}'
    )
    assert sentence(text) == "Kredensial Kementerian belum lengkap: A, B."
    assert english(text) == "The credentials of Ministry are incomplete: A, C."


@pytest.mark.parametrize(
    "text",
    ["Ditemukan 3 yang cocok; seseorang perlu memilih.", "Citizen Not Exists", '{"say":"of.tomorrow","n":1}', ""],
)
def test_rows_of_before_and_the_words_of_others_stay_as_they_are(text: str) -> None:
    with speaking("en"):
        assert sentence(text) == text
    assert api_sentence(text) == text


def test_a_missing_value_breaks_no_page() -> None:
    assert sentence('{"say":"find.several"}') == "Ditemukan … yang cocok; seseorang perlu memilih."


def test_the_api_says_faults_of_the_check_in_english_and_all_else_in_indonesian() -> None:
    faults = together([at("$.birthDate", message("preflight.empty")), at("$.id", message("preflight.id"))])
    with speaking("en"):
        assert api_sentence(message("find.nothing")) == "Tidak ditemukan di sistem tujuan; periksa nomor yang dicari."
    assert api_sentence(faults) == (
        "$.birthDate: must not be empty; leave it out; $.id: must be an id: letters, digits, '-' and '.', at most 64"
    )
    assert sentence(faults).startswith("$.birthDate: tidak boleh kosong; tidak usah dikirim; $.id: harus berupa id")
    assert api_sentence(None) is None
