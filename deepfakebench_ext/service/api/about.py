"""The service itself: its detectors, its health, its figures."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import SQLAlchemyError

from deepfakebench_ext.analysis.policy import Policy
from deepfakebench_ext.analysis.taking import Taking
from deepfakebench_ext.common.suffixes import VIDEO_SUFFIXES
from deepfakebench_ext.service.api.answers import Health, ModelAnswer, OptionsAnswer
from deepfakebench_ext.service.api.serving import ServingNow, answer_head
from deepfakebench_ext.service.wishes import Wishes

_FORSAKEN_S = 60.0

models_router = APIRouter(tags=["service"])
figures_router = APIRouter(tags=["service"])
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
    """Say whether jobs are taken and worked on: the database answers, the disk has room, and workers work."""
    settings, reasons = serving.settings, []
    try:
        reasons += [
            f"no worker has loaded {name} yet"
            for name, model in settings.models.items()
            if serving.models.find(name, model) is None
        ]
        if serving.jobs.is_forsaken(_FORSAKEN_S):
            reasons.append("jobs wait, and no worker has taken one")
    except SQLAlchemyError:
        reasons.append("the database does not answer")
    if serving.folders.free_bytes() < settings.limits.free_bytes:
        reasons.append("the disk is full")
    response.status_code = 503 if reasons else 200
    return Health(status="not ready" if reasons else "ready", reasons=reasons)


@figures_router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(request: Request) -> Response:
    """Return figures for Prometheus."""
    return Response(generate_latest(request.app.state.registry), media_type=CONTENT_TYPE_LATEST)


for _router in (models_router, figures_router, health_router):
    answer_head(_router)
