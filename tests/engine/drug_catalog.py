"""Hub whose goods must be mapped to the codes of a register before deliveries that name them are sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from engine.code_lists import synchronisations
from engine.mapping.confirm import Choice, Confirmed, confirm
from engine.mapping.review import review_items
from engine.specs.code_list import CodeListRow
from engine.specs.his_source import HisSource
from engine.specs.mapping import MappingSpec
from engine.specs.text import Text
from tests.conftest import Clock
from tests.engine.small_hub import CATALOG, SmallHub, open_small_hub

REGISTER = """
code_lists:
  register:
    label: Register
    group: Referensi
    upstream: ministry
    path: /Register
    rows: "{{ body.found }}"
    shared: true
    key: "{{ row.code }}"
    withdrawn: "{{ row.withdrawn }}"
    one: {path: "/Register/{{ key }}", row: "{{ body.found }}"}
    columns:
      name: {label: Nama, value: "{{ row.name }}"}
      level: {label: Tingkat, value: "{{ row.level }}"}
      amount: {label: Kekuatan, value: "{{ row.amount }}"}
      form: {label: Bentuk, value: "{{ row.form }}"}
      successor: {label: Pengganti, value: "{{ row.successor }}"}
    example: {code: C1, name: Kopi, level: finished, amount: 10 mg, form: Bubuk, successor: null, withdrawn: false}
vocabularies:
  goods:
    abbreviations: {bbk: bubuk}
    terms: {forms: {Bubuk: [bubuk], Cair: [cair]}}
mappings:
  goods:
    label: Pemetaan Barang
    upstream: ministry
    item: Good
    one: barang
    many: Barang
    code: Kode Register
    title: Nama Register
    key: "{{ record.code }}"
    name: "{{ record.name }}"
    active: "{{ record.active is not false }}"
    record:
      required: [code, name]
      properties:
        code: {type: string}
        name: {type: string}
        shelf: {type: string}
        active: {type: boolean}
        at: {type: string}
    columns: {shelf: {label: Rak, value: "{{ record.shelf }}"}}
    example: {code: B1, name: Kopi bubuk 10 mg}
    catalogue: {list: register, name: name, found_by: [name], only: {level: [finished, raw]}, replacement: successor}
    vocabulary: goods
    help: {shelf: Rak di gudang}
    bulk: {name: [same], amount: [same], form: [same]}
    parts:
      name: {label: Nama, kind: words, ours: "{{ record.name }}", theirs: name, weight: 3}
      amount: {label: Kekuatan, kind: quantity, ours: "{{ record.name }}", theirs: amount, weight: 2, veto: true}
      form: {label: Bentuk, kind: term, terms: forms, ours: "{{ record.name }}", theirs: form, veto: true}
specs:
  Order:
    label: Pesanan
    group: Uji
    upstream: ministry
    endpoint: {path: /Order}
    update: {path: "/Order/{{ reference }}"}
    key: "{{ record.id }}"
    date: "{{ record.at }}"
    record:
      required: [id, goods, at]
      properties: {id: {type: string}, goods: {type: array, items: {type: string}}, at: {type: string}}
    needs: {goods: {mapping: goods, each: "{{ record.goods }}", key: "{{ item }}"}}
    columns: {goods: {label: Barang, value: "{{ record.goods | length }}"}}
    payload:
      kind: Order
      identifier: "{{ record.id }}"
      goods: {$for: "{{ needs.goods }}", $as: good, $each: {code: "{{ good.reference }}", name: "{{ good.row.name }}"}}
    example: {id: O1, goods: [B1], at: "2026-03-10T08:00:00+07:00"}
  Handover:
    label: Penyerahan
    group: Uji
    upstream: ministry
    endpoint: {path: /Handover}
    key: "{{ record.id }}"
    date: "{{ record.at }}"
    record:
      required: [id, good, at]
      properties: {id: {type: string}, good: {type: string}, at: {type: string}}
    needs:
      good:
        mapping: goods
        key: "{{ record.good }}"
        accept: {where: {level: [finished]}, reason: Penyerahan butuh barang jadi.}
    columns: {good: {label: Barang, value: "{{ record.good }}"}}
    payload: {kind: Handover, identifier: "{{ record.id }}", good: "{{ needs.good.reference }}"}
    example: {id: H1, good: B1, at: "2026-03-10T08:00:00+07:00"}
