"""Every table of the database, and nothing else.

Times are microseconds since the Unix epoch, UTC, in 64-bit integers: compact, exact and compared alike by SQLite and
PostgreSQL. Text that came from a caller has been cleaned of NUL and lone surrogates before it gets here.
`SCHEMA` names the migration that makes these tables; a test holds it, the migrations and this file together.
"""

from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from gateway.append_only import only_grows
from gateway.sealed import Sealed, SealedBytes, SealedNumber

SCHEMA = "0020"

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

_Number = Text().with_variant(Text(collation="C"), "postgresql")  # byte order, for searches by the beginning


def _only(condition: str) -> dict[str, Any]:
    """What makes an index one of the rows of which this is true."""
    return {f"{dialect}_where": text(condition) for dialect in ("sqlite", "postgresql")}


_Serial = BigInteger().with_variant(Integer, "sqlite")  # SQLite's rowid is only aliased by INTEGER

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", _Serial, primary_key=True),
    Column("endpoint", Text, nullable=False),
    Column("webhook_id", Text, nullable=False),  # the sender's deduplication key
    Column("received_at", BigInteger, nullable=False),
    Column("verdict", Text, nullable=False),  # new, late, ignored, same_call or quarantined
    Column("type", Text),  # the event's type, null where the body could not be read
    Column("call_id", Text),
    Column("digest", LargeBinary, nullable=False),  # SHA-256 of the raw body
    Column("repeats", Integer, nullable=False, server_default=text("0")),  # later deliveries with the same id
    Column("conflicts", Integer, nullable=False, server_default=text("0")),  # … whose body differed
    Column("problem", Sealed("deliveries.problem", "endpoint", "webhook_id")),  # why it is quarantined
    Column("body", SealedBytes("deliveries.body", "endpoint", "webhook_id")),  # kept only where it could not be used
    UniqueConstraint("endpoint", "webhook_id"),
    Index("ix_deliveries_received_at", "received_at"),
)

entries = Table(
    "entries",
    metadata,
    Column("id", _Serial, primary_key=True),
    Column("call_id", Text, nullable=False),
    Column("content", SealedBytes("entries.content", "call_id"), nullable=False),  # see gateway.webhooks.entries
)

plans = Table(
    "plans",
    metadata,
    Column("digest", LargeBinary, primary_key=True),  # equal plans are stored once; see calls.store.own_plan_key
    Column("document", SealedBytes("plans.document", "digest"), nullable=False),  # see gateway.actions.plan
)

