"""Database tables. Times are epoch milliseconds (UTC), dates `YYYY-MM-DD` in the facility's time zone."""

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
    column,
    false,
    table,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from engine.delivery.status import ITEM_NAME_LENGTH, KEY_LENGTH, SEQUENCE_LENGTH, VALUE_LENGTH, WORD_LENGTH

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
    """The only row of this table names the environment of the database and holds facts about its clock and backups."""

    __tablename__ = "installation"
    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    environment: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[int] = mapped_column(BigInteger)
    backed_up_at: Mapped[int | None] = mapped_column(BigInteger)
    restored_at: Mapped[int | None] = mapped_column(BigInteger)
    # The latest time that a worker has seen; see engine.maintenance.clock_watch.
    clock_at: Mapped[int | None] = mapped_column(BigInteger)
    jumped_at: Mapped[int | None] = mapped_column(BigInteger)
    # Milliseconds by which the clock last jumped; null once pruning has run since.
    jump: Mapped[int | None] = mapped_column(BigInteger)
    prune_after: Mapped[int | None] = mapped_column(BigInteger)
    postponements: Mapped[int] = mapped_column(Integer, server_default="0")
    # Records of the days from doubt_from to doubt_until may have been sent before the database was restored from a
    # backup that does not hold them: they are searched for before they are sent.
    doubt_from: Mapped[str | None] = mapped_column(String(10))
    doubt_until: Mapped[str | None] = mapped_column(String(10))
    # Hash of the columns by which all deliveries are in the index of lists, or are queued for it.
    columns_hash: Mapped[str | None] = mapped_column(String(32))
    # Hash of the use cases by which visits were reviewed; see engine.maintenance.visit_review.
    use_cases_hash: Mapped[str | None] = mapped_column(String(32))
    # Incremented by each change of a facility or its credentials, so that processes know when to read them again.
    facilities_version: Mapped[int] = mapped_column(Integer, server_default="0")
    # The same for the rules that replace values of records.
    value_rules_version: Mapped[int] = mapped_column(Integer, server_default="0")


class Facility(Base):
    __tablename__ = "facilities"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    time_zone: Mapped[str] = mapped_column(String(40), default="Asia/Jakarta")
    organization_id: Mapped[str] = mapped_column(String(40), default="")
    # Hours after which an open problem is escalated; 0: never.
    escalation_hours: Mapped[int] = mapped_column(Integer, server_default="24")
    created_at: Mapped[int] = mapped_column(BigInteger)


