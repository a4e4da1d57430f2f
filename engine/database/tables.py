"""The tables. Times are epoch milliseconds (UTC), dates `YYYY-MM-DD` in the facility's zone."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from engine.delivery.status import ITEM_NAME_LENGTH, KEY_LENGTH, SEQUENCE_LENGTH, WORD_LENGTH

BigId = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Installation(Base):
    """One row: which environment this database belongs to."""

    __tablename__ = "installation"
    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    environment: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[int] = mapped_column(BigInteger)
    backed_up_at: Mapped[int | None] = mapped_column(BigInteger)
    restored_at: Mapped[int | None] = mapped_column(BigInteger)
    # The latest time that a worker has seen; see engine.maintenance.clock_watch.
    clock_at: Mapped[int | None] = mapped_column(BigInteger)
    jumped_at: Mapped[int | None] = mapped_column(BigInteger)
    # Milliseconds by which the clock last jumped, as long as pruning was not done since.
    jump: Mapped[int | None] = mapped_column(BigInteger)
    prune_after: Mapped[int | None] = mapped_column(BigInteger)
    postponements: Mapped[int] = mapped_column(Integer, server_default="0")
    doubt_from: Mapped[str | None] = mapped_column(String(10))
    # A record of these days may have been handed in and sent before the database was restored from a backup that does
    # not know it: it is looked for before it is sent.
    doubt_until: Mapped[str | None] = mapped_column(String(10))


class Facility(Base):
    __tablename__ = "facilities"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    time_zone: Mapped[str] = mapped_column(String(40), default="Asia/Jakarta")
    organization_id: Mapped[str] = mapped_column(String(40), default="")
    created_at: Mapped[int] = mapped_column(BigInteger)


class Credential(Base):
    """A facility's secrets for one upstream, sealed by the vault."""

    __tablename__ = "credentials"
    facility_id: Mapped[int] = mapped_column(ForeignKey("facilities.id"), primary_key=True)
    upstream: Mapped[str] = mapped_column(String(40), primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    changed_at: Mapped[int] = mapped_column(BigInteger)
    # Counts the entries. Two may fall into one millisecond, and a clock may be set back: `changed_at` cannot order
    # them.
    version: Mapped[int] = mapped_column(Integer, server_default="1")


class Token(Base):
    """A facility's bearer token, shared by all processes; `lease_until` lets one of them renew it."""

    __tablename__ = "tokens"
    facility_id: Mapped[int] = mapped_column(ForeignKey("facilities.id"), primary_key=True)
    upstream: Mapped[str] = mapped_column(String(40), primary_key=True)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    expires_at: Mapped[int] = mapped_column(BigInteger, default=0)
    refused_at: Mapped[int] = mapped_column(BigInteger, default=0)
    refusal: Mapped[str] = mapped_column(Text, default="")
    lease_until: Mapped[int] = mapped_column(BigInteger, default=0)


class Channel(Base):
    """One facility's queue to one upstream, present only while it is closed: why, and when to probe."""

    __tablename__ = "channels"
    facility_id: Mapped[int] = mapped_column(ForeignKey("facilities.id"), primary_key=True)
    upstream: Mapped[str] = mapped_column(String(40), primary_key=True)
    cause: Mapped[str] = mapped_column(String(20))  # A Signal: down, refused or throttled
    reason: Mapped[str] = mapped_column(Text)
    since: Mapped[int] = mapped_column(BigInteger)
    probe_at: Mapped[int] = mapped_column(BigInteger)
    # Probes in a row that the upstream answered by refusing the account; the pause grows with them.
    refusals: Mapped[int] = mapped_column(Integer, default=0)


class ApiKey(Base):
    """A key with which a HIS hands in records; only its hash is kept."""

    __tablename__ = "api_keys"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    facility_id: Mapped[int] = mapped_column(ForeignKey("facilities.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    prefix: Mapped[str] = mapped_column(String(16))
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int | None] = mapped_column(BigInteger)
    last_used_at: Mapped[int | None] = mapped_column(BigInteger)


class Role(Base):
    """What its people may do: a JSON list of the names in admin.http.access.Permission."""

    __tablename__ = "roles"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    label: Mapped[str] = mapped_column(String(100))
    permissions: Mapped[str] = mapped_column(Text)


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(ForeignKey("roles.name"), default="admin")
    # The only facility whose deliveries they see; null: all.
    facility_id: Mapped[int | None] = mapped_column(ForeignKey("facilities.id"))
    session_version: Mapped[int] = mapped_column(Integer, default=1)  # Raised to end every session of the user
    created_at: Mapped[int] = mapped_column(BigInteger)
    disabled: Mapped[bool] = mapped_column(Boolean, default=False)


class AuditEntry(Base):
    """Who did what, when and why; never changed."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    at: Mapped[int] = mapped_column(BigInteger)
    actor: Mapped[str] = mapped_column(String(100))
    action: Mapped[str] = mapped_column(String(60))
    facility_id: Mapped[int | None] = mapped_column(Integer)
    delivery_id: Mapped[int | None] = mapped_column(BigInteger, index=True)
    reason: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (Index("ix_audit_facility_id", "facility_id", "id"),)


class Lease(Base):
    """A batch that a worker holds. The heartbeat and the begin mark touch this row, not the deliveries."""

    __tablename__ = "leases"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    worker: Mapped[str] = mapped_column(String(80))
    until: Mapped[int] = mapped_column(BigInteger, index=True)
    # Requests of the batch may have left: what is not settled when the lease ends is unsure.
    begun: Mapped[bool] = mapped_column(Boolean, default=False)


class WorkerBeat(Base):
    __tablename__ = "workers"
    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    started_at: Mapped[int] = mapped_column(BigInteger)
    beat_at: Mapped[int] = mapped_column(BigInteger)
    in_flight: Mapped[int] = mapped_column(Integer, default=0)


class DrainRow(Base):
    """A worker that drains a channel; all of one channel share its limits."""

    __tablename__ = "drains"
    upstream: Mapped[str] = mapped_column(String(40), primary_key=True)
    facility_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    worker: Mapped[str] = mapped_column(String(80), primary_key=True)
    since: Mapped[int] = mapped_column(BigInteger)
    until: Mapped[int] = mapped_column(BigInteger)  # A worker that died has no part any more when this has passed
    held: Mapped[int] = mapped_column(Integer)  # Requests that it has in flight, or may have until it says otherwise


class TurnRow(Base):
    """When the next request of a channel may leave that nobody has reserved yet; see engine.limits.rate."""

    __tablename__ = "turns"
    upstream: Mapped[str] = mapped_column(String(40), primary_key=True)
    facility_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    next_at: Mapped[int] = mapped_column(BigInteger)  # Epoch microseconds


class Delivery(Base):
    """A record on its way, and where it stands. Written only by engine.outbox."""

    __tablename__ = "deliveries"
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    facility_id: Mapped[int] = mapped_column(ForeignKey("facilities.id"))
    spec: Mapped[str] = mapped_column(String(60))
    upstream: Mapped[str] = mapped_column(String(40))
    key: Mapped[str] = mapped_column(String(KEY_LENGTH))
    date: Mapped[str] = mapped_column(String(10))
    patient_norm: Mapped[str | None] = mapped_column(String(60))
    patient_name: Mapped[str | None] = mapped_column(String(200))
    # Deliveries of equal sequence go to the upstream one after the other.
    sequence: Mapped[str | None] = mapped_column(String(SEQUENCE_LENGTH))

    record: Mapped[str] = mapped_column(Text)  # The source document as JSON, as it was handed in
    record_hash: Mapped[str] = mapped_column(String(32))
    # What a person wrote in place of the payload (JSON): sent as it is until the record changes.
    body: Mapped[str | None] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer, default=1)  # Counts the contents handed in for this key
    # The version whose request last left, or one before it, negative if a person had written the request; an adopted id
    # stands for this one.
    tried_version: Mapped[int | None] = mapped_column(Integer)
    # The version that the upstream holds; in doubt and without a reference: it was accepted, but its id not shown.
    sent_version: Mapped[int | None] = mapped_column(Integer)
    reference: Mapped[str | None] = mapped_column(String(200))

    status: Mapped[str] = mapped_column(String(10))
    claimed_from: Mapped[str | None] = mapped_column(String(10))
    # A create may have arrived: it is looked for before another is sent.
    in_doubt: Mapped[bool] = mapped_column(Boolean, default=False)
    lane: Mapped[int] = mapped_column(SmallInteger, default=0)
    due_at: Mapped[int | None] = mapped_column(BigInteger)  # Null: nothing is to be done by itself
    lease_id: Mapped[int | None] = mapped_column(BigInteger)
    # Tries since it last became due by a change or by hand; the retry schedule counts them.
    tries: Mapped[int] = mapped_column(Integer, default=0)
    deaths: Mapped[int] = mapped_column(SmallInteger, default=0)  # Workers that died while holding it
    # What made it due: auto, or who asked for the resend.
    trigger: Mapped[str] = mapped_column(String(120), default="auto")

    http_status: Mapped[int | None] = mapped_column(SmallInteger)
    code: Mapped[str | None] = mapped_column(String(60))
    problem: Mapped[str | None] = mapped_column(Text)  # Why it is not sent, in the upstream's words or ours
    # What it has in common with others that failed alike; see engine.delivery.causes.
    cause: Mapped[str | None] = mapped_column(String(200))
    # The job that sent it again, until a person or another job does.
    job_id: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[int] = mapped_column(BigInteger)
    changed_at: Mapped[int] = mapped_column(BigInteger)
    settled_at: Mapped[int | None] = mapped_column(BigInteger)
    sent_at: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (
        UniqueConstraint("facility_id", "spec", "key"),
        Index(
            "ix_deliveries_due",
            "upstream",
            "facility_id",
            "lane",
            "due_at",
            "id",
            sqlite_where=text("due_at IS NOT NULL"),
            postgresql_where=text("due_at IS NOT NULL"),
        ),
        Index(
            "ix_deliveries_lease_id",
            "lease_id",
            sqlite_where=text("lease_id IS NOT NULL"),
            postgresql_where=text("lease_id IS NOT NULL"),
        ),
        Index(
            "ix_deliveries_cause",
            "facility_id",
            "spec",
            "cause",
            "date",
            "id",
            "patient_norm",
            "settled_at",
            sqlite_where=text("cause IS NOT NULL"),
            postgresql_where=text("cause IS NOT NULL"),
        ),
        Index(
            "ix_deliveries_http",
            "facility_id",
            "spec",
            "http_status",
            "date",
            "id",
            sqlite_where=text("http_status >= 400"),
            postgresql_where=text("http_status >= 400"),
        ),
        Index(
            "ix_deliveries_code",
            "facility_id",
            "spec",
            "code",
            "date",
            "id",
            sqlite_where=text("code IS NOT NULL AND cause IS NOT NULL"),
            postgresql_where=text("code IS NOT NULL AND cause IS NOT NULL"),
        ),
        Index(
            "ix_deliveries_reference",
            "facility_id",
            "reference",
            sqlite_where=text("reference IS NOT NULL"),
            postgresql_where=text("reference IS NOT NULL"),
        ),
        Index(
            "ix_deliveries_patient",
            "facility_id",
            "patient_norm",
            "spec",
            "date",
            "id",
            sqlite_where=text("patient_norm IS NOT NULL"),
            postgresql_where=text("patient_norm IS NOT NULL"),
        ),
        Index(
            "ix_deliveries_sequence",
            "facility_id",
            "upstream",
            "sequence",
            "id",
            sqlite_where=text("sequence IS NOT NULL"),
            postgresql_where=text("sequence IS NOT NULL"),
        ),
        Index(
            "ix_deliveries_job",
            "job_id",
            "status",
            "cause",
            sqlite_where=text("job_id IS NOT NULL"),
            postgresql_where=text("job_id IS NOT NULL"),
        ),
        Index("ix_deliveries_list", "facility_id", "spec", "status", "date", "id"),
        Index("ix_deliveries_date", "facility_id", "spec", "date", "id"),
    )


class PatientWord(Base):
    """A word that a patient is found by, in lower case; see engine.outbox.patient_index."""

    __tablename__ = "patient_words"
    facility_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    norm: Mapped[str] = mapped_column(String(60), primary_key=True)
    # Compared by its bytes, so that an index finds what begins alike whatever the language of the database.
    word: Mapped[str] = mapped_column(
        String(WORD_LENGTH).with_variant(String(WORD_LENGTH, collation="C"), "postgresql"), primary_key=True
    )

    __table_args__ = (Index("ix_patient_words_word", "facility_id", "word", "norm"),)


class HeldResend(Base):
    """A resend that a person may still take back; the sweep performs it once it is due."""

    __tablename__ = "held_resends"
    delivery_id: Mapped[int] = mapped_column(BigId, ForeignKey("deliveries.id"), primary_key=True, autoincrement=False)
    facility_id: Mapped[int] = mapped_column(Integer)
    actor: Mapped[str] = mapped_column(String(100))
    due_at: Mapped[int] = mapped_column(BigInteger, index=True)


class Wait(Base):
    """A delivery that waits for another record's reference, whether that record is here yet or not."""

    __tablename__ = "waits"
    facility_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    spec: Mapped[str] = mapped_column(String(60), primary_key=True)
    key: Mapped[str] = mapped_column(String(KEY_LENGTH), primary_key=True)
    delivery_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("deliveries.id"), primary_key=True, index=True, autoincrement=False
    )
    created_at: Mapped[int] = mapped_column(BigInteger, index=True)
    # The code of a mapped item that does not do: it is waited for another.
    seen: Mapped[str | None] = mapped_column(String(KEY_LENGTH))
    # One of several types, of which any will do: the wait for all of them ends with the first record of the key.
    alternative: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())


