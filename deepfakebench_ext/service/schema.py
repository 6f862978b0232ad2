"""The tables. `migrations/` makes them."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, Integer, MetaData, String, Table, Text
from sqlalchemy.types import TypeEngine

METADATA = MetaData()
_BIG: TypeEngine[int] = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up an INTEGER alone

JOBS = Table(
    "jobs",
    METADATA,
    Column("seq", _BIG, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("owner", String(64), nullable=False, index=True),
    Column("kind", String(8), nullable=False),
    Column("model", String(64), nullable=False),
    Column("params", JSON, nullable=False),
    Column("filename", Text, nullable=False),
    Column("sha256", String(64), nullable=False, index=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("state", String(12), nullable=False, index=True),
    Column("stage", String(12), nullable=False),
    Column("progress", Float, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("losses", Integer, nullable=False),
    Column("not_before", Float, nullable=False),
    Column("lease_owner", String(96)),
    Column("lease_until", Float),
    Column("cancel_requested", Boolean, nullable=False),
    Column("error", Text),
    Column("digest", String(64)),
    Column("result", String(32)),
    Column("version", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("started_at", Float),
    Column("finished_at", Float),
)
"""One row a job. `jobs.Job` says what each column means."""

MODELS = Table(
    "models",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("asked", JSON, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("about", JSON, nullable=False),
    Column("seen_at", Float, nullable=False),
)
"""Each detector that a worker has loaded: what it was told to load, and the digest of all that decides its scores."""