class Credential(Base):
    """A facility's secrets for one upstream, sealed by the vault."""

    __tablename__ = "credentials"
    facility_id: Mapped[int] = mapped_column(ForeignKey("facilities.id"), primary_key=True)
    upstream: Mapped[str] = mapped_column(String(40), primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    changed_at: Mapped[int] = mapped_column(BigInteger)
    # Incremented by each entry. `changed_at` cannot order entries: two may fall into one millisecond, and a clock may
    # be set back.
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


class ChannelRow(Base):
    """One facility's queue to one upstream, present only while it is closed: why, and when to probe."""

    __tablename__ = "channels"
    facility_id: Mapped[int] = mapped_column(ForeignKey("facilities.id"), primary_key=True)
    upstream: Mapped[str] = mapped_column(String(40), primary_key=True)
    cause: Mapped[str] = mapped_column(String(20))  # a Signal: down, refused or throttled
    reason: Mapped[str] = mapped_column(Text)
    since: Mapped[int] = mapped_column(BigInteger)
    probe_at: Mapped[int] = mapped_column(BigInteger)
    # Probes in a row for which the upstream refused the account; the pause grows with them.
    refusals: Mapped[int] = mapped_column(Integer, default=0)


class PauseRow(Base):
    """A pause of an upstream or of a type, present, planned or past; see engine.outbox.pauses."""

    __tablename__ = "pauses"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    facility_id: Mapped[int | None] = mapped_column(ForeignKey("facilities.id"))  # null: all facilities
    upstream: Mapped[str] = mapped_column(String(40))
    spec: Mapped[str | None] = mapped_column(String(60))  # null: the whole upstream
    path: Mapped[str | None] = mapped_column(String(200))  # method and path for which the type is paused
    reason: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(String(100))  # empty: Antar, because the path refused everything
    created_at: Mapped[int] = mapped_column(BigInteger)
    begins_at: Mapped[int] = mapped_column(BigInteger)
    ends_at: Mapped[int | None] = mapped_column(BigInteger)  # null: until a person ends it
    ended_at: Mapped[int | None] = mapped_column(BigInteger)
    ended_by: Mapped[str | None] = mapped_column(String(100))  # null: the clock
    weekly: Mapped[bool] = mapped_column(Boolean, server_default=false())  # its end plans the same a week later
    # Since when all deliveries that it kept are back in their lanes; claims look at no pause that has this.
    returned_at: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (
        Index(
            "ix_pauses_unreturned",
            "upstream",
            sqlite_where=text("returned_at IS NULL"),
            postgresql_where=text("returned_at IS NULL"),
        ),
    )


class NoticeRow(Base):
    """A note that people read in the strip on every page."""

    __tablename__ = "notices"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    facility_id: Mapped[int | None] = mapped_column(ForeignKey("facilities.id"))  # null: all facilities
    text: Mapped[str] = mapped_column(String(300))
    actor: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[int] = mapped_column(BigInteger)
    ends_at: Mapped[int | None] = mapped_column(BigInteger)  # null: until a person removes it
    removed_at: Mapped[int | None] = mapped_column(BigInteger)
    removed_by: Mapped[str | None] = mapped_column(String(100))


class ApiKey(Base):
    """A key with which a HIS submits records; only its hash is stored."""

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
    """The permissions of its users: a JSON list of the names in admin.people.permissions."""

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
    # The only facility whose deliveries the user sees; null: all.
    facility_id: Mapped[int | None] = mapped_column(ForeignKey("facilities.id"))
    session_version: Mapped[int] = mapped_column(Integer, default=1)  # incremented to end all sessions of the user
    created_at: Mapped[int] = mapped_column(BigInteger)
    disabled: Mapped[bool] = mapped_column(Boolean, default=False)


class SavedViewRow(Base):
    """A filter of a list under a name; `user_id` is null if everybody of the clinic sees it."""

    __tablename__ = "saved_views"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    facility_id: Mapped[int] = mapped_column(ForeignKey("facilities.id"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    owner: Mapped[str] = mapped_column(String(100))  # name of the person who saved it
    name: Mapped[str] = mapped_column(String(60))
    page: Mapped[str] = mapped_column(String(20))
    spec: Mapped[str] = mapped_column(String(60))
    query: Mapped[str] = mapped_column(Text)  # of its address, without days
    days: Mapped[str] = mapped_column(String(30))
    created_at: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        Index("ix_saved_views_own", "facility_id", "user_id", "name", unique=True),
        Index(
            "ix_saved_views_shared",
            "facility_id",
            "name",
            unique=True,
            sqlite_where=text("user_id IS NULL"),
            postgresql_where=text("user_id IS NULL"),
        ),
    )


class AuditEntry(Base):
    """An action of a person: actor, action, time and reason; never changed."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    at: Mapped[int] = mapped_column(BigInteger)
    actor: Mapped[str] = mapped_column(String(100))
    action: Mapped[str] = mapped_column(String(60))
    facility_id: Mapped[int | None] = mapped_column(Integer)
    delivery_id: Mapped[int | None] = mapped_column(BigInteger, index=True)
    reason: Mapped[str] = mapped_column(Text, default="")
    item_id: Mapped[int | None] = mapped_column(BigInteger)  # the mapped item that it is about

    __table_args__ = (
        Index("ix_audit_at", "at", "id"),
        Index("ix_audit_actor", "actor", "at", "id"),
        Index("ix_audit_action", "action", "at", "id"),
        Index("ix_audit_facility_id_at", "facility_id", "at", "id"),
    )


class LeaseRow(Base):
    """A worker's lease of a batch. A claim, the heartbeat and `begun` are written here, not to each delivery."""

    __tablename__ = "leases"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    worker: Mapped[str] = mapped_column(String(80))
    until: Mapped[int] = mapped_column(BigInteger, index=True)
    # Requests of the batch may have left: deliveries that are not settled when the lease ends become unsure.
    begun: Mapped[bool] = mapped_column(Boolean, default=False)
    upstream: Mapped[str] = mapped_column(String(40), server_default="")
    facility_id: Mapped[int] = mapped_column(Integer, server_default="0")
    # Requests that the worker may have in flight in the channel, as long as it has no row in `drains`.
    slots: Mapped[int] = mapped_column(Integer, server_default="0")
    # The deliveries that are not settled: a JSON object of id -> content (see ClaimedDelivery.content). Claims, pages
    # and the API read it as the view `held_deliveries`.
    batch: Mapped[str] = mapped_column(Text, server_default="{}")

    __table_args__ = (Index("ix_leases_channel", "upstream", "facility_id"),)


# A view, made by a migration: one row for each delivery that is being sent.
held_deliveries = table(
    "held_deliveries",
    column("lease_id", BigInteger),
    column("upstream", String),
    column("facility_id", Integer),
    column("delivery_id", BigInteger),
    column("content", Integer),
)


class WorkerBeat(Base):
    __tablename__ = "workers"
    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    started_at: Mapped[int] = mapped_column(BigInteger)
    beat_at: Mapped[int] = mapped_column(BigInteger)
    in_flight: Mapped[int] = mapped_column(Integer, default=0)


class DrainRow(Base):
    """A worker that shares a channel with others: its part of the slots. Who drains a channel alone has no row."""

    __tablename__ = "drains"
    upstream: Mapped[str] = mapped_column(String(40), primary_key=True)
    facility_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    worker: Mapped[str] = mapped_column(String(80), primary_key=True)
    since: Mapped[int] = mapped_column(BigInteger)
    until: Mapped[int] = mapped_column(BigInteger)  # after this a worker that died has no slots any more
    held: Mapped[int] = mapped_column(Integer)  # slots: requests that it has or may have in flight


class SendTimeRow(Base):
    """The next send time of a channel that no worker has reserved yet; see engine.limits.rate."""

    __tablename__ = "turns"
    upstream: Mapped[str] = mapped_column(String(40), primary_key=True)
    facility_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    next_at: Mapped[int] = mapped_column(BigInteger)  # epoch microseconds


class Delivery(Base):
    """A record that is delivered to an upstream, with its status. Written only by engine.outbox."""

    __tablename__ = "deliveries"
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    facility_id: Mapped[int] = mapped_column(ForeignKey("facilities.id"))
    spec: Mapped[str] = mapped_column(String(60))
    upstream: Mapped[str] = mapped_column(String(40))
    key: Mapped[str] = mapped_column(String(KEY_LENGTH))
    date: Mapped[str] = mapped_column(String(10))
    patient_norm: Mapped[str | None] = mapped_column(String(60))
    patient_name: Mapped[str | None] = mapped_column(String(200))
    # Deliveries of the same sequence are sent one after the other.
    sequence: Mapped[str | None] = mapped_column(String(SEQUENCE_LENGTH))

    record: Mapped[str] = mapped_column(Text)  # the submitted document as JSON
    record_hash: Mapped[str] = mapped_column(String(32))
    # The body (JSON) that a person wrote in place of the payload; sent unchanged until the record changes.
    body: Mapped[str | None] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer, default=1)  # incremented by each new content of the record
    # The version whose request last left, or an earlier one; negative if a person had written the body. If a search
    # finds the record, this is the version that its id belongs to.
    tried_version: Mapped[int | None] = mapped_column(Integer)
    # The version that the upstream holds. If in doubt and without a reference: it was accepted without showing an id.
    sent_version: Mapped[int | None] = mapped_column(Integer)
    reference: Mapped[str | None] = mapped_column(String(200))

    status: Mapped[str] = mapped_column(String(10))
    # A create may have arrived: it is searched for before another one is sent.
    in_doubt: Mapped[bool] = mapped_column(Boolean, default=False)
    lane: Mapped[int] = mapped_column(SmallInteger, default=0)
    due_at: Mapped[int | None] = mapped_column(
        BigInteger
    )  # null: nothing is done until a person or another record acts
    # Tries since a change or a person last made it due; the retry schedule counts them.
    tries: Mapped[int] = mapped_column(Integer, default=0)
    deaths: Mapped[int] = mapped_column(SmallInteger, default=0)  # workers that died while they held it
    # auto, or the action and the person that made it due.
    trigger: Mapped[str] = mapped_column(String(120), default="auto")

    http_status: Mapped[int | None] = mapped_column(SmallInteger)
    code: Mapped[str | None] = mapped_column(String(60))
    problem: Mapped[str | None] = mapped_column(Text)  # why it is not sent, in the upstream's words or ours
    # The cause by which alike failures are grouped; see engine.delivery.causes.
    cause: Mapped[str | None] = mapped_column(String(200))
    # The job that last sent it again; null again when a person does.
    job_id: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[int] = mapped_column(BigInteger)
    changed_at: Mapped[int] = mapped_column(BigInteger)
    settled_at: Mapped[int | None] = mapped_column(BigInteger)
    sent_at: Mapped[int | None] = mapped_column(BigInteger)
    # Since when the record says that it was handed in by mistake, as the entry declares it; null: it does not.
    withdrawn_at: Mapped[int | None] = mapped_column(BigInteger)
    # The values (JSON) that a withdrawal by a person replaced in the record; null: it is as the HIS handed it in.
    # The record's hash stays that of what was handed in, so that handing in the same again changes nothing.
    replaced: Mapped[str | None] = mapped_column(Text)
    # The API key by which the record was handed in as it is; null: in another way. The key may have been deleted.
    api_key_id: Mapped[int | None] = mapped_column(Integer)

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
    """A word of the search index of patients, in lower case; see engine.outbox.patient_index."""

    __tablename__ = "patient_words"
    facility_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    norm: Mapped[str] = mapped_column(String(60), primary_key=True)
    # Compared by bytes, so that an index finds words by their beginning in a database of any language.
    word: Mapped[str] = mapped_column(
        String(WORD_LENGTH).with_variant(String(WORD_LENGTH, collation="C"), "postgresql"), primary_key=True
    )

    __table_args__ = (Index("ix_patient_words_word", "facility_id", "word", "norm"),)


class ColumnValueRow(Base):
    """A value that occurs in a column of a list; see engine.outbox.list_index. Identifiers of people are not stored."""

    __tablename__ = "column_values"
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    facility_id: Mapped[int] = mapped_column(Integer)
    spec: Mapped[str] = mapped_column(String(60))
    name: Mapped[str] = mapped_column(String(60))  # of the column
    # In lower case, as it is compared: by bytes, so that an index finds values by their beginning.
    value: Mapped[str] = mapped_column(
        String(VALUE_LENGTH).with_variant(String(VALUE_LENGTH, collation="C"), "postgresql")
    )
    text: Mapped[str] = mapped_column(String(VALUE_LENGTH))  # as the record has it

    __table_args__ = (UniqueConstraint("facility_id", "spec", "name", "value"),)


class ColumnWord(Base):
    """A word of a column's value, in lower case, by whose beginning lists find it."""

    __tablename__ = "column_words"
    facility_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    spec: Mapped[str] = mapped_column(String(60), primary_key=True)
    word: Mapped[str] = mapped_column(
        String(WORD_LENGTH).with_variant(String(WORD_LENGTH, collation="C"), "postgresql"), primary_key=True
    )
    value_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False, index=True)

    __table_args__ = ({"sqlite_with_rowid": False},)


