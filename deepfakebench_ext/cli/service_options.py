"""The options of the verbs that serve, and the settings that they make. Imports nothing heavy."""

from __future__ import annotations

import re
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepfakebench_ext.cli.command import option
from deepfakebench_ext.cli.values import Real, Whole
from deepfakebench_ext.common.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from deepfakebench_ext.service.settings import ServiceSettings

DEFAULT_MODEL = "default"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]*)")


def _quantity(value: str, units: dict[str, int], example: str) -> float:
    found = _QUANTITY.fullmatch(value.strip())
    if found is None or found[2].lower() not in units:
        raise click.BadParameter(f"{value!r} is not allowed: give a number and a unit, such as {example}")
    return float(found[1]) * units[found[2].lower()]


def _seconds(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    return None if value is None else _quantity(value, _SECONDS, "90s, 12h or 7d")


def _bytes(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    return None if value is None else round(_quantity(value, _BYTES, "500MB or 2GiB"))


def _models(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
    pairs = [each.partition("=") for each in value]
    if any(not (name and weights) for name, _, weights in pairs):
        raise click.BadParameter("give NAME=WEIGHTS, such as faces=org/deepfake-vit")
    if len({name for name, _, _ in pairs}) < len(pairs):
        raise click.BadParameter("a name is given twice")
    return {name: weights for name, _, weights in pairs}


_serving = partial(option, group="serving")
SERVED = (
    option(
        "--model",
        "models",
        group="detector",
        multiple=True,
        callback=_models,
        metavar="NAME=WEIGHTS...",
        help="Serve several detectors by name. The first is the default.",
    ),
    option(
        "--threshold_from",
        group="detector",
        metavar="PATH",
        everyday=True,
        help="Folder or file of dfb-ext calibrate-timeline, which chooses the threshold.",
    ),
)
STORING = (
    _serving(
        "--data_dir",
        metavar="DIR",
        default="dfb_service",
        show_default=True,
        everyday=True,
        help="Uploads, results and SQLite's file.",
    ),
    _serving("--database", metavar="URL", everyday=True, help="postgresql://user:password@host/name, for SQLite."),
    _serving(
        "--broker",
        metavar="URL",
        everyday=True,
        help="redis://host:6379/0: jobs are worked on by Celery workers (dfb-ext worker).",
    ),
)
LIMITS = (
    _serving("--max_upload", metavar="SIZE", callback=_bytes, help="Largest upload. Default: 2GiB."),
    _serving("--max_duration", metavar="TIME", callback=_seconds, help="Longest video. Default: 4h."),
    _serving("--time_limit", metavar="TIME", callback=_seconds, help="A job that runs longer fails. Default: 6h."),
    _serving(
        "--memory_limit", metavar="SIZE", callback=_bytes, help="Of a worker. Default: nine tenths of the machine's."
    ),
)
_LIMITS = {"max_upload": "upload_bytes", "max_duration": "duration_s", "time_limit": "time_s"} | {
    "memory_limit": "memory_bytes",
    "max_jobs": "jobs",
    "rate_limit": "requests_per_s",
}


def settings_of(given: dict[str, Any]) -> ServiceSettings:
    """The settings that the options make.

    Raises:
        ConfigError: No detector, or a value out of range.
        MissingExtraError: The extra is not installed.
    """
    if missing := [name for name in ("sqlalchemy", "fastapi", "psutil") if find_spec(name) is None]:
        raise MissingExtraError(
            f"the service needs {', '.join(missing)}; type: pip install 'deepfakebench-ext[service]'"
        )
    from deepfakebench_ext.service.settings import ServedModel, service_settings

    shared = {name: given[name] for name in ServedModel.model_fields if name in given and name != "weights"}
    weights = given["models"] or {DEFAULT_MODEL: given["weights"]}
    if given["models"] and given["weights"] is not None:
        raise ConfigError("give --weights, for one detector, or --model NAME=WEIGHTS, for several; not both")
    limits = {field: given[name] for name, field in _LIMITS.items() if given.get(name) is not None}
    return service_settings(
        data_dir=str(Path(given["data_dir"]).absolute()),
        database=given["database"],
        broker=given["broker"],
        models={name: {**shared, "weights": each} for name, each in weights.items()},
        limits=limits,
        keep_s=given.get("keep"),
        keep_bytes=given.get("keep_bytes"),
    )


KEEPING = (
    _serving(
        "--keep",
        metavar="TIME",
        callback=_seconds,
        everyday=True,
        help="Delete finished jobs older than this, such as 7d. Default: never.",
    ),
    _serving("--keep_bytes", metavar="SIZE", callback=_bytes, help="Delete the oldest beyond so much, such as 100GB."),
    _serving("--max_jobs", type=Whole(), help="Jobs of one token that wait or run. Default: 1000."),
    _serving("--rate_limit", type=Real(0, above=True), help="Requests a second of one token or address. Default: 100."),
)