calls = Table(
    "calls",
    metadata,
    Column("id", _Serial, primary_key=True),
    Column("call_id", _Number, nullable=False, unique=True),  # the upstream's id
    Column("endpoint", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("confirmed", Boolean, nullable=False),
    Column("kind", Text, nullable=False),  # of the decision: accept, reject, refer or ignore
    Column("rule", Text),  # null where the default decided
    Column("revision", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("profile", Text),
    Column("status", Integer),  # the SIP status of a reject
    Column("target", Sealed("calls.target", "call_id")),  # of a refer; the one in use where there are several
    Column("called", SealedNumber("calls.called", "call_id"), nullable=False),
    Column("called_sealed", LargeBinary),  # see gateway.sealed; null where it is stored as it is
    Column("caller", SealedNumber("calls.caller", "call_id"), nullable=False),
    Column("caller_sealed", LargeBinary),
    Column("caller_name", Sealed("calls.caller_name", "call_id")),
    Column("country", Text),
    Column("media", Text),
    Column("received_at", BigInteger, nullable=False),
    Column("decided_at", BigInteger, nullable=False),
    Column("answered_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("attempts", Integer, nullable=False, server_default=text("0")),  # requests sent upstream
    Column("error", Sealed("calls.error", "call_id")),  # the last failure, in words
    Column("plan", LargeBinary, nullable=False),  # of `plans`; as a foreign key it would want an index
    Column("overrides", Integer, nullable=False, server_default=text("0")),  # the state of them that decided
    Column("end_reason", Text),  # see gateway.calls.remark.EndReason
    Column("usage", Text),  # JSON: what the conversation used up; null where nobody listened
    Index("ix_calls_received_at", "received_at", "id"),
    Index("ix_calls_called_received_at", "called", "received_at"),
    Index("ix_calls_caller_received_at", "caller", "received_at"),
    Index("ix_calls_state_received_at", "state", "received_at"),
    Index("ix_calls_rule_received_at", "rule", "received_at"),
    Index("ix_calls_country_received_at", "country", "received_at"),
)

call_facts = Table(
    "call_facts",
    metadata,
    Column("call", _Serial, ForeignKey(calls.c.id), primary_key=True, autoincrement=False),
    Column("content", SealedBytes("call_facts.content", "call"), nullable=False),  # see gateway.calls.store
)


def _sums() -> list[Column[int]]:
    """What the calls of one bucket add up to; see gateway.calls.tally."""
    names = ("calls", "answer_us", "talks", "talk_us", "input_tokens", "output_tokens")
    return [Column(name, BigInteger, nullable=False) for name in names]


def _bucket(*names: str) -> list[Column[Any]]:
    """The key of a bucket. The node's shard spares nodes the wait for each other; sums are over all shards."""
    return [
        Column("hour", BigInteger, primary_key=True, autoincrement=False),  # when the calls were received
        *(Column(name, Text, primary_key=True) for name in names),
        Column("answer", Integer, primary_key=True, autoincrement=False),  # class of the time to answer
        Column("shard", Integer, primary_key=True, autoincrement=False),
    ]


# Calls at rest, by the hour; and the same, finer.
hourly = Table("hourly", metadata, *_bucket("endpoint", "kind", "state"), *_sums(), sqlite_with_rowid=False)
hourly_by_rule = Table(
    "hourly_by_rule",
    metadata,
    *_bucket("endpoint", "kind", "state", "rule", "profile"),
    *_sums(),
    sqlite_with_rowid=False,
)

# How far each index that is filled behind the calls has come: the row id of the last call that it has.
watermarks = Table(
    "watermarks", metadata, Column("name", Text, primary_key=True), Column("id", BigInteger, nullable=False)
)

postgresql_metadata = MetaData(naming_convention=metadata.naming_convention)  # of tables that it alone has

# See gateway.calls.search. SQLite's table of this name is a virtual one.
call_grams = Table(
    "call_grams",
    postgresql_metadata,
    Column("call", BigInteger, primary_key=True, autoincrement=False),
    Column("grams", ARRAY(Integer), nullable=False),
    Index("ix_call_grams_grams", "grams", postgresql_using="gin"),
)
transcript_grams = Table(
    "transcript_grams",
    postgresql_metadata,
    Column("line", BigInteger, primary_key=True, autoincrement=False),
    Column("grams", ARRAY(Integer), nullable=False),
    Index("ix_transcript_grams_grams", "grams", postgresql_using="gin"),
)
for _name in (call_grams.name, transcript_grams.name):
    _fts5 = f"CREATE VIRTUAL TABLE {_name} USING fts5 (grams, content='', detail=none, columnsize=0)"
    _virtual = DDL(_fts5)  # type: ignore[no-untyped-call]
    event.listen(metadata, "after_create", _virtual.execute_if(dialect="sqlite"))
_begin = DDL("INSERT INTO watermarks VALUES ('search', 0), ('transcripts', 0)")  # type: ignore[no-untyped-call]
event.listen(watermarks, "after_create", _begin)

events = Table(
    "events",
    metadata,
    Column("id", _Serial, primary_key=True),
    Column("call", BigInteger, ForeignKey(calls.c.id), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),  # see gateway.calls.lifecycle.Event and gateway.calls.remark.Remark
    Column("state", Text, nullable=False),  # the state it led to
    Column("detail", Sealed("events.detail", "call", "at", "kind")),  # JSON
    Index("ix_events_call", "call", "id"),
)

notices = Table(
    "notices",
    metadata,
    Column("id", _Serial, primary_key=True),
    Column("subscriber", Text, nullable=False),
    Column("call", BigInteger, ForeignKey(calls.c.id), nullable=False),
    Column("event", Text, nullable=False),  # see gateway.subscriber.EVENTS
    Column("message_id", Text, nullable=False),
    Column("body", SealedBytes("notices.body", "message_id"), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),  # when a round of attempts may begin; pushed on by who claims it
    Column("rounds", Integer, nullable=False),
    Column("settled_at", BigInteger),
    Column("status", Integer),  # HTTP, of the last reply
    Column("error", Text),  # of the last attempt; null where it was taken
    UniqueConstraint("subscriber", "call", "event"),
    Index("ix_notices_call", "call"),
    Index("ix_notices_subscriber_due_at", "subscriber", "due_at", **_only("settled_at IS NULL")),
)

actions = Table(
    "actions",
    metadata,
    Column("id", _Serial, primary_key=True),
    Column("call", BigInteger, ForeignKey(calls.c.id), nullable=False),
    Column("command", Text, nullable=False),  # accept, reject, refer or hangup
    Column("step", Integer, nullable=False),  # which alternative of the plan
    Column("target", Integer, nullable=False),  # which target of a refer
    Column("orders", Sealed("actions.orders", "call", "command", "opened_at")),  # JSON; null: as the plan says
    Column("opened_at", BigInteger, nullable=False),
    Column("useless_after", BigInteger, nullable=False),  # nothing is sent later than this
    Column("attempts", Integer, nullable=False),  # requests sent or about to be sent
    Column("in_doubt", Boolean, nullable=False),  # this command may have been applied
    Column("after_server_error", Boolean, nullable=False),  # an accept of this call was answered 5xx
    Column("node", Text),  # who works on it; null: nobody, and nothing was sent
    Column("epoch", Integer, nullable=False),  # counts owners; a result of an older epoch is void
    Column("lease_until", BigInteger, nullable=False),
    Column("settled_at", BigInteger),
    Column("outcome", Text),
    Index("ix_actions_open", "lease_until", **_only("settled_at IS NULL")),
    Index("ix_actions_call", "call"),
)

watches = Table(
    "watches",
    metadata,
    Column("call", BigInteger, ForeignKey(calls.c.id), primary_key=True, autoincrement=False),
    Column("step", Integer, nullable=False),  # the step of the plan that answered the call
    Column("node", Text),  # who is on the sideband
    Column("epoch", Integer, nullable=False),  # counts owners; what an older one writes is void
    Column("lease_until", BigInteger, nullable=False),
    Index("ix_watches_lease_until", "lease_until"),
)

transcripts = Table(
    "transcripts",
    metadata,
    Column("id", _Serial, primary_key=True),
    Column("call", BigInteger, ForeignKey(calls.c.id), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("speaker", Text, nullable=False),  # caller or model
    Column("text", Sealed("transcripts.text", "call", "at", "speaker"), nullable=False),
    Index("ix_transcripts_call", "call", "id"),
    Index("ix_transcripts_at", "at"),
)

revisions = Table(
    "revisions",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("created_at", BigInteger, nullable=False),
    Column("author", Text, nullable=False),
    Column("comment", Text, nullable=False, server_default=""),
    Column("forced_for", Text),  # why it was published although expectations failed; null: they held
    Column("counts", Text, nullable=False, server_default="{}"),  # what it changed: JSON, by sort of change
    Column("confirm_by", BigInteger),  # it reverts then, unless it is confirmed before; null: it stays
    Column("confirmed_at", BigInteger),
)

# A revision is made of the rows that are valid at its number: from `valid_from` on, until before `valid_until`. Rows of
# a number that no row of `revisions` has yet are on their way, and nobody's: see gateway.rulebook.item_store.
rulebook_items = Table(
    "rulebook_items",
    metadata,
    Column("id", _Serial, primary_key=True),
    Column("kind", Text, nullable=False),  # see gateway.rulebook.items.ItemKind
    Column("name", _Number, nullable=False),  # the rule's id; empty for the default and the expectations
    Column("place", BigInteger, nullable=False),  # orders rules and the chunks of a list; sparse
    Column("content", LargeBinary, nullable=False),  # canonical JSON
    Column("edited", Integer, nullable=False),  # the revision that last changed or moved it: its ETag
    Column("valid_from", Integer, nullable=False),
    Column("valid_until", Integer),  # null: still valid
    Index("ix_rulebook_items_kind_name", "kind", "name"),
    Index("ix_rulebook_items_kind_place", "kind", "place"),
    Index("ix_rulebook_items_valid_from", "valid_from"),
    # Without what is still valid: an index that held most rows would mislead PostgreSQL's planner.
    Index("ix_rulebook_items_valid_until", "valid_until", **_only("valid_until IS NOT NULL")),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),  # SHA-256 of the token; the token is shown once
    Column("prefix", Text, nullable=False),  # the token's first characters, to recognise it by
    Column("created_at", BigInteger, nullable=False),
    Column("last_used_at", BigInteger),
    Column("revoked_at", BigInteger),
)

overrides = Table(
    "overrides",
    metadata,
    Column("id", Text, primary_key=True),
    Column("document", Text, nullable=False),  # JSON, see gateway.rulebook.overrides
    Column("reason", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("ended_by", Text),
    Column("added_in", Integer, nullable=False, unique=True),  # the number of the change that added it
    Column("ended_in", Integer, unique=True),  # and of the one that ended it
)

# The keys under which values may be sealed (`gateway.calls.encryption`); no key is in any table.
encryption_keys = Table(
    "encryption_keys",
    metadata,
    Column("tag", Text, primary_key=True),  # the key's id; "" for values as they are
    Column("name", Text, nullable=False),  # under which the configuration knew it last
    Column("put_first_at", BigInteger, nullable=False),  # the latest is the one that seals
)

secret_uses = Table(
    "secret_uses",
    metadata,
    Column("endpoint", Text, primary_key=True),
    Column("fingerprint", Text, primary_key=True),  # of a signing secret; the secret is in no table
    Column("last_used_at", BigInteger, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", _Serial, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("author", Text, nullable=False),  # a key's id, "bootstrap", "cli" or "gateway"
    Column("author_name", Text, nullable=False),
    Column("address", Text),  # of the peer that asked for it
    Column("action", Text, nullable=False),  # see gateway.access.audit.Action
    Column("object", Text, nullable=False),
    Column("before", Text),  # JSON
    Column("after", Text),  # JSON
    Index("ix_audit_at", "at"),
    Index("ix_audit_author", "author", "id"),
    Index("ix_audit_object", "object", "id"),
)
only_grows(audit)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", LargeBinary, primary_key=True),  # SHA-256 of the cookie's secret
    Column("key_digest", LargeBinary, nullable=False),  # … of the key's token, which it stands for
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

drafts = Table(
    "drafts",
    metadata,
    Column("owner", Text, primary_key=True),  # the id of the key whose draft it is
    Column("base", Integer, nullable=False),  # the revision on which it was begun
    Column("changes", LargeBinary, nullable=False),  # JSON; see gateway.console.draft
    Column("updated_at", BigInteger, nullable=False),
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", Text, primary_key=True),
    Column("owner", Text, nullable=False),  # the id of the key of whoever sent the file
    Column("name", Text, nullable=False),  # the list that it is for
    Column("content", LargeBinary, nullable=False),  # JSON; see gateway.console.upload
    Column("created_at", BigInteger, nullable=False),
)

saved_searches = Table(
    "saved_searches",
    metadata,
    Column("owner", Text, primary_key=True),  # the id of the key that saved it
    Column("name", Text, primary_key=True),
    Column("owner_name", Text, nullable=False),
    Column("shared", Boolean, nullable=False),  # whether everybody is offered it
    Column("filters", Text, nullable=False),  # JSON; see gateway.console.saved_searches
    Column("saved_at", BigInteger, nullable=False),
)