class DeliveryValue(Base):
    """A delivery that has a value in a column, in the order of lists; `day` is its date as a number, 20260310."""

    __tablename__ = "delivery_values"
    value_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    day: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    delivery_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False, index=True)

    __table_args__ = ({"sqlite_with_rowid": False},)


class IndexQueueRow(Base):
    """Deliveries with ids from `first` to `last` that a worker has to enter in the index of lists."""

    __tablename__ = "index_queue"
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    first: Mapped[int] = mapped_column(BigInteger)
    last: Mapped[int] = mapped_column(BigInteger)


class PatientRow(Base):
    """A patient of whom there are deliveries; pages are addressed by the id, so that no number is in an address."""

    __tablename__ = "patients"
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    facility_id: Mapped[int] = mapped_column(Integer)
    norm: Mapped[str] = mapped_column(String(60))

    __table_args__ = (UniqueConstraint("facility_id", "norm"),)


class PatientNumberRow(Base):
    """A number of a patient that a delivery's record tells, as a keyed hash; see engine.visits.visit_index."""

    __tablename__ = "patient_numbers"
    hash: Mapped[str] = mapped_column(String(32), primary_key=True)
    delivery_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False, index=True)

    __table_args__ = ({"sqlite_with_rowid": False},)


class VisitRow(Base):
    """A visit to which deliveries of any upstream belong; `key` is the value of their entries' `visit`.

    All but facility and key is found out by engine.maintenance.visit_review whenever `changes` differs from `reviewed`.
    """

    __tablename__ = "visits"
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    facility_id: Mapped[int] = mapped_column(Integer)
    key: Mapped[str] = mapped_column(String(KEY_LENGTH))
    day: Mapped[str | None] = mapped_column(String(10))  # of the record that is the visit, else of its first record
    patient_norm: Mapped[str | None] = mapped_column(String(60))
    delivery_id: Mapped[int | None] = mapped_column(BigInteger)  # of the record that is the visit
    use_cases: Mapped[str] = mapped_column(Text, server_default="[]")  # names, as JSON
    # What was not handed in: a JSON list of engine.visits.visit_index.StoredLack.
    lacks: Mapped[str] = mapped_column(Text, server_default="[]")
    lacks_from: Mapped[int | None] = mapped_column(BigInteger)  # when the first of it should have been handed in
    changes: Mapped[int] = mapped_column(Integer, server_default="1")  # of its records, counted
    reviewed: Mapped[int] = mapped_column(Integer, server_default="0")  # the `changes` that were reviewed last

    __table_args__ = (
        UniqueConstraint("facility_id", "key"),
        Index("ix_visits_day", "facility_id", "day", "id"),
        Index(
            "ix_visits_patient",
            "facility_id",
            "patient_norm",
            "day",
            "id",
            sqlite_where=text("patient_norm IS NOT NULL"),
            postgresql_where=text("patient_norm IS NOT NULL"),
        ),
        Index(
            "ix_visits_lacks",
            "facility_id",
            "lacks_from",
            "id",
            sqlite_where=text("lacks_from IS NOT NULL"),
            postgresql_where=text("lacks_from IS NOT NULL"),
        ),
        Index(
            "ix_visits_changed",
            "id",
            sqlite_where=text("reviewed <> changes"),
            postgresql_where=text("reviewed <> changes"),
        ),
    )


