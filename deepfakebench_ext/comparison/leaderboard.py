"""A table of runs by their figures, one for each protocol: figures of two protocols never stand in one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.notices import marked
from deepfakebench_ext.common.protocol import UNKNOWN_PROTOCOL, EvaluationProtocol, protocol_from_json
from deepfakebench_ext.common.run_names import METRICS_JSON
from deepfakebench_ext.common.wording import counted
from deepfakebench_ext.metrics.figure import Figure, with_interval
from deepfakebench_ext.report.document import Block, Document, Heading, Paragraph, Points, Table
from deepfakebench_ext.report.scores.run_facts import json_of_run

FIGURES = {"auc": "AUC (95 %)", "ap": "AP (95 %)", "eer": "EER (95 %)"}


@dataclass(frozen=True, slots=True)
class Place:
    """What one run came to.

    Attributes:
        folder: The run directory.
        detector: What gave the scores: its weights, or a program of the user's.
        is_trained: Whether its scores mean anything.
        level: What its figures are of: `video` where there are videos.
        figures: `auc`, `ap` and `eer` of that level.
        scored, total: Samples of that level with a score and a label, and all.
        protocol: On what and how it was made; None where that is not known.
    """

    folder: Path
    detector: str
    is_trained: bool
    level: Level
    figures: Mapping[str, Figure]
    scored: int
    total: int
    protocol: EvaluationProtocol | None


def read_place(folder: Path) -> Place:
    """Return what a run came to, as its `metrics.json` says.

    Raises:
        ConfigError: There is none, or it is not what a run writes.
    """
    path = folder / METRICS_JSON
    if not path.is_file():
        raise ConfigError(f"{folder} holds no {METRICS_JSON}; give run directories, or a folder of them")
    values = json_of_run(path)
    try:
        return _place(folder, values)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"{path} is not what a run writes ({error!r}); run its command again") from error


def _place(folder: Path, values: Mapping[str, Any]) -> Place:
    level: Level = values["level"]
    counts = values["counts"][level]
    return Place(
        folder=folder,
        detector=str(values["title"]) or folder.name,
        is_trained=values["head"] != "untrained",
        level=level,
        figures={name: Figure(**values["figures"][f"{level}_{name}"]) for name in FIGURES},
        scored=int(counts["real"]) + int(counts["fake"]),
        total=int(counts["total"]),
        protocol=protocol_from_json(values.get("protocol")),
    )


def tables_of(places: Sequence[Place]) -> list[list[Place]]:
    """Return the runs of each protocol and level, the best AUC first; those of an unknown one last, as they were given.

    A run without an AUC stands behind those that have one, and an untrained detector behind all.

    Raises:
        ConfigError: A run that is given twice.
    """
    folders = [place.folder.resolve() for place in places]
    if twice := [folder for folder in folders if folders.count(folder) > 1]:
        raise ConfigError(f"{twice[0]} is given twice; give each run once")
    groups: dict[tuple[str, Level], list[Place]] = {}
    for place in places:
        groups.setdefault(("" if place.protocol is None else place.protocol.digest, place.level), []).append(place)
    known = [sorted(group, key=_order) for (digest, _), group in groups.items() if digest]
    return [
        *sorted(known, key=lambda group: -len(group)),
        *(group for (digest, _), group in groups.items() if not digest),
    ]


def leaderboard(places: Sequence[Place]) -> Document:
    """Return the tables as a report.

    Raises:
        ConfigError: As `tables_of`.
    """
    groups = tables_of(places)
    protocols = {group[0].protocol.digest for group in groups if group[0].protocol is not None}
    blocks: list[Block] = []
    if len(protocols) > 1:
        text = f"{len(protocols)} protocols, so as many tables: figures of one say nothing beside those of another."
        blocks.append(Paragraph(text))
    for group in groups:
        blocks += _group(group)
    return Document("Leaderboard", blocks)


def _order(place: Place) -> tuple[bool, bool, float]:
    auc = place.figures["auc"].value
    return not place.is_trained, auc is None, -(auc or 0.0)


def _group(group: Sequence[Place]) -> Iterator[Block]:
    protocol, level = group[0].protocol, group[0].level
    if protocol is None:
        yield Heading(f"{UNKNOWN_PROTOCOL.capitalize()} ({level}s)")
        yield Paragraph(
            "These runs do not say what their samples hold, so they are not ranked: each stands for itself."
        )
    else:
        yield Heading(f"Protocol {protocol.digest} ({level}s)")
        yield Paragraph(f"{protocol.what()}.")
    header = ["", "detector", *FIGURES.values(), "scored", "run"]
    yield Table(header, [_row(number, place) for number, place in enumerate(group, start=1)])
    if notes := list(_notes(group)):
        yield Points(notes)


def _row(number: int, place: Place) -> list[str]:
    is_ranked = place.protocol is not None and place.is_trained and place.figures["auc"].value is not None
    name = marked(place.detector, place.is_trained)
    figures = [with_interval(place.figures[figure]) for figure in FIGURES]
    return [str(number) if is_ranked else "", name, *figures, f"{place.scored} of {place.total}", place.folder.name]


def _notes(group: Sequence[Place]) -> Iterator[str]:
    for place in group:
        auc = place.figures["auc"]
        if auc.value is None:
            yield f"{place.detector}: AUC is undefined, {auc.reason}"
        if not place.is_trained:
            yield f"{place.detector}: UNTRAINED, its head did not come from the weights, so its figures are noise"
    lacking = [place for place in group if place.scored < place.total]
    if lacking and len({place.scored for place in group}) > 1:
        yield (
            f"{counted(len(lacking), 'detector')} did not score all samples, and figures rest on what was scored: "
            "dfb-ext compare judges all on the same"
        )
