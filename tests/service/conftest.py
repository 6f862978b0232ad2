"""What the tests of the service need: databases, and a real service with a tiny detector."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import services

from deepfakebench_ext.service.database import Database, open_database
from deepfakebench_ext.service.jobs import Jobs
from deepfakebench_ext.service.settings import Limits


@pytest.fixture(scope="session")
def postgres() -> Iterator[services.Postgres]:
    """A PostgreSQL of the tests' own."""
    with services.postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database, of either kind."""
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres").new_database()
    opened = open_database(url, tmp_path)
    yield opened
    opened.engine.dispose()


@pytest.fixture
def jobs(database: Database) -> Jobs:
    """The jobs of that database; leases last two seconds."""
    return Jobs(database, Limits(lease_s=2, failures=2, losses=3, jobs=5))


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options that name a tiny detector."""
    return services.weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, weights: list[str]) -> Iterator[services.Service]:
    """A service with an embedded worker, ready."""
    with services.Service(tmp_path_factory.mktemp("service"), weights) as running:
        running.wait_until_ready()
        yield running
