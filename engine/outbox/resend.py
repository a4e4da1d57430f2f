"""Actions of a person on deliveries: send again, or set aside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from engine.database.audit import AUDIT_COLUMNS
from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.delivery.status import Lane, Status
from engine.outbox import counters
from engine.outbox.locks import being_sent, lock_claims
from engine.outbox.waits import end_waits


class ActionResult(StrEnum):
    """The result of a person's action on one delivery."""

    DONE = "done"
    ALREADY = "already"  # the delivery is due or being sent anyway, or has the intended status
    NEEDS_FORCE = "needs_force"  # the delivery was sent; to send it again a person has to force it, with a reason
    MISSING = "missing"  # there is no such delivery, or it belongs to another facility


@dataclass(frozen=True, slots=True)
class Written:
    """The body that is sent in place of the payload from now on, as JSON; None: the payload, rendered again."""

    body: str | None


@dataclass(frozen=True, slots=True)
class _Action:
    """An action on deliveries that are not being sent.

    `refuse` returns for a status and a body why nothing is done, None to do it. `statement` does it for `ids`.
    """

    action: str
    actor: str
    reason: str
    after: Status
    statement: Command
    refuse: Callable[[str, str | None], ActionResult | None]
    parameters: Mapping[str, Any] = field(default_factory=dict)


async def resend(
    database: Database,
    facility_id: int,
    ids: Sequence[int],
    actor: str,
    *,
    reason: str = "",
    force: bool = False,
    lane: Lane = Lane.MENDED,
    written: Written | None = None,
) -> dict[int, ActionResult]:
    """Make deliveries due again. Many clicks at once count as one.

    A delivery in doubt is searched for first, unless `force` says that a person has looked already. Without `written`
    they are sent as they are: with the body that a person wrote for them, else with the payload.
    """
    return await database.write(
        make_due, facility_id, ids, actor, reason=reason, force=force, lane=lane, written=written
    )


async def make_due(
    tx: Transaction,
    facility_id: int,
    ids: Sequence[int],
    actor: str,
    *,
    reason: str,
    force: bool = False,
    renew: bool = False,
    lane: Lane = Lane.MENDED,
    written: Written | None = None,
    action: str = "resend",
    job_id: int | None = None,
) -> dict[int, ActionResult]:
    """Resend within a transaction; `renew` also sends what was sent, and still searches for what is in doubt.

    `job_id` is the job that asks for it; its page shows the outcomes.
    """

    def refuse(status: str, body: str | None) -> ActionResult | None:
        if status == Status.QUEUED and (written is None or written.body == body):
            return ActionResult.ALREADY
        return ActionResult.NEEDS_FORCE if status == Status.SENT and not (force or renew) else None

    parameters = {
        "lane": int(lane),
        "force": int(force),
        "trigger": f"{action}: {actor}",
        "rewrite": int(written is not None),
        "body": written.body if written else None,
        "job": job_id,
    }
    resending = _Action(action, actor, reason, Status.QUEUED, _RESEND, refuse, parameters)
    return await _perform(tx, facility_id, ids, resending)


async def ignore(
    database: Database, facility_id: int, ids: Sequence[int], actor: str, *, reason: str
) -> dict[int, ActionResult]:
    """Set deliveries aside, with a reason; those being sent or sent are left alone."""
    return await database.write(set_aside, facility_id, ids, actor, reason=reason)


async def set_aside(
    tx: Transaction, facility_id: int, ids: Sequence[int], actor: str, *, reason: str
) -> dict[int, ActionResult]:
    """Set deliveries aside within a transaction."""

    def refuse(status: str, _: str | None) -> ActionResult | None:
        return ActionResult.ALREADY if status in (Status.SENT, Status.IGNORED) else None

    ignoring = _Action("ignore", actor, reason, Status.IGNORED, _IGNORE, refuse)
    return await _perform(tx, facility_id, ids, ignoring)


async def _perform(tx: Transaction, facility_id: int, ids: Sequence[int], action: _Action) -> dict[int, ActionResult]:
    await lock_claims(tx, [facility_id])
    outcomes = dict.fromkeys(ids, ActionResult.MISSING)
    deltas = counters.Deltas()
    rows = await tx.rows(_LOCK, {"facility": facility_id, "ids": ids})
    held = await being_sent(tx, [facility_id])
    for id_, spec, date, status, body in rows:
        refusal = ActionResult.ALREADY if id_ in held else action.refuse(status, body)
        outcomes[id_] = refusal or ActionResult.DONE
        if refusal is None:
            deltas.move(facility_id, date, spec, status, action.after)
    changed = [id_ for id_, outcome in outcomes.items() if outcome is ActionResult.DONE]
    if changed:
        now = tx.now
        await end_waits(tx, changed)
        await tx.execute(action.statement, {**action.parameters, "ids": changed, "now": now})
        entry = (now, action.actor, action.action, action.reason, facility_id)
        await tx.insert("audit", AUDIT_COLUMNS, [(*entry, id_, None) for id_ in changed])
        await counters.apply(tx, deltas)
    return outcomes


class _LockedDelivery(NamedTuple):
    """A delivery that the person acts on."""

    id: int
    spec: str
    date: str
    status: str
    body: str | None


# The plus keeps SQLite from reading all deliveries of the facility in an index instead of these by their ids.
_LOCK = Statement(
    """
SELECT id, spec, date, status, body FROM deliveries
WHERE +facility_id = :facility AND id IN (SELECT id FROM {ids} AS v) ORDER BY id {FOR UPDATE}
""",
    _LockedDelivery,
    ids="id bigint",
)
_RESEND = Command(
    """
UPDATE deliveries SET status = 'queued', due_at = :now, lane = :lane, tries = 0, deaths = 0, trigger = :trigger,
  in_doubt = in_doubt AND :force = 0, problem = NULL, cause = NULL, job_id = CAST(:job AS BIGINT),
  http_status = NULL, code = NULL, body = CASE WHEN :rewrite = 1 THEN CAST(:body AS TEXT) ELSE body END
WHERE id IN (SELECT id FROM {ids} AS v)
""",
    ids="id bigint",
)
_IGNORE = Command(
    """
UPDATE deliveries SET status = 'ignored', due_at = NULL, cause = NULL, settled_at = :now
WHERE id IN (SELECT id FROM {ids} AS v)
""",
    ids="id bigint",
)
