"""Base of all views of the settings: rows through the hub's database by keyset, words from the catalogue."""

from __future__ import annotations

import builtins
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

from sqladmin import ModelView, expose
from sqladmin.authorization import Action
from sqladmin.flash import flash
from sqladmin.pagination import Pagination
from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute
from starlette.datastructures import URL
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from admin.http.parameters import MAX_INTEGER
from admin.pages.errors import status_message, status_of
from admin.people.administrators import NoManagerLeft
from admin.settings.request import person_of
from admin.text.words import say
from engine.database.audit import note, note_now
from engine.database.statements import Query
from engine.database.transaction import ModelTransaction
from engine.hub import Hub

R = TypeVar("R", bound=NamedTuple)  # row of a view
T = TypeVar("T")
Change = Callable[[ModelTransaction], Coroutine[Any, Any, T]]
PAGE_ROWS = 50


class SettingsRefused(Exception):
    """A change cannot be made; the message is for the person who asked for it."""


@dataclass
class Keyset(Pagination):
    """Page of a list with the interface that SQLAdmin expects, but with addresses of the other pages, not numbers."""

    first: str = ""
    newer: str = ""
    older: str = ""

    def add_pagination_urls(self, base_url: URL) -> None:
        """Do nothing: there are no page numbers."""