class Attempt(Base):
    """One try: the exact request and answer, and what they were taken for."""

    __tablename__ = "attempts"
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    delivery_id: Mapped[int] = mapped_column(BigInteger, index=True)
    facility_id: Mapped[int] = mapped_column(Integer)
    at: Mapped[int] = mapped_column(BigInteger)
    milliseconds: Mapped[int] = mapped_column(Integer)
    operation: Mapped[str] = mapped_column(String(10))  # create, update, find, check, or lost (the worker died with it)
    trigger: Mapped[str] = mapped_column(String(120))
    spec_hash: Mapped[str] = mapped_column(String(32))
    version: Mapped[int] = mapped_column(Integer)
    method: Mapped[str | None] = mapped_column(String(10))
    path: Mapped[str | None] = mapped_column(Text)
    request: Mapped[bytes | None] = mapped_column(LargeBinary)
    http_status: Mapped[int | None] = mapped_column(SmallInteger)
    code: Mapped[str | None] = mapped_column(String(60))
    verdict: Mapped[str] = mapped_column(String(20))
    message: Mapped[str] = mapped_column(Text)
    response: Mapped[bytes | None] = mapped_column(LargeBinary)
    # When its bodies were removed because their time was over; see engine.maintenance.retention.
    pruned_at: Mapped[int | None] = mapped_column(BigInteger)


