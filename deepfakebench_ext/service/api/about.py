"""The service itself: its detectors, its health, its figures."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from deepfakebench_ext.analysis.policy import Policy
from deepfakebench_ext.analysis.taking import Taking
from deepfakebench_ext.common.suffixes import VIDEO_SUFFIXES
from deepfakebench_ext.service.api.answers import Health, ModelAnswer, OptionsAnswer
from deepfakebench_ext.service.api.serving import Serving, ServingNow
from deepfakebench_ext.service.wishes import Wishes

models_router = APIRouter(tags=["service"])
health_router = APIRouter(tags=["service"])


@models_router.get("/models", response_model=list[ModelAnswer])
def list_models(serving: ServingNow) -> list[ModelAnswer]:
    """List the detectors that are served."""
    settings = serving.settings
    found = {name: serving.models.find(name, model) for name, model in settings.models.items()}
    return [
        ModelAnswer(
            name=name,
            is_default=name == settings.default_model,
            loaded=seen is not None,
            about=None if seen is None else seen.about,
        )
        for name, seen in found.items()
    ]


@models_router.get("/options", response_model=OptionsAnswer)
def list_options(serving: ServingNow) -> OptionsAnswer:
    """List what may be asked of an analysis, with the defaults."""
    limits, policy, taking = serving.settings.limits, Policy(), Taking()
    filled = {
        "threshold": policy.onset,
        "offset_below": round(policy.onset - policy.offset, 6),
        **{name: getattr(policy, name) for name in ("smooth_s", "min_on_s", "min_off_s", "pad_s")},
        **{name: getattr(taking, name) for name in ("fps", "frame_interval")},
    }
    return OptionsAnswer(
        upload_bytes=limits.upload_bytes,
        duration_s=limits.duration_s,
        suffixes=sorted(VIDEO_SUFFIXES),
        defaults=Wishes().model_dump(mode="json") | filled,
    )


@health_router.get("/healthz", response_model=Health)
def healthz() -> Health:
    """Say that the server answers."""
    return Health(status="ok")


@health_router.get("/readyz", response_model=Health, responses={503: {"model": Health}})
def readyz(serving: ServingNow, response: Response) -> Health:
    """Say whether jobs are taken and worked on: the database answers, the disk has room, detectors are loaded."""
    settings, reasons = serving.settings, []
    try:
        reasons += [
            f"no worker has loaded {name} yet"
            for name, model in settings.models.items()
            if serving.models.find(name, model) is None
        ]
    except SQLAlchemyError:
        reasons.append("the database does not answer")
    if serving.folders.free_bytes() < settings.limits.free_bytes:
        reasons.append("the disk is full")
    response.status_code = 503 if reasons else 200
    return Health(status="not ready" if reasons else "ready", reasons=reasons)


@health_router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(serving: ServingNow) -> Response:
    """Return figures for Prometheus."""
    registry = CollectorRegistry()
    registry.register(_Figures(serving))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Figures(Collector):
    """Figures of all jobs that are kept, read from the database when they are asked for."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    def collect(self) -> Iterator[Metric]:
        """Yield each figure."""
        jobs = GaugeMetricFamily("dfb_jobs", "Jobs that are kept, by state", labels=["state"])
        for state, number in self._serving.jobs.counts().items():
            jobs.add_metric([state], number)
        yield jobs
        oldest = self._serving.jobs.oldest_s()
        yield GaugeMetricFamily("dfb_oldest_waiting_seconds", "For how long a job waits", value=oldest)
        free = self._serving.folders.free_bytes()
        yield GaugeMetricFamily("dfb_free_bytes", "Room on the disk of the data folder", value=free)
