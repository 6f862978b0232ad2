"""The doctor before databases and brokers: real ones."""

from __future__ import annotations

from pathlib import Path

import pytest
import services
from sqlalchemy import text

from deepfakebench_ext.common.errors import OutputError
from deepfakebench_ext.service.database import Database, look_at_database, open_database
from deepfakebench_ext.service.diagnosis.queue import look_at_broker, look_at_jobs


def test_a_database_is_named_with_its_schema(database: Database, tmp_path: Path) -> None:
    url = None if database.engine.dialect.name == "sqlite" else str(database.engine.url)
    found = look_at_jobs(url, tmp_path)
    assert found.is_found and found.said.startswith(database.engine.dialect.name) and "schema 0001" in found.said


def test_a_database_of_a_newer_version_is_refused(database: Database, tmp_path: Path) -> None:
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    url = None if database.engine.dialect.name == "sqlite" else str(database.engine.url)
    with pytest.raises(OutputError, match="made by a newer version"):
        open_database(url, tmp_path)
    found = look_at_jobs(url, tmp_path)
    assert found.is_lacking and "schema 9999" in found.said


def test_an_empty_database_stays_empty(postgres: services.Postgres, tmp_path: Path) -> None:
    url = postgres.new_database()
    said = [look_at_database(url, tmp_path) for _ in range(2)]
    assert said[0] == said[1] and "empty: the first start makes its tables" in said[0]


def test_a_database_that_does_not_answer_is_missing_and_its_password_unsaid(tmp_path: Path) -> None:
    found = look_at_jobs(f"postgresql://bob:secret@127.0.0.1:{services.free_port()}/dfb", tmp_path)
    assert found.is_lacking and "cannot be opened" in found.said and "secret" not in found.said


def test_a_file_that_is_no_database_is_missing(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite3").write_bytes(b"no database" * 100)
    assert look_at_jobs(None, tmp_path).is_lacking


def test_a_broker_answers_or_is_missing(tmp_path: Path) -> None:
    with services.redis(tmp_path) as url:
        services.until(lambda: look_at_broker(url).is_found, "redis", 10)
    found = look_at_broker(url)
    assert found.is_lacking and "does not answer" in found.said
    assert look_at_broker("nowhere").is_lacking
