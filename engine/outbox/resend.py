"""A person's hand on deliveries: send again, or set aside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum

from sqlalchemy import Connection, insert, text

from engine import counters
from engine.database import Database, as_json
from engine.models import AuditEntry, Lane, Status


class Handled(StrEnum):
    """What became of a person's wish for one delivery."""

    DONE = "done"
    ALREADY = "already"
    """It is due or on its way anyway."""
    NEEDS_FORCE = "needs_force"
    """It was sent; sending it once more must be asked for expressly, with a reason."""
    MISSING = "missing"
    """It does not exist, or belongs to another facility."""


ALREADY = {Status.QUEUED, Status.SENDING}


async def resend(
    database: Database,
    facility_id: int,
    ids: Sequence[int],
    actor: str,
    *,
    reason: str = "",
    force: bool = False,
    lane: Lane = Lane.MENDED,
) -> dict[int, Handled]:
    """Make deliveries due again. Many clicks at once count as one. What may have arrived is looked for first."""

    def run(connection: Connection) -> dict[int, Handled]:
        return _change(
            database,
            connection,
            facility_id,
            ids,
            actor,
            action="resend",
            reason=reason,
            refuse=lambda status: _refusal(status, force),
            statement=_RESEND,
            after=Status.QUEUED,
            lane=int(lane),
        )

    return await database.write(run)


async def ignore(
    database: Database, facility_id: int, ids: Sequence[int], actor: str, *, reason: str
) -> dict[int, Handled]:
    """Set deliveries aside, with a reason; what is on its way or sent is left alone."""

    def run(connection: Connection) -> dict[int, Handled]:
        return _change(
            database,
            connection,
            facility_id,
            ids,
            actor,
            action="ignore",
            reason=reason,
            refuse=lambda status: Handled.ALREADY if status in {Status.SENDING, Status.SENT, Status.IGNORED} else None,
            statement=_IGNORE,
            after=Status.IGNORED,
            lane=0,
        )

    return await database.write(run)


def _refusal(status: str, force: bool) -> Handled | None:
    if status in ALREADY:
        return Handled.ALREADY
    if status == Status.SENT and not force:
        return Handled.NEEDS_FORCE
    return None


def _change(
    database: Database,
    connection: Connection,
    facility_id: int,
    ids: Sequence[int],
    actor: str,
    *,
    action: str,
    reason: str,
    refuse: Callable[[str], Handled | None],
    statement: str,
    after: Status,
    lane: int,
) -> dict[int, Handled]:
    wanted = f"(SELECT id FROM {database.rows({'id': 'bigint'}, 'ids')} AS v)"
    lock = "" if database.dialect == "sqlite" else "FOR UPDATE"
    found = connection.execute(
        text(
            f"SELECT id, spec, date, status FROM deliveries WHERE facility_id = :facility AND id IN {wanted} "
            f"ORDER BY id {lock}"
        ),
        {"facility": facility_id, "ids": as_json([[id_] for id_ in ids])},
    )
    outcomes = dict.fromkeys(ids, Handled.MISSING)
    deltas = counters.Deltas()
    for id_, spec, date, status in found:
        refusal = refuse(status)
        outcomes[id_] = refusal or Handled.DONE
        if refusal is None:
            deltas.move(facility_id, date, spec, status, after)
    chosen = [id_ for id_, outcome in outcomes.items() if outcome is Handled.DONE]
    if chosen:
        now = database.clock()
        parameters = {"ids": as_json([[id_] for id_ in chosen])}
        connection.execute(text(f"DELETE FROM waits WHERE delivery_id IN {wanted}"), parameters)
        connection.execute(
            text(statement + wanted), {**parameters, "now": now, "trigger": f"{action}: {actor}", "lane": lane}
        )
        connection.execute(
            insert(AuditEntry),
            [
                {
                    "at": now,
                    "actor": actor,
                    "action": action,
                    "facility_id": facility_id,
                    "delivery_id": id_,
                    "reason": reason,
                }
                for id_ in chosen
            ],
        )
        counters.apply(database, connection, deltas)
    return outcomes


_RESEND = """
UPDATE deliveries SET status = 'queued', due_at = :now, lane = :lane, tries = 0, deaths = 0, trigger = :trigger,
  problem = NULL WHERE id IN """

_IGNORE = """
UPDATE deliveries SET status = 'ignored', due_at = NULL, lane = CASE WHEN :lane = 0 THEN lane ELSE :lane END,
  trigger = :trigger, settled_at = :now WHERE id IN """
