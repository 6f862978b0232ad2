"""The README of a trained detector: what it is, what it was trained on, how well it did, and what it is not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.metrics.figure import Figure, interval_of
from deepfakebench_ext.report.figure_tables import shown

_LIMITS = """\
- The figures are those of the epoch that did best on the validation samples, so they flatter it a little. Judge it on
  data that no decision was made on.
- A detector learns the manipulations, the compression and the cameras of its training data. On others it can be no
  better than chance; the figures above say nothing about them.
- A score is P(fake) under the share of fakes in training. It is not proof, and not a probability in your data.
"""


@dataclass(frozen=True, slots=True)
class Card:
    """What goes into a model card.

    Attributes:
        title: Name of the detector.
        takes: `image` or `video`.
        base: What it was fine-tuned from: a hub id, a path, or `nothing`.
        base_is_hub: Whether that is a hub id.
        architecture: transformers' class of the backbone.
        monitor: The figure by which the best epoch was chosen.
        epoch: The best one, from 1; None for a closed-form fit.
        data: Counts of the training data.
        val: Real and fake validation samples.
        datasets: Names of datasets, where known.
        recipe: What was trained and how: name to value.
        figures: On the validation samples.
        counts: Real and fake ones of them that were scored, by level.
        reading: The options that read frames as the training did; empty where none is needed.
        scoring: The options that score as the validation did.
        notices: What a reader must know.
        facts: Versions, seed, command.
    """

    title: str
    takes: str
    base: str
    base_is_hub: bool
    architecture: str
    monitor: str
    epoch: int | None
    data: Mapping[str, Any]
    val: tuple[int, int]
    datasets: Sequence[str]
    recipe: Mapping[str, Any]
    figures: Mapping[str, Figure]
    counts: Mapping[Level, tuple[int, int]]
    reading: str
    scoring: str
    notices: Sequence[Notice]
    facts: Mapping[str, Any]


def model_card(card: Card) -> str:
    """Return the README.md of a trained detector, with the hub's metadata at its head."""
    parts = [
        _metadata(card),
        f"# {card.title}\n",
        _summary(card),
        _use(card),
        _data(card),
        _recipe(card),
        _figures(card),
        "## Limits\n\n" + "".join(f"- **{_one_line(notice.text)}**\n" for notice in card.notices) + _LIMITS,
        _facts(card),
    ]
    return "\n".join(parts)


def _metadata(card: Card) -> str:
    lines = ["---", "library_name: transformers", f"pipeline_tag: {card.takes}-classification"]
    if card.base_is_hub:
        lines.append(f"base_model: {card.base.partition('@')[0]}")
    return "\n".join([*lines, "tags:", "- deepfake-detection", "- deepfakebench", "---", ""])


def _summary(card: Card) -> str:
    thing = "one image or frame" if card.takes == "image" else "a clip of frames"
    return (
        f"A deepfake detector, fine-tuned from `{card.base}`. It takes {thing} of a face and gives P(fake), "
        f"0 for real and 1 for fake.\n"
    )


def _use(card: Card) -> str:
    flag = "--image photos/" if card.takes == "image" else "--video videos/"
    flag = f"{flag} {card.reading}".strip()
    return f"""## Use

```
perf_huggingface.py --weights <this folder or hub id> {flag}
```

`best.pth` is the same in DeepfakeBench's layout, for its `test.py` with `--detector_path detector.yaml`. The backbone
alone is read by transformers: `{card.architecture}.from_pretrained(...)`.
"""


def _data(card: Card) -> str:
    samples, drawn = card.data["samples"], card.data["drawn_an_epoch"]
    named = f" from {', '.join(card.datasets)}" if card.datasets else ""
    return (
        f"## Data\n\n- Training: {samples['real']} real and {samples['fake']} fake samples{named}; "
        f"{drawn['real']} real and {drawn['fake']} fake {card.takes}s drawn an epoch.\n"
        f"- Validation: {card.val[0]} real and {card.val[1]} fake samples, no video of which is in training unless "
        f"said below.\n"
    )


def _recipe(card: Card) -> str:
    rows = "\n".join(f"| {name} | `{json.dumps(value)}` |" for name, value in card.recipe.items())
    return f"## Recipe\n\n| setting | value |\n|---|---|\n{rows}\n"


def _figures(card: Card) -> str:
    chosen = "" if card.epoch is None else f" Epoch {card.epoch} was best by `{card.monitor}`."
    rows = "\n".join(f"| {name} | {shown(figure)} | {interval_of(figure)} |" for name, figure in card.figures.items())
    counted = "; ".join(f"{real} real and {fake} fake {level}s" for level, (real, fake) in card.counts.items())
    return (
        f"## Figures on the validation samples\n\n{counted}.{chosen} Scored with `{card.scoring}`.\n\n"
        f"| figure | value | 95 % interval |\n|---|---|---|\n{rows}\n"
    )


def _facts(card: Card) -> str:
    rows = "\n".join(f"- {name}: `{value}`" for name, value in card.facts.items())
    return f"## How it was made\n\n{rows}\n"


def _one_line(text: str) -> str:
    return " ".join(text.split())