class VisitDelivery(Base):
    """A delivery that belongs to a visit."""

    __tablename__ = "visit_deliveries"
    visit_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    delivery_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False, index=True)

    __table_args__ = ({"sqlite_with_rowid": False},)


class ExpectedCount(Base):
    """Number of records of a type and a day that the clinic's system says it has."""

    __tablename__ = "expected_counts"
    facility_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    date: Mapped[str] = mapped_column(String(10), primary_key=True)
    spec: Mapped[str] = mapped_column(String(60), primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[int] = mapped_column(BigInteger)  # when it was said last


class HeldResend(Base):
    """A scheduled resend that a person may still undo; the sweep performs it once it is due."""

    __tablename__ = "held_resends"
    delivery_id: Mapped[int] = mapped_column(BigId, ForeignKey("deliveries.id"), primary_key=True, autoincrement=False)
    facility_id: Mapped[int] = mapped_column(Integer)
    actor: Mapped[str] = mapped_column(String(100))
    due_at: Mapped[int] = mapped_column(BigInteger, index=True)


class Wait(Base):
    """A delivery that waits for another record's reference; that record may not have been submitted yet."""

    __tablename__ = "waits"
    facility_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    spec: Mapped[str] = mapped_column(String(60), primary_key=True)
    key: Mapped[str] = mapped_column(String(KEY_LENGTH), primary_key=True)
    delivery_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("deliveries.id"), primary_key=True, index=True, autoincrement=False
    )
    created_at: Mapped[int] = mapped_column(BigInteger, index=True)
    # The code of a mapped item that does not satisfy the need: the delivery waits for another code.
    seen: Mapped[str | None] = mapped_column(String(KEY_LENGTH))
    # One of several types, any of which satisfies the need: all these waits end with the first record of the key.
    alternative: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    # The delivery is told to wait in a circle; see engine.maintenance.circles.
    circle: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    # The awaited record was withdrawn: the delivery is set aside until that record is handed in again.
    set_aside: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())

    __table_args__ = (
        Index("ix_waits_circle", "delivery_id", sqlite_where=text("circle"), postgresql_where=text("circle")),
    )


class Attempt(Base):
    """One attempt: the exact request and answer, and the verdict."""

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
    headers: Mapped[str | None] = mapped_column(Text)  # of the answer; see adapters.kept_headers
    # When its bodies were removed by age; see engine.maintenance.retention.
    pruned_at: Mapped[int | None] = mapped_column(BigInteger)


class RetentionWalk(Base):
    """Position of the search through the attempts for those whose bodies have reached their age."""

    __tablename__ = "retention_walks"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)  # the last attempt that was checked
    policy: Mapped[str] = mapped_column(String(16))  # hash of the rules; if they change, all is checked again


