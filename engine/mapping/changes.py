"""The history of items: who gave which code when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert

from engine.models import ItemChange


def note_all(
    connection: Connection, at: int, actor: str, action: str, items: Sequence[Any], code: str | None = None
) -> None:
    """Note one act on items, each with `id` and the `code` that it had; `code` is the one it has now."""
    rows = [
        {"item_id": item.id, "at": at, "actor": actor, "action": action, "code": code or None, "before": item.code}
        for item in items
    ]
    if rows:
        connection.execute(insert(ItemChange), rows)
