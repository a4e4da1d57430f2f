"""Search for a record page by page; only a search that saw every row proves that the record is missing."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.base import Call, Reply, Verdict
from admin.text.words import sentence
from engine.sending.find import MAX_PAGES, FindResult, look
from engine.source.faults import Faults
from engine.specs.record_type import Find
from engine.templates.shapes import ANY
from engine.templates.template import Compiler
from tests.engine.templates.trees import node

pytestmark = pytest.mark.anyio

NAMES = dict.fromkeys(("record", "body", "candidate", "start", "limit", "page"), ANY)


def finding(page_size: int | None = 100, total: str | None = "{{ body.count }}") -> Find:
    faults = Faults()
    compiler = Compiler(faults)

    def expression(text: str) -> Any:
        return compiler.expression(node(f"'{text}'"), "find", NAMES)

    find = Find(
        "unsure",
        compiler.path(node("'/days/1/{{ start }}/{{ limit }}'" if page_size else "'/days/1'"), "find.path", NAMES),
        None,
        expression("{{ body.list }}"),
        expression("{{ candidate.poli.code == record.poli }}"),
        expression("{{ candidate.id }}"),
        None,
        page_size,
        expression(total) if total else None,
    )
    faults.raise_if_any()
    return find


def row(number: int, poli: Any = "001") -> dict[str, Any]:
    return {"id": f"A{number}", "poli": {"code": poli} if poli else None}


class Register:
    """A register that answers with at most `cap` rows; `deaf`: it ignores where a page should start."""

    def __init__(self, rows: list[dict[str, Any]], cap: int = 100, *, deaf: bool = False, **envelope: Any) -> None:
        self.rows, self.cap, self.deaf, self.envelope = rows, cap, deaf, envelope
        self.paths: list[str] = []

    async def __call__(self, call: Call) -> Reply:
        self.paths.append(call.path)
        parts = call.path.split("/")
        start, limit = (int(parts[3]), int(parts[4])) if len(parts) > 4 else (0, len(self.rows))
        first = 0 if self.deaf else start
        rows = self.rows[first : first + min(limit, self.cap)]
        return Reply(Verdict.ACCEPTED, 200, content={"count": len(self.rows), "list": rows, **self.envelope})


async def search(find: Find, register: Register, poli: str = "wanted") -> FindResult:
    return await look(find, {"record": {"poli": poli}}, register)


async def test_the_row_on_the_last_page_is_found() -> None:
    register = Register([*map(row, range(150)), row(150, "wanted")])
    assert await search(finding(), register) == FindResult(reference="A150")
    assert register.paths == ["/days/1/0/100", "/days/1/100/100"]


@pytest.mark.parametrize("cap", [100, 40])
async def test_a_server_that_gives_less_than_was_asked_for_is_asked_on(cap: int) -> None:
    register = Register([*map(row, range(150)), row(150, "wanted")], cap)
    assert await search(finding(500), register) == FindResult(reference="A150")


async def test_all_rows_read_and_none_ours_is_not_there() -> None:
    assert await search(finding(), Register([row(n) for n in range(250)])) == FindResult()


@pytest.mark.parametrize(
    "register",
    [Register([row(n) for n in range(151)], deaf=True), Register([row(0)], count=151), Register([row(0)], count="151")],
    ids=["the same page each time", "fewer rows than it says", "said as a text"],
)
async def test_rows_that_do_not_come_prove_nothing(register: Register) -> None:
    result = await search(finding(), register)
    assert result.problem is not None
    assert "dari 151 baris" in sentence(result.problem)


async def test_one_answer_for_all_proves_nothing_when_it_was_cut() -> None:
    result = await search(finding(page_size=None), Register([row(0)], count=2))
    assert result.problem is not None
    assert "hanya memperoleh 1 dari 2 baris" in sentence(result.problem)


async def test_what_is_found_is_adopted_though_rows_are_missing() -> None:
    assert await search(finding(), Register([row(1, "wanted")], count=9)) == FindResult(reference="A1")


async def test_without_a_total_a_page_that_is_not_full_is_the_last() -> None:
    register = Register([row(n) for n in range(150)])
    assert await search(finding(total=None), register) == FindResult()
    assert len(register.paths) == 2


async def test_pages_are_bounded() -> None:
    register = Register([row(n) for n in range(50 * MAX_PAGES)], 10)
    result = await search(finding(), register)
    assert (len(register.paths), "tidak berakhir" in sentence(result.problem)) == (MAX_PAGES, True)


async def test_one_unreadable_row_hides_no_other() -> None:
    register = Register([row(1, None), row(2, "wanted"), row(3, None)])
    assert await search(finding(), register) == FindResult(reference="A2")


async def test_an_unreadable_row_may_be_the_one_that_is_looked_for() -> None:
    result = await search(finding(), Register([row(1), row(2, None)]))
    assert result.problem is not None
    assert "tidak dapat dibaca" in sentence(result.problem)
    assert "candidate.poli is null" in result.problem


async def test_two_that_match_are_left_to_a_person_on_whatever_page() -> None:
    register = Register([row(0, "wanted"), *map(row, range(1, 150)), row(150, "wanted")])
    assert "2 yang cocok" in sentence((await search(finding(), register)).problem)