class RetentionLeftover(Base):
    """A delivery with attempts old enough to prune that is not settled; it is checked again once it is."""

    __tablename__ = "retention_leftovers"
    delivery_id: Mapped[int] = mapped_column(BigId, ForeignKey("deliveries.id"), primary_key=True, autoincrement=False)


class Job(Base):
    """One action on many deliveries; its items are fixed when it is created."""

    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    facility_id: Mapped[int] = mapped_column(ForeignKey("facilities.id"))
    upstream: Mapped[str] = mapped_column(String(40))
    action: Mapped[str] = mapped_column(String(20))  # resend, ignore, regenerate or mend
    chosen: Mapped[str] = mapped_column(Text)  # the filter that selected its deliveries, as JSON
    reason: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(String(100))
    state: Mapped[str] = mapped_column(String(10))  # draft, running, paused, cancelled or done
    total: Mapped[int] = mapped_column(Integer)
    done: Mapped[int] = mapped_column(Integer, default=0)  # position up to which all items have been processed
    skipped: Mapped[int] = mapped_column(Integer, default=0)  # items of those done that needed no action
    created_at: Mapped[int] = mapped_column(BigInteger)
    ended_at: Mapped[int | None] = mapped_column(BigInteger)
    # Nothing is done before this time, so that its person may undo the job; null: no wait.
    starts_at: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (Index("ix_jobs_facility_id_state", "facility_id", "state"),)


class JobItem(Base):
    """One delivery of a job; without an outcome it has not been processed yet."""

    __tablename__ = "job_items"
    job_id: Mapped[int] = mapped_column(BigId, ForeignKey("jobs.id"), primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    delivery_id: Mapped[int] = mapped_column(BigInteger)
    outcome: Mapped[str | None] = mapped_column(String(20))


class ValueRule(Base):
    """A rule of a clinic: a value in the records of a type is sent as another one until its system is mended."""

    __tablename__ = "value_rules"
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    facility_id: Mapped[int] = mapped_column(Integer)
    spec: Mapped[str] = mapped_column(String(60))
    place: Mapped[str] = mapped_column(String(200))  # see engine.value_rules.places
    old: Mapped[str] = mapped_column(String(1000))  # the value as it is handed in, as JSON
    new: Mapped[str] = mapped_column(String(1000))  # the value that is sent, as JSON
    actor: Mapped[str] = mapped_column(String(100))
    reason: Mapped[str] = mapped_column(Text)
    job_id: Mapped[int] = mapped_column(BigInteger, index=True)  # the job that sent the deliveries of its day
    created_at: Mapped[int] = mapped_column(BigInteger)
    starts_at: Mapped[int] = mapped_column(BigInteger)
    # When a record that was sent by the rule was first seen with another value than the old one.
    mended_at: Mapped[int | None] = mapped_column(BigInteger)
    ended_at: Mapped[int | None] = mapped_column(BigInteger)
    ended_by: Mapped[str] = mapped_column(String(100), default="", server_default="")  # empty: the clinic's system

    __table_args__ = (
        Index(
            "uq_value_rules_active",
            *("facility_id", "spec", "place", "old"),
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_value_rules_facility_id", "facility_id", "id"),
    )


class ValueRuleUse(Base):
    """A delivery that was sent with the value of a rule."""

    __tablename__ = "value_rule_uses"
    delivery_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    rule_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    first_at: Mapped[int] = mapped_column(BigInteger)
    last_at: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (Index(None, "rule_id", "delivery_id"), {"sqlite_with_rowid": False})


class ProblemStateRow(Base):
    """State of a problem of a clinic; see engine.problems.states."""

    __tablename__ = "problem_states"
    facility_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(String(40), primary_key=True)  # names the cause for as long as it lasts
    assigned_to: Mapped[str] = mapped_column(String(100))  # name of a person; empty: nobody
    ignored_until: Mapped[str] = mapped_column(String(10))  # the last day; empty: not ignored
    ignored_at: Mapped[int] = mapped_column(BigInteger)
    ignored_by: Mapped[str] = mapped_column(String(100))
    version: Mapped[int] = mapped_column(Integer)  # incremented by each change
    # Since when it is open, and when it was seen last; both 0: never seen.
    opened_at: Mapped[int] = mapped_column(BigInteger, server_default="0")
    seen_at: Mapped[int] = mapped_column(BigInteger, server_default="0")


class ProblemNoteRow(Base):
    """A note of a person about a problem; kept when the problem is gone, as it may come back."""

    __tablename__ = "problem_notes"
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    facility_id: Mapped[int] = mapped_column(Integer)
    key: Mapped[str] = mapped_column(String(40))
    at: Mapped[int] = mapped_column(BigInteger)
    actor: Mapped[str] = mapped_column(String(100))
    text: Mapped[str] = mapped_column(String(500))

    __table_args__ = (Index(None, "facility_id", "key", "id"),)


class ProblemReviewRow(Base):
    """The last review of all problems, its only row; see engine.problems.reviews."""

    __tablename__ = "problem_reviews"
    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    held_until: Mapped[int] = mapped_column(BigInteger)  # by the process that reviews; 0: by none
    reviewed_at: Mapped[int] = mapped_column(BigInteger)
    facts: Mapped[str] = mapped_column(Text)  # JSON


class CodeRow(Base):
    """A row of the copy of a code list; a row that vanished stays, because records still name it."""

    __tablename__ = "code_rows"
    facility_id: Mapped[int] = mapped_column(
        Integer, primary_key=True
    )  # owner of the copy; 0: one copy for all facilities
    list: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(KEY_LENGTH), primary_key=True)
    content: Mapped[str] = mapped_column(Text)  # its columns as a JSON object
    words: Mapped[str] = mapped_column(Text)  # all values in lower case, for the search
    since: Mapped[int] = mapped_column(BigInteger)
    changed_at: Mapped[int] = mapped_column(BigInteger)
    gone_at: Mapped[int | None] = mapped_column(BigInteger)


class Synchronisation(Base):
    """One synchronisation of a code list: its progress and its result."""

    __tablename__ = "synchronisations"
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    facility_id: Mapped[int] = mapped_column(Integer)  # owner of the copy; 0: one copy for all facilities
    list: Mapped[str] = mapped_column(String(64))
    actor: Mapped[str] = mapped_column(String(100))
    state: Mapped[str] = mapped_column(String(10))  # running, done or failed
    started_at: Mapped[int] = mapped_column(BigInteger)
    # The lease of the worker that reads it; when this has passed, another worker goes on.
    held_until: Mapped[int] = mapped_column(BigInteger, default=0)
    ended_at: Mapped[int | None] = mapped_column(BigInteger)
    # Reads that it takes, once they are known; a paged read counts once.
    total: Mapped[int] = mapped_column(Integer, default=0)
    done: Mapped[int] = mapped_column(Integer, default=0)
    offset: Mapped[int] = mapped_column(Integer, default=0)  # rows that the current paged read has returned
    added: Mapped[int] = mapped_column(Integer, default=0)
    changed: Mapped[int] = mapped_column(Integer, default=0)
    gone: Mapped[int] = mapped_column(Integer, default=0)
    since: Mapped[str | None] = mapped_column(String(10))  # only rows changed since this date are read; null: all
    problem: Mapped[str | None] = mapped_column(Text)
    tries: Mapped[int] = mapped_column(Integer, default=0)  # failed reads in a row
    retry_at: Mapped[int | None] = mapped_column(BigInteger)  # when a failed read is tried again

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
        Index(
            "ix_synchronisations_failed",
            "facility_id",
            "list",
            sqlite_where=text("state IN ('failed', 'running')"),
            postgresql_where=text("state IN ('failed', 'running')"),
        ),
    )