class RetentionWalk(Base):
    """How far the attempts were looked through for what has reached an age."""

    __tablename__ = "retention_walks"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)  # The last attempt that was looked at
    policy: Mapped[str] = mapped_column(String(16))  # Hash of the rules; with others all is looked at anew


class RetentionLeftover(Base):
    """A delivery with attempts that are old enough, but it is not settled: looked at again when it is."""

    __tablename__ = "retention_leftovers"
    delivery_id: Mapped[int] = mapped_column(BigId, ForeignKey("deliveries.id"), primary_key=True, autoincrement=False)


class Job(Base):
    """One action on many deliveries, as it was asked for; its items are fixed when it is made."""

    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    facility_id: Mapped[int] = mapped_column(ForeignKey("facilities.id"))
    upstream: Mapped[str] = mapped_column(String(40))
    action: Mapped[str] = mapped_column(String(20))  # resend, ignore or regenerate
    chosen: Mapped[str] = mapped_column(Text)  # The filter by which its deliveries were chosen, as JSON
    reason: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(String(100))
    state: Mapped[str] = mapped_column(String(10))  # draft, running, paused, cancelled or done
    total: Mapped[int] = mapped_column(Integer)
    done: Mapped[int] = mapped_column(Integer, default=0)  # Items that have had their turn: all up to this position
    skipped: Mapped[int] = mapped_column(Integer, default=0)  # Of those done, the ones on which nothing was to be done
    created_at: Mapped[int] = mapped_column(BigInteger)
    ended_at: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (Index("ix_jobs_facility_id_state", "facility_id", "state"),)