class SettingsView(ModelView, Generic[R]):
    """View of one table. `word` is its identity and the beginning of its message keys."""

    row: type[R]  # columns that are read
    hub: ClassVar[Hub]
    word: ClassVar[str]
    columns: ClassVar[Sequence[str]]  # of the list
    newest_first: ClassVar[bool] = False
    removable: ClassVar[bool] = False
    fixed: ClassVar[frozenset[str]] = frozenset()  # fields that are entered when the row is made, and never changed
    can_create = can_edit = can_delete = can_export = can_import = False
    list_template = "sqladmin/list.html"
    details_template = "sqladmin/details.html"
    create_template = edit_template = "sqladmin/form.html"

    @property
    def title(self) -> str:
        return say(f"settings.{self.word}")

    @property
    def about(self) -> str:
        """Return the purpose of the table in a few words."""
        return say(f"settings.{self.word}.about")

    @property
    def empty_words(self) -> str:
        """Return what is said of a list without rows."""
        return say("settings.empty")

    def label(self, name: str) -> str:
        """Return the label of a column or a field."""
        return say(f"settings.{self.word}.{name}")

    def hint(self, name: str, obj: R | None) -> str:
        """Return the hint below a field; `obj` is the row that is being changed, None for a new one."""
        return ""

    def may_remove(self, request: Request, row: R) -> bool:
        """Return True if the person may remove the row: removing asks for the same right as changing."""
        return self.has_permission(request, Action.EDIT, row)

    def can_remove(self, row: R) -> bool:
        """Return True if the row can be removed."""
        return self.removable

    def elsewhere(self, row: R) -> str:
        """Return the address of the panel's page about the row; empty if there is none."""
        return ""

    def query(self, request: Request) -> Select[Any]:
        """Select all rows that the person may see."""
        return self.columns_of_row()

    def columns_of_row(self, **joined: InstrumentedAttribute[Any]) -> Select[Any]:
        """Select the columns of `row`: those of the table and, by name, `joined` ones of other tables."""
        columns = self.model.__table__.columns  # type: ignore[attr-defined]
        return select(*(joined[name] if name in joined else columns[name] for name in self.row._fields))

    def cells(self, request: Request, row: R) -> dict[str, Any]:
        """Return the cells of a row by column."""
        return {name: getattr(row, name) for name in self.columns}

    def facts(self, request: Request, row: R) -> builtins.list[tuple[str, Any]]:
        """Return (label, value) pairs for the page of one row."""
        return [(self.label(name), value) for name, value in self.cells(request, row).items() if value != ""]

    def key(self, row: R) -> str:
        """Return the key of the row in addresses."""
        return str(getattr(row, self.pk_columns[0].name))

    async def list(self, request: Request) -> Keyset:
        """Return a page of rows in the order of their keys."""
        column, after = self.pk_columns[0], self._as_key(request.query_params.get("after"))
        query = self.query(request).order_by(column.desc() if self.newest_first else column).limit(PAGE_ROWS + 1)
        if after is not None:
            query = query.where(column < after if self.newest_first else column > after)
        rows = await self.hub.database.fetch(Query(query, self.row))
        more = f"?{urlencode({'after': self.key(rows[PAGE_ROWS - 1])})}" if len(rows) > PAGE_ROWS else ""
        return Keyset(rows[:PAGE_ROWS], 1, PAGE_ROWS, len(rows), first="?" if after is not None else "", older=more)

    async def one(self, request: Request, key: str) -> R | None:
        """Return the row, None if it does not exist or the person may not see it."""
        value = self._as_key(key)
        if value is None:
            return None
        return await self.hub.database.first(Query(self.query(request).where(self.pk_columns[0] == value), self.row))

    async def get_object_for_details(self, request: Request) -> R | None:
        return await self.one(request, request.path_params["pk"])

    async def get_object_for_edit(self, request: Request) -> R | None:
        return await self.one(request, request.path_params["pk"])

    async def get_form_data_for_edit(self, obj: R) -> dict[str, Any]:
        """Return the values of the form for a row."""
        raise NotImplementedError

    async def add(self, request: Request, form: Mapping[str, Any]) -> Any:
        """Insert a row from the values of a form and return its key; raise SettingsRefused."""
        raise NotImplementedError

    async def alter(self, request: Request, key: str, form: Mapping[str, Any]) -> None:
        """Change a row to the values of a form; raise SettingsRefused."""
        raise NotImplementedError

    async def take_away(self, request: Request, row: R) -> None:
        """Remove a row; raise SettingsRefused."""
        raise NotImplementedError

    async def insert_model(self, request: Request, data: dict[str, Any]) -> Any:
        return self._model_of(await self._with_messages(request, self.add(request, data)))

    async def update_model(self, request: Request, pk: str, data: dict[str, Any]) -> Any:
        await self._with_messages(request, self.alter(request, pk, data))
        flash(request, say("settings.saved"))
        return self._model_of(self._as_key(pk))

    @expose("/hapus/{pk:path}", methods=["POST"])
    async def remove(self, request: Request) -> Response:
        """Remove a row, or show why it cannot be removed."""
        self.demand(request)
        row = await self.one(request, request.path_params["pk"])
        if row is None or not self.can_remove(row) or not self.may_remove(request, row):
            raise HTTPException(404)
        try:
            await self._with_messages(request, self.take_away(request, row))
        except SettingsRefused as refused:
            flash(request, str(refused), "danger")
            return RedirectResponse(f"/admin/{self.identity}/details/{self.key(row)}", 303)
        flash(request, say("settings.removed"))
        return RedirectResponse(f"/admin/{self.identity}/list", 303)

    def demand(self, request: Request) -> None:
        """Raise 403 unless the person may open the view; SQLAdmin does not ask this for the routes of our own."""
        if not self.is_accessible(request):
            raise HTTPException(403)

    def saved_address(self, key: str) -> str:
        """Return the address of the page after saving."""
        return f"/admin/{self.identity}/list"

    async def change(
        self,
        request: Request,
        work: Callable[[ModelTransaction], Coroutine[Any, Any, T]],
        action: str,
        what: str,
        facility: int | None = None,
    ) -> T:
        """Do the work and note it in the audit log, in one transaction."""
        now, actor = self.hub.database.clock(), person_of(request).name

        async def run(tx: ModelTransaction) -> T:
            result = await work(tx)
            await note(tx, now, actor, action, facility_id=facility, reason=what)
            return result

        return await self.hub.database.write_models(run)

    async def note(self, request: Request, action: str, what: str, facility: int | None = None) -> None:
        """Note an act that changes nothing in the audit log."""
        await note_now(self.hub.database, person_of(request).name, action, facility_id=facility, reason=what)

    async def _with_messages(self, request: Request, work: Awaitable[T]) -> T:
        """Await the work, and turn errors into messages for people, because SQLAdmin shows them."""
        try:
            return await work
        except SettingsRefused:
            raise
        except IntegrityError:
            raise SettingsRefused(say("settings.taken")) from None
        except NoManagerLeft:
            raise SettingsRefused(say("settings.nobody_left")) from None
        except Exception as error:
            raise SettingsRefused(status_message(status_of(request, error))) from None

    def _model_of(self, key: Any) -> Any:
        return self.model(**{self.pk_columns[0].name: key})

    def _as_key(self, text: str | None) -> int | str | None:
        if text is None or self.pk_columns[0].type.python_type is str:
            return None if text is None or "\x00" in text else text
        return int(text) if text.isdecimal() and int(text) <= MAX_INTEGER else None