class ClinicSource(Base):
    """A source of a clinic: whether it is read, which worker reads it, and what keeps it from being read."""

    __tablename__ = "clinic_sources"
    facility_id: Mapped[int] = mapped_column(ForeignKey("facilities.id"), primary_key=True)
    source: Mapped[str] = mapped_column(String(40), primary_key=True)
    state: Mapped[str] = mapped_column(String(10))  # running, paused by a person, or stopped by the reader
    from_day: Mapped[str] = mapped_column(String(10))  # the first day that is read
    actor: Mapped[str] = mapped_column(String(100))
    changed_at: Mapped[int] = mapped_column(BigInteger)
    # The worker that reads it; when `held_until` has passed, another worker goes on.
    holder: Mapped[str | None] = mapped_column(String(80))
    held_until: Mapped[int] = mapped_column(BigInteger, server_default="0")
    # Since when it cannot be read, in how many tries, and when the next is.
    failing_since: Mapped[int | None] = mapped_column(BigInteger)
    failed_at: Mapped[int | None] = mapped_column(BigInteger)
    tries: Mapped[int] = mapped_column(Integer, server_default="0")
    retry_at: Mapped[int | None] = mapped_column(BigInteger)
    fault: Mapped[str | None] = mapped_column(String(12))  # kind of the problem
    problem: Mapped[str | None] = mapped_column(Text)
    # Until when a person has agreed that many rows may disappear at once.
    agreed_until: Mapped[int] = mapped_column(BigInteger, server_default="0")


class SourceRound(Base):
    """A read of a source in one window: when it is due, how far it has come, and the result of the last round."""

    __tablename__ = "source_rounds"
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    facility_id: Mapped[int] = mapped_column(Integer)
    source: Mapped[str] = mapped_column(String(40))
    read: Mapped[str] = mapped_column(String(64))
    days: Mapped[int] = mapped_column(Integer)  # of the window; 0: everything, or the days that a person asked for
    first_day: Mapped[str] = mapped_column(String(10), server_default="")  # of a read that a person asked for
    last_day: Mapped[str] = mapped_column(String(10), server_default="")
    due_at: Mapped[int | None] = mapped_column(BigInteger)
    place: Mapped[str] = mapped_column(String(10), server_default="")  # the earliest day that has been read
    mark: Mapped[str | None] = mapped_column(String(40))  # the latest that a read by watermark has seen
    begun_at: Mapped[int | None] = mapped_column(BigInteger)
    done_at: Mapped[int | None] = mapped_column(BigInteger)  # end of the last complete round
    milliseconds: Mapped[int] = mapped_column(Integer, server_default="0")
    rows: Mapped[int] = mapped_column(Integer, server_default="0")
    taken: Mapped[int] = mapped_column(Integer, server_default="0")  # records that were new or changed
    skipped: Mapped[int] = mapped_column(Integer, server_default="0")
    refused: Mapped[int] = mapped_column(Integer, server_default="0")
    gone: Mapped[int] = mapped_column(Integer, server_default="0")

    __table_args__ = (
        UniqueConstraint("facility_id", "source", "read", "days", "first_day", "last_day", name="uq_source_rounds"),
        Index(
            "ix_source_rounds_due",
            "due_at",
            sqlite_where=text("due_at IS NOT NULL"),
            postgresql_where=text("due_at IS NOT NULL"),
        ),
    )