class JobItem(Base):
    """One delivery of a job; without an outcome it has not had its turn."""

    __tablename__ = "job_items"
    job_id: Mapped[int] = mapped_column(BigId, ForeignKey("jobs.id"), primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    delivery_id: Mapped[int] = mapped_column(BigInteger)
    outcome: Mapped[str | None] = mapped_column(String(20))


class CodeRow(Base):
    """A row of a code list as it was last read; one that vanished stays, because records still name it."""

    __tablename__ = "code_rows"
    facility_id: Mapped[int] = mapped_column(Integer, primary_key=True)  # Whose copy it is; 0: that of all facilities
    list: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(KEY_LENGTH), primary_key=True)
    content: Mapped[str] = mapped_column(Text)  # Its columns as a JSON object
    words: Mapped[str] = mapped_column(Text)  # All values in lower case, for the search
    since: Mapped[int] = mapped_column(BigInteger)
    changed_at: Mapped[int] = mapped_column(BigInteger)
    gone_at: Mapped[int | None] = mapped_column(BigInteger)


class Synchronisation(Base):
    """One reading of a code list: how far it is, and what it brought."""

    __tablename__ = "synchronisations"
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    facility_id: Mapped[int] = mapped_column(Integer)  # Whose copy it is; 0: that of all facilities
    list: Mapped[str] = mapped_column(String(64))
    actor: Mapped[str] = mapped_column(String(100))
    state: Mapped[str] = mapped_column(String(10))  # running, done or failed
    started_at: Mapped[int] = mapped_column(BigInteger)
    # A worker reads it; when this has passed, another goes on.
    held_until: Mapped[int] = mapped_column(BigInteger, default=0)
    ended_at: Mapped[int | None] = mapped_column(BigInteger)
    # Reads that it takes, as far as known; a paged one counts once.
    total: Mapped[int] = mapped_column(Integer, default=0)
    done: Mapped[int] = mapped_column(Integer, default=0)
    offset: Mapped[int] = mapped_column(Integer, default=0)  # Rows that the present paged read has brought
    added: Mapped[int] = mapped_column(Integer, default=0)
    changed: Mapped[int] = mapped_column(Integer, default=0)
    gone: Mapped[int] = mapped_column(Integer, default=0)
    since: Mapped[str | None] = mapped_column(String(10))  # Only what changed since this date is read; null: all is
    problem: Mapped[str | None] = mapped_column(Text)
    tries: Mapped[int] = mapped_column(Integer, default=0)  # Reads that failed, in a row
    retry_at: Mapped[int | None] = mapped_column(BigInteger)  # When a failed one is read again

    __table_args__ = (
        Index("ix_synchronisations_list", "facility_id", "list", "id"),
        Index(
            "uq_synchronisations_running",
            "facility_id",
            "list",
            unique=True,
            sqlite_where=text("state = 'running'"),
            postgresql_where=text("state = 'running'"),
        ),
    )


