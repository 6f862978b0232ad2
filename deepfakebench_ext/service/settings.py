"""What a service is told when it starts. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from deepfakebench_ext.common.errors import ConfigError

GIB = 2**30
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def _is_a_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("give letters, digits, '.', '_' and '-', at most 64, the first a letter or digit")
    return name


ModelName = Annotated[str, AfterValidator(_is_a_name)]


class ServedModel(BaseModel):
    """A detector that is served, and how films are cut for it. Fields are called as the command line's options.

    Attributes:
        detector_config, weights, fake_index, require_trained_head, device, dtype, runtime: As
            `DetectorOptions`.
        face_detector, landmark_model, face_model, face_search, min_face_score: As `FaceOptions`.
        threshold_from: A calibration that chooses the threshold, where nobody types one.
        batch_size: Frames or clips of a batch; None takes what suits the device.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    detector_config: str | None = None
    weights: str | None = None
    fake_index: tuple[int, ...] | None = None
    require_trained_head: bool = False
    device: str = "auto"
    dtype: str = "auto"
    runtime: str | None = None
    face_detector: Literal["none", "dlib", "yunet"] | None = None
    landmark_model: str | None = None
    face_model: str | None = None
    face_search: Literal["full", "coarse"] = "full"
    min_face_score: float | None = None
    threshold_from: str | None = None
    batch_size: int | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """All that may lie on this machine, as it was typed."""
        named = (self.detector_config, self.weights, self.landmark_model, self.face_model, self.threshold_from)
        return tuple(each for each in named if each and Path(each).name)


class Limits(BaseModel):
    """What is refused, and when a job is given up.

    Attributes:
        upload_bytes: Largest upload.
        duration_s: Longest film.
        pixels: Most pixels of a frame.
        frames: Most frames of a film.
        time_s: A job that runs longer is stopped and fails.
        memory_bytes: A worker's network process that grows beyond is ended, and its job tried again; None is nine
            tenths of the machine's.
        failures: A job at which the process ended so often fails.
        losses: A job whose worker was lost so often fails.
        lease_s: A worker that says nothing for so long has lost its job.
        free_bytes: Left free on the disk of the data folder.
        jobs: Most jobs of one owner that wait or run.
        requests_per_s: Mean rate of one caller; ten seconds of it may come at once.
        silence_s: An upload of which nothing comes for so long is given up.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    upload_bytes: int = Field(default=2 * GIB, gt=0)
    duration_s: float = Field(default=4 * 3600.0, gt=0)
    pixels: int = Field(default=8192 * 4320, gt=0)
    frames: int = Field(default=2_000_000, gt=0)
    time_s: float = Field(default=6 * 3600.0, gt=0)
    memory_bytes: int | None = Field(default=None, gt=0)
    failures: int = Field(default=3, gt=0)
    losses: int = Field(default=20, gt=0)
    lease_s: float = Field(default=30.0, ge=2)
    free_bytes: int = Field(default=GIB, ge=0)
    jobs: int = Field(default=1000, gt=0)
    requests_per_s: float = Field(default=100.0, gt=0)
    silence_s: float = Field(default=30.0, gt=0)


class ServiceSettings(BaseModel):
    """All that the service, its workers and their network processes share.

    Attributes:
        data_dir: Uploads, results and, unless `database` says otherwise, the database.
        database: SQLAlchemy URL of a PostgreSQL database; None is SQLite in the data folder.
        broker: URL of a Redis that carries wake-ups to Celery workers; None where workers look for themselves.
        models: Detectors by name; the first is taken where a request names none.
        limits: What is refused.
        keep_s: Finished jobs older than this are deleted; None keeps them.
        keep_bytes: Beyond so many bytes of uploads and results, the oldest finished jobs are deleted; None keeps them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_dir: str
    database: str | None = None
    broker: str | None = None
    models: Mapping[ModelName, ServedModel] = Field(min_length=1)
    limits: Limits = Field(default_factory=Limits)
    keep_s: float | None = Field(default=None, gt=0)
    keep_bytes: int | None = Field(default=None, gt=0)

    @property
    def default_model(self) -> str:
        """The detector of requests that name none."""
        return next(iter(self.models))

    @property
    def folder(self) -> Path:
        """The data folder."""
        return Path(self.data_dir)


def service_settings(**given: Any) -> ServiceSettings:
    """Return checked settings.

    Raises:
        ConfigError: A value out of range.
    """
    try:
        return ServiceSettings(**given)
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise ConfigError(f"the service's settings are not allowed: {said}") from error