class SourceRow(Base):
    """A row of a clinic's database that was read, without its content: its key and its outcome."""

    __tablename__ = "source_rows"
    facility_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    source: Mapped[str] = mapped_column(String(40), primary_key=True)
    read: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(KEY_LENGTH), primary_key=True)
    # The days on which it was read; empty if the read has no days.
    first_day: Mapped[str] = mapped_column(String(10))
    last_day: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(10))  # taken, skipped, refused or gone
    record_key: Mapped[str | None] = mapped_column(String(KEY_LENGTH))  # of the record that was stored
    problem: Mapped[str | None] = mapped_column(Text)  # why it was skipped or refused, or what follows from its end
    changed_at: Mapped[int] = mapped_column(BigInteger)
    missed: Mapped[int] = mapped_column(SmallInteger, server_default="0")  # complete rounds in a row without it

    __table_args__ = (
        Index("ix_source_rows_day", "facility_id", "source", "read", "last_day"),
        Index("ix_source_rows_record", "facility_id", "record_key"),  # finds the row of a delivery
        Index(
            "ix_source_rows_refused",
            "facility_id",
            "source",
            "read",
            "state",
            sqlite_where=text("state <> 'taken'"),
            postgresql_where=text("state <> 'taken'"),
        ),
    )


class RefusedRecord(Base):
    """A record of the HTTP interface that was refused: its key and its problems, until the same key is accepted."""

    __tablename__ = "refused_records"
    facility_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    spec: Mapped[str] = mapped_column(String(60), primary_key=True)  # an entry, or the type of a mapping's items
    key: Mapped[str] = mapped_column(String(KEY_LENGTH), primary_key=True)  # empty: of records without a readable key
    problem: Mapped[str] = mapped_column(Text)
    n: Mapped[int] = mapped_column(Integer)  # times in a row
    first_at: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (Index("ix_refused_records_at", "facility_id", "at"),)


class StatusPosition(Base):
    """Position of a subscriber in the attempts: the last one it was told of; see engine.subscribers.positions."""

    __tablename__ = "status_positions"
    facility_id: Mapped[int] = mapped_column(ForeignKey("facilities.id"), primary_key=True)
    account: Mapped[str] = mapped_column(String(40), primary_key=True)  # under which its credentials are stored
    attempt_id: Mapped[int] = mapped_column(BigInteger)  # the last that it was told of
    # Up to here every attempt that there will ever be is visible: it was the newest a while before `seen_at`.
    visible_id: Mapped[int] = mapped_column(BigInteger)
    seen_id: Mapped[int] = mapped_column(BigInteger)
    seen_at: Mapped[int] = mapped_column(BigInteger)
    # When it is told again, or when the lease of the worker that tells it ends.
    due_at: Mapped[int] = mapped_column(BigInteger)
    tries: Mapped[int] = mapped_column(Integer)  # in which it did not take what it was told, in a row
    failing_since: Mapped[int | None] = mapped_column(BigInteger)
    failed_at: Mapped[int | None] = mapped_column(BigInteger)
    problem: Mapped[str | None] = mapped_column(Text)
    told_at: Mapped[int | None] = mapped_column(BigInteger)


class StagedRow(Base):
    """A row that a running synchronisation has read; it becomes part of the copy when all rows are read."""

    __tablename__ = "staged_rows"
    synchronisation_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("synchronisations.id"), primary_key=True, autoincrement=False
    )
    key: Mapped[str] = mapped_column(String(KEY_LENGTH), primary_key=True)
    content: Mapped[str] = mapped_column(Text)
    words: Mapped[str] = mapped_column(Text)
    withdrawn: Mapped[int] = mapped_column(SmallInteger, default=0)  # 1: the code must not be used any more


class Item(Base):
    """An item of the clinic, for example a drug, that is mapped to a code; see engine.mapping."""

    __tablename__ = "items"
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    facility_id: Mapped[int] = mapped_column(ForeignKey("facilities.id"))
    item: Mapped[str] = mapped_column(String(64))  # the type under which it was submitted
    key: Mapped[str] = mapped_column(String(KEY_LENGTH))
    name: Mapped[str] = mapped_column(String(ITEM_NAME_LENGTH))
    words: Mapped[str] = mapped_column(Text)  # all values in lower case, for the search
    record: Mapped[str] = mapped_column(Text)  # the submitted document as JSON
    record_hash: Mapped[str] = mapped_column(String(32))
    # Hash of the parts that are compared with a code: if it changes, a person has to review the mapping.
    parts_hash: Mapped[str] = mapped_column(String(32))
    active: Mapped[bool] = mapped_column(Boolean)
    state: Mapped[str] = mapped_column(String(10))  # unmapped, mapped or review
    code: Mapped[str | None] = mapped_column(String(KEY_LENGTH))
    reason: Mapped[str | None] = mapped_column(String(20))  # why it has to be reviewed: changed or withdrawn
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
    """A change of an item's code, with person and time; never changed."""

    __tablename__ = "item_changes"
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    item_id: Mapped[int] = mapped_column(BigId, ForeignKey("items.id"), index=True)
    at: Mapped[int] = mapped_column(BigInteger)
    actor: Mapped[str] = mapped_column(String(100))
    # mapped, removed, changed (the record did), withdrawn or restored (the code was)
    action: Mapped[str] = mapped_column(String(20))
    code: Mapped[str | None] = mapped_column(String(KEY_LENGTH))
    before: Mapped[str | None] = mapped_column(String(KEY_LENGTH))  # the code that it had before