class StagedRow(Base):
    """A row that a running synchronisation has read; it counts when all is there."""

    __tablename__ = "staged_rows"
    synchronisation_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("synchronisations.id"), primary_key=True, autoincrement=False
    )
    key: Mapped[str] = mapped_column(String(KEY_LENGTH), primary_key=True)
    content: Mapped[str] = mapped_column(Text)
    words: Mapped[str] = mapped_column(Text)
    withdrawn: Mapped[int] = mapped_column(SmallInteger, default=0)  # 1: the row must not be used any more


class Item(Base):
    """A thing of the clinic that is mapped to a code; see engine.mapping."""

    __tablename__ = "items"
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    facility_id: Mapped[int] = mapped_column(ForeignKey("facilities.id"))
    item: Mapped[str] = mapped_column(String(64))  # Its type, under which it was handed in
    key: Mapped[str] = mapped_column(String(KEY_LENGTH))
    name: Mapped[str] = mapped_column(String(ITEM_NAME_LENGTH))
    words: Mapped[str] = mapped_column(Text)  # All values in lower case, for the search
    record: Mapped[str] = mapped_column(Text)  # As JSON, as it was handed in
    record_hash: Mapped[str] = mapped_column(String(32))
    # Of what is compared with a code: if it changes, somebody must look again.
    parts_hash: Mapped[str] = mapped_column(String(32))
    active: Mapped[bool] = mapped_column(Boolean)
    state: Mapped[str] = mapped_column(String(10))  # unmapped, mapped or review
    code: Mapped[str | None] = mapped_column(String(KEY_LENGTH))
    reason: Mapped[str | None] = mapped_column(String(20))  # Why it is to be reviewed: changed or withdrawn
    mapped_by: Mapped[str | None] = mapped_column(String(100))
    mapped_at: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[int] = mapped_column(BigInteger)
    changed_at: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        UniqueConstraint("facility_id", "item", "key"),
        Index("ix_items_state", "facility_id", "item", "active", "state", "key"),
        Index("ix_items_code", "item", "code"),
    )


