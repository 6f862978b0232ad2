"""The detectors that workers have loaded, as they tell: what each is, and the digest of all that decides its scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select

from deepfakebench_ext.service.database import Database, now
from deepfakebench_ext.service.schema import MODELS
from deepfakebench_ext.service.settings import ServedModel


@dataclass(frozen=True, slots=True)
class SeenModel:
    """A detector that a worker has loaded.

    Attributes:
        name: What requests call it.
        digest: Of all that decides its scores.
        about: Its weights report, what it takes, and how its threshold was chosen, as JSON values.
    """

    name: str
    digest: str
    about: dict[str, Any]


class ModelsSeen:
    """All detectors of a database."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    def tell(self, seen: SeenModel, asked: ServedModel) -> None:
        """Keep what a worker has loaded, and what it was told to load."""
        values = {"name": seen.name, "digest": seen.digest, "about": seen.about, "seen_at": now()}
        with self._database.writing() as connection:
            connection.execute(delete(MODELS).where(MODELS.c.name == seen.name))
            connection.execute(insert(MODELS).values(asked=asked.model_dump(mode="json"), **values))

    def find(self, name: str, asked: ServedModel) -> SeenModel | None:
        """The detector of that name, if a worker has loaded just what is asked for."""
        with self._database.reading() as connection:
            row = connection.execute(select(MODELS).where(MODELS.c.name == name)).mappings().one_or_none()
        if row is None or row["asked"] != asked.model_dump(mode="json"):
            return None
        return SeenModel(row["name"], row["digest"], row["about"])