"""

ROWS = {
    "C1": {"name": "Kopi 10 mg Bubuk", "level": "finished", "amount": "10 mg", "form": "Bubuk", "successor": None},
    "C2": {"name": "Kopi 20 mg Bubuk", "level": "finished", "amount": "20 mg", "form": "Bubuk", "successor": None},
    "C3": {"name": "Kopi 10 mg Cair", "level": "finished", "amount": "10 mg", "form": "Cair", "successor": None},
    "R1": {"name": "Kopi 10 mg", "level": "raw", "amount": "10 mg", "form": None, "successor": None},
    "P1": {"name": "Kopi, dus", "level": "pack", "amount": "10 mg", "form": "Bubuk", "successor": None},
}


# A clinic's system that has codes of its own for the goods.
TABIB = HisSource(
    name="tabib",
    label=Text("Tabib", "Tabib"),
    system="sqlite",
    credentials={},
    patience=5,
    grants=(),
    tables={},
    reads={},
    adopt={},
    codes={"goods": "SELECT 1"},
)


class DrugCatalog:
    """The hub, its mapping, and the actions of people."""

    def __init__(self, antar: SmallHub) -> None:
        self.antar = antar
        self.database = antar.hub.database
        self.facility = antar.facility

    @property
    def mapping(self) -> MappingSpec:
        return self.antar.hub.catalog.mappings["goods"]

    async def read_register(self, *withdrawn: str) -> None:
        """Store the register as read; the given codes are withdrawn."""
        await synchronisations.begin(self.database, 0, "register", "sari")
        held = await synchronisations.lease_next(self.database)
        assert held is not None
        rows = [CodeListRow(key, content, key in withdrawn) for key, content in ROWS.items()]
        await synchronisations.store_page(self.database, held, rows, done=1, offset=0, total=1)
        after = [lambda tx: review_items(tx, self.mapping, 0)]
        await synchronisations.finish(self.database, held, after)

    async def item(self, key: str) -> Any:
        query = text("SELECT * FROM items WHERE item = 'Good' AND key = :key")
        [row] = await self.database.fetch(query, {"key": key})
        return row

    async def confirm(self, key: str, code: str, seen: str | None = None, actor: str = "sari") -> Confirmed:
        choice = Choice((await self.item(key)).id, code, seen)
        return await confirm(self.database, self.mapping, self.facility.id, [choice], actor)


def catalog() -> str:
    """Return the small hub's catalog with the register, the mapping, and two types that need it."""
    before, specs = CATALOG.split("code_lists:\n", 1)
    lists, specs = specs.split("specs:\n", 1)
    register, mappings = REGISTER.removeprefix("\ncode_lists:\n").split("vocabularies:\n", 1)
    mappings, orders = mappings.split("specs:\n", 1)
    return f"{before}code_lists:\n{lists}{register}vocabularies:\n{mappings}specs:\n{orders}{specs}"


async def open_drug_catalog(tmp_path: Path, database_url: str, clock: Clock) -> DrugCatalog:
    """Open the hub with the register read and nothing mapped."""
    opened = DrugCatalog(await open_small_hub(tmp_path, database_url, clock, catalog()))
    await opened.read_register()
    return opened


@pytest.fixture
async def drugs(tmp_path: Path, database_url: str, clock: Clock, database: object) -> AsyncIterator[DrugCatalog]:
    """Yield the hub; its counters must be right when the test has finished."""
    opened = await open_drug_catalog(tmp_path, database_url, clock)
    yield opened
    assert await opened.antar.counters_are_right()
    await opened.antar.hub.close()