class CodeUse(Base):
    """The code of an item that a delivery was last sent with."""

    __tablename__ = "code_uses"
    facility_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    item: Mapped[str] = mapped_column(String(64), primary_key=True)  # the type of the item
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
    loaded_at: Mapped[int] = mapped_column(BigInteger)  # when a worker first ran it


class CorrectionSearchRow(Base):
    """Position of the search through a clinic's deliveries for those that a correction affects."""

    __tablename__ = "correction_searches"
    facility_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    spec: Mapped[str] = mapped_column(String(60), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    date: Mapped[str] = mapped_column(String(10))
    delivery_id: Mapped[int] = mapped_column(BigInteger)  # the last delivery that was checked; `date` is its date
    searches: Mapped[int] = mapped_column(SmallInteger)  # searches that have ended
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


class HourlyCount(Base):
    """Deliveries that were settled in an hour, kept in the transaction that settles them; see engine.outbox.hourly."""

    __tablename__ = "hourly_counts"
    facility_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    hour: Mapped[int] = mapped_column(Integer, primary_key=True)  # hours since 1970 in UTC
    spec: Mapped[str] = mapped_column(String(60), primary_key=True)
    outcome: Mapped[str] = mapped_column(String(10), primary_key=True)  # sent, refused or held
    n: Mapped[int] = mapped_column(BigInteger)


class HourlyRequest(Base):
    """Requests to an upstream that began in an hour, and how long their answers took."""

    __tablename__ = "hourly_requests"
    facility_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    hour: Mapped[int] = mapped_column(Integer, primary_key=True)
    upstream: Mapped[str] = mapped_column(String(40), primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger)
    milliseconds: Mapped[int] = mapped_column(BigInteger)  # sum over the usable answers
    slow: Mapped[int] = mapped_column(BigInteger)  # usable answers that took over a second
    failed: Mapped[int] = mapped_column(BigInteger)  # requests without a usable answer


class InboundRequest(Base):
    """A caller's request to the clinic with the answer; it is forwarded to the clinic's system."""

    __tablename__ = "inbound_requests"
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    facility_id: Mapped[int] = mapped_column(ForeignKey("facilities.id"))
    inbound: Mapped[str] = mapped_column(String(64))
    operation: Mapped[str] = mapped_column(String(20))
    card: Mapped[str] = mapped_column(String(13))
    at: Mapped[int] = mapped_column(BigInteger)
    content: Mapped[str] = mapped_column(Text)  # as JSON, like `answer`
    answer: Mapped[str] = mapped_column(Text)
    code: Mapped[int] = mapped_column(Integer)
    taken_at: Mapped[int | None] = mapped_column(BigInteger)  # when the clinic's system confirmed it
    # When it is forwarded to the clinic's system, or when the lease of the worker that forwards it ends.
    due_at: Mapped[int | None] = mapped_column(BigInteger)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    problem: Mapped[str | None] = mapped_column(Text)  # why the clinic's system did not accept it the last time
    # When content and answer were removed by age; see engine.inbound.retention.
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
    """The last number of a polyclinic on a day; numbers are issued under a lock of this row."""

    __tablename__ = "inbound_days"
    facility_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    date: Mapped[str] = mapped_column(String(10), primary_key=True)
    poli: Mapped[str] = mapped_column(String(10), primary_key=True)
    last: Mapped[int] = mapped_column(Integer)


class InboundNumber(Base):
    """A queue number that was issued; never issued again, even if it was cancelled."""

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
    """A recipient of alerts: how to reach them, and the alerts that they have received already."""

    __tablename__ = "alert_recipients"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    # The only clinic whose alerts they receive; null: all.
    facility_id: Mapped[int | None] = mapped_column(ForeignKey("facilities.id"))
    name: Mapped[str] = mapped_column(String(100))
    way: Mapped[str] = mapped_column(String(10))  # email, telegram or webhook
    address: Mapped[str] = mapped_column(String(300))
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)  # secrets for sending, sealed by the vault
    enabled: Mapped[bool] = mapped_column(Boolean, default=True)
    # Between these times of day (HH:MM) nothing is sent but the digest.
    quiet_from: Mapped[str] = mapped_column(String(5), default="")
    quiet_until: Mapped[str] = mapped_column(String(5), default="")
    waiting_minutes: Mapped[int] = mapped_column(Integer)
    failure_percent: Mapped[int] = mapped_column(Integer)  # threshold; 0: never
    digest_at: Mapped[str] = mapped_column(String(5), default="")
    digest_on: Mapped[str] = mapped_column(String(10), default="")  # the day of the last digest
    known: Mapped[str] = mapped_column(Text, default="[]")  # engine.alerts.ledger as JSON
    # Incremented by each change of `known`: only the process that increments it from the value it read may send.
    mark: Mapped[int] = mapped_column(Integer, default=0)
    held_until: Mapped[int] = mapped_column(BigInteger, default=0)
    told_at: Mapped[int | None] = mapped_column(BigInteger)
    fails: Mapped[int] = mapped_column(Integer, default=0)
    again_at: Mapped[int] = mapped_column(BigInteger, default=0)
    problem: Mapped[str] = mapped_column(Text, default="")  # why the last message was not delivered
    created_at: Mapped[int] = mapped_column(BigInteger)