class ItemChange(Base):
    """Who gave an item which code when; never changed."""

    __tablename__ = "item_changes"
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    item_id: Mapped[int] = mapped_column(BigId, ForeignKey("items.id"), index=True)
    at: Mapped[int] = mapped_column(BigInteger)
    actor: Mapped[str] = mapped_column(String(100))
    # mapped, removed, changed (the record did), withdrawn or restored (the code was)
    action: Mapped[str] = mapped_column(String(20))
    code: Mapped[str | None] = mapped_column(String(KEY_LENGTH))
    before: Mapped[str | None] = mapped_column(String(KEY_LENGTH))  # The code that it had


class CodeUse(Base):
    """With which code of an item a delivery was last sent."""

    __tablename__ = "code_uses"
    facility_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    item: Mapped[str] = mapped_column(String(64), primary_key=True)  # The type of the item
    key: Mapped[str] = mapped_column(String(KEY_LENGTH), primary_key=True)
    delivery_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("deliveries.id"), primary_key=True, index=True, autoincrement=False
    )
    code: Mapped[str] = mapped_column(String(KEY_LENGTH))


class CorrectionVersion(Base):
    """A version of an entry that declares a correction; see engine.corrections.queries."""

    __tablename__ = "correction_versions"
    spec: Mapped[str] = mapped_column(String(60), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    spec_hash: Mapped[str] = mapped_column(String(32), primary_key=True)
    loaded_at: Mapped[int] = mapped_column(BigInteger)  # When a worker first ran it


class CorrectionSearchRow(Base):
    """How far a clinic's deliveries were searched for those that a correction affects."""

    __tablename__ = "correction_searches"
    facility_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    spec: Mapped[str] = mapped_column(String(60), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    date: Mapped[str] = mapped_column(String(10))
    delivery_id: Mapped[int] = mapped_column(BigInteger)  # The last delivery that was looked at, with its date
    searches: Mapped[int] = mapped_column(SmallInteger)  # Searches that have ended
    ended_at: Mapped[int | None] = mapped_column(BigInteger)
    # Number of the rows in correction_deliveries, kept in the transactions that change them.
    affected: Mapped[int] = mapped_column(Integer)


class CorrectionDelivery(Base):
    """A delivery that the upstream holds with the content from before a correction."""

    __tablename__ = "correction_deliveries"
    facility_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    spec: Mapped[str] = mapped_column(String(60), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    delivery_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("deliveries.id"), primary_key=True, index=True, autoincrement=False
    )


class Counter(Base):
    """Deliveries per day and status, kept in the transaction that changes a status."""

    __tablename__ = "counters"
    facility_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    date: Mapped[str] = mapped_column(String(10), primary_key=True)
    spec: Mapped[str] = mapped_column(String(60), primary_key=True)
    status: Mapped[str] = mapped_column(String(10), primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger)


class Total(Base):
    """Deliveries per status over all days, kept beside the daily counters."""

    __tablename__ = "totals"
    facility_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    spec: Mapped[str] = mapped_column(String(60), primary_key=True)
    status: Mapped[str] = mapped_column(String(10), primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger)


class InboundRequest(Base):
    """What a caller asked of the clinic and was answered; handed on to its system."""

    __tablename__ = "inbound_requests"
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    facility_id: Mapped[int] = mapped_column(ForeignKey("facilities.id"))
    inbound: Mapped[str] = mapped_column(String(64))
    operation: Mapped[str] = mapped_column(String(20))
    card: Mapped[str] = mapped_column(String(13))
    at: Mapped[int] = mapped_column(BigInteger)
    content: Mapped[str] = mapped_column(Text)  # As JSON, like the answer
    answer: Mapped[str] = mapped_column(Text)
    code: Mapped[int] = mapped_column(Integer)
    taken_at: Mapped[int | None] = mapped_column(BigInteger)  # When the clinic's system said that it has it
    # When it is handed on to the clinic's system, or a worker that does so is given up.
    due_at: Mapped[int | None] = mapped_column(BigInteger)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    problem: Mapped[str | None] = mapped_column(Text)  # Why it was not taken the last time
    # When content and answer were removed because their time was over; see engine.inbound.retention.
    pruned_at: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (
        Index(
            "ix_inbound_requests_due",
            "due_at",
            sqlite_where=text("taken_at IS NULL AND due_at IS NOT NULL"),
            postgresql_where=text("taken_at IS NULL AND due_at IS NOT NULL"),
        ),
        Index("ix_inbound_requests_age", "inbound", "at"),
        Index(
            "ix_inbound_requests_whole",
            "inbound",
            "at",
            sqlite_where=text("pruned_at IS NULL AND taken_at IS NOT NULL"),
            postgresql_where=text("pruned_at IS NULL AND taken_at IS NOT NULL"),
        ),
        Index("ix_inbound_requests_facility", "facility_id", "id"),
        Index("ix_inbound_requests_card", "facility_id", "card"),
    )


class InboundDay(Base):
    """The last number of a poli on a day; its row is the lock under which numbers are given."""

    __tablename__ = "inbound_days"
    facility_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    date: Mapped[str] = mapped_column(String(10), primary_key=True)
    poli: Mapped[str] = mapped_column(String(10), primary_key=True)
    last: Mapped[int] = mapped_column(Integer)


class InboundNumber(Base):
    """A queue number that was given; never given again, even if it was cancelled."""

    __tablename__ = "inbound_numbers"
    facility_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    date: Mapped[str] = mapped_column(String(10), primary_key=True)
    poli: Mapped[str] = mapped_column(String(10), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    doctor: Mapped[str] = mapped_column(String(20))
    hours: Mapped[str] = mapped_column(String(20))
    card: Mapped[str] = mapped_column(String(13))
    state: Mapped[str] = mapped_column(String(10))  # waiting, called or cancelled
    at: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        Index(
            "uq_inbound_numbers_card",
            "facility_id",
            "date",
            "poli",
            "card",
            unique=True,
            sqlite_where=text("state <> 'cancelled'"),
            postgresql_where=text("state <> 'cancelled'"),
        ),
    )


class AlertRecipient(Base):
    """Whom to tell when something goes wrong, by which way, and what they know already."""

    __tablename__ = "alert_recipients"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    # The only clinic that they are told of; null: all.
    facility_id: Mapped[int | None] = mapped_column(ForeignKey("facilities.id"))
    name: Mapped[str] = mapped_column(String(100))
    way: Mapped[str] = mapped_column(String(10))  # email, telegram or webhook
    address: Mapped[str] = mapped_column(String(300))
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)  # What opens the way, sealed by the vault
    enabled: Mapped[bool] = mapped_column(Boolean, default=True)
    quiet_from: Mapped[str] = mapped_column(String(5), default="")
    # Between these times of day (HH:MM) nothing is told but the digest.
    quiet_until: Mapped[str] = mapped_column(String(5), default="")
    waiting_minutes: Mapped[int] = mapped_column(Integer)
    failure_percent: Mapped[int] = mapped_column(Integer)  # Thresholds; 0: never
    digest_at: Mapped[str] = mapped_column(String(5), default="")
    digest_on: Mapped[str] = mapped_column(String(10), default="")  # The day of the last digest
    known: Mapped[str] = mapped_column(Text, default="[]")  # engine.alerts.ledger as JSON
    # Counts the changes of `known`: whoever moves it from where they read it may tell.
    mark: Mapped[int] = mapped_column(Integer, default=0)
    held_until: Mapped[int] = mapped_column(BigInteger, default=0)
    told_at: Mapped[int | None] = mapped_column(BigInteger)
    fails: Mapped[int] = mapped_column(Integer, default=0)
    again_at: Mapped[int] = mapped_column(BigInteger, default=0)
    problem: Mapped[str] = mapped_column(Text, default="")  # Why the last letter was not delivered
    created_at: Mapped[int] = mapped_column(BigInteger)
