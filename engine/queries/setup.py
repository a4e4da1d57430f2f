"""Progress of a clinic's setup: which of the things that a new clinic needs are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.database.database import Database
from engine.database.statements import Statement
from engine.delivery.status import Status
from engine.facilities.facilities import entered_at
from engine.outbox import counters
from engine.specs.code_list import CodeList


@dataclass(frozen=True, slots=True)
class SetupProgress:
    """Facts about one clinic. A code list counts as read for good, even if a later read of it failed."""

    entered: frozenset[str]  # upstreams for which credentials have been entered
    accepted: frozenset[str]  # those of them that have accepted the credentials
    refused: frozenset[str]  # those of them that have refused the credentials
    read: frozenset[str]  # names of the code lists that have been read
    has_key: bool  # an API key that has not ended
    has_items: bool  # an item of any mapping
    reads: bool  # a source has been started
    submitted: int  # deliveries in any status
    sent: Mapping[str, int]  # number of sent ones by type
    failed: int


async def setup_progress(database: Database, facility_id: int, code_lists: Sequence[CodeList]) -> SetupProgress:
    """Return the progress of a clinic; of the code lists only those given are looked up."""
    place = {"facility": facility_id}
    entered = frozenset(await entered_at(database, facility_id))
    owners = [[code_list.owner(facility_id), code_list.name] for code_list in code_lists]
    read = frozenset(await database.fetch(_READ, {"lists": owners})) if owners else frozenset()
    # An upstream that gave a token or a code list has accepted the credentials.
    reading = {code_list.upstream.name for code_list in code_lists if code_list.name in read and not code_list.shared}
    accepted = {*await database.fetch(_WITH_TOKEN, place), *reading}
    refused = frozenset(await database.fetch(_REFUSED, place))
    by_type = await counters.read(database, facility_id)
    counts = list(by_type.values())
    return SetupProgress(
        entered,
        entered & accepted - refused,
        entered & refused,
        read,
        await database.first(_KEY, {**place, "now": database.clock()}) is not None,
        await database.first(_ITEM, place) is not None,
        await database.first(_STARTED, place) is not None,
        sum(sum(by_status.values()) for by_status in counts),
        {spec: by_status[Status.SENT] for spec, by_status in by_type.items() if by_status.get(Status.SENT)},
        sum(by_status.get(Status.FAILED, 0) for by_status in counts),
    )


async def without_credentials(database: Database) -> list[str]:
    """Return the codes of the clinics that have entered no credentials for any upstream, the oldest first."""
    return await database.fetch(_WITHOUT_CREDENTIALS)


_READ = Statement(
    """
SELECT v.name FROM {lists} AS v WHERE EXISTS (
  SELECT 1 FROM synchronisations AS s WHERE s.facility_id = v.owner AND s.list = v.name AND s.state = 'done')
""",
    str,
    lists="owner integer, name text",
)
_WITH_TOKEN = Statement(
    "SELECT upstream FROM tokens WHERE facility_id = :facility AND sealed IS NOT NULL AND refused_at = 0", str
)
_REFUSED = Statement("SELECT upstream FROM channels WHERE facility_id = :facility AND cause = 'refused'", str)
_KEY = Statement(
    "SELECT id FROM api_keys WHERE facility_id = :facility AND (expires_at IS NULL OR expires_at > :now) LIMIT 1", int
)
_ITEM = Statement("SELECT id FROM items WHERE facility_id = :facility LIMIT 1", int)
_STARTED = Statement("SELECT source FROM clinic_sources WHERE facility_id = :facility LIMIT 1", str)
_WITHOUT_CREDENTIALS = Statement(
    "SELECT code FROM facilities AS f WHERE NOT EXISTS (SELECT 1 FROM credentials AS c WHERE c.facility_id = f.id) "
    "ORDER BY f.id",
    str,
)
