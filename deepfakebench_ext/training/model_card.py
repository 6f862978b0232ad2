"""The README of a trained detector: what it is, what it was trained on, how well it did, and what it is not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.wording import counted
from deepfakebench_ext.metrics.figure import Figure, interval_of
from deepfakebench_ext.models.stored_thresholds import Stored
from deepfakebench_ext.report.figure_tables import shown
from deepfakebench_ext.training.card_metadata import card_metadata

_LIMITS = """\
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
        licence: What the card of that states.
        task: The pipeline of transformers that runs all of it; None where none does.
        in_transformers: Python that scores with transformers alone; empty where no few lines do.
        monitor: The figure by which the best epoch was chosen.
        epoch: The best one, from 1; None for a closed-form fit.
        epochs: Those that were trained.
        data: Counts of the training data.
        val: Real and fake validation samples.
        datasets: Names of datasets, where known.
        recipe: What was trained and how: name to value.
        figures: On the validation samples.
        counts: Real and fake ones of them that were scored, by level.
        thresholds: Where these samples put the line between real and fake.
        protocol: How a sample became its score, thing by thing.
        reading: The options that read frames as the training did; empty where none is needed.
        scoring: The options that score as the validation did.
        notices: What a reader must know.
        facts: Versions, seed, command.
    """

    title: str
    takes: str
    base: str
    base_is_hub: bool
    licence: Mapping[str, str]
    task: str | None
    in_transformers: str
    monitor: str
    epoch: int | None
    epochs: int
    data: Mapping[str, Any]
    val: tuple[int, int]
    datasets: Sequence[str]
    recipe: Mapping[str, Any]
    figures: Mapping[str, Figure]
    counts: Mapping[Level, tuple[int, int]]
    thresholds: Stored
    protocol: Mapping[str, str]
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
        _protocol(card),
        _figures(card),
        "## Limits\n\n"
        + "".join(f"- **{_one_line(notice.text)}**\n" for notice in card.notices)
        + _chosen(card)
        + _LIMITS,
        _facts(card),
    ]
    return "\n".join(parts)


def _metadata(card: Card) -> str:
    return card_metadata(
        title=card.title,
        takes=card.takes,
        task=card.task,
        base_model=card.base.partition("@")[0] if card.base_is_hub else None,
        licence=card.licence,
        datasets=card.datasets,
        figures=card.figures,
        levels=list(card.counts),
    )


def _summary(card: Card) -> str:
    thing = "one image or frame" if card.takes == "image" else "a clip of frames"
    return (
        f"A deepfake detector, fine-tuned from `{card.base}`. It takes {thing} of a face and gives P(fake), "
        f"0 for real and 1 for fake.\n"
    )


def _use(card: Card) -> str:
    flag = "--image photos/" if card.takes == "image" else "--video videos/"
    flag = f"{flag} {card.reading}".strip()
    stored = " --threshold stored" if card.thresholds else ""
    return f"""## Use

```
perf_huggingface.py --weights <this folder or hub id> {flag}{stored}
```

`best.pth` is the same in DeepfakeBench's layout, for its `test.py` with `--detector_path detector.yaml`.
{_alone(card)}"""


def _alone(card: Card) -> str:
    if not card.in_transformers:
        return "transformers' own classes do not score as it does.\n"
    whole = "" if card.task else ", whose classes hold the backbone and not this head"
    return f"With transformers alone{whole}:\n\n```python\n{card.in_transformers}```\n"


def _data(card: Card) -> str:
    samples, drawn = card.data["samples"], card.data["drawn_an_epoch"]
    named = f" from {', '.join(card.datasets)}" if card.datasets else ""
    licence = f"{card.licence['license']}, by its own card" if "license" in card.licence else "not known here"
    return (
        f"## Data\n\n- Training: {samples['real']} real and {samples['fake']} fake samples{named}; "
        f"{drawn['real']} real and {drawn['fake']} fake {card.takes}s drawn an epoch.\n"
        f"- Validation: {card.val[0]} real and {card.val[1]} fake samples. As far as names and bytes of files tell, no "
        f"video and no file of them is in training, unless said below.\n"
        f"- Licence of `{card.base}`: {licence}. That of the data is for whoever publishes this to know.\n"
    )


def _recipe(card: Card) -> str:
    rows = "\n".join(f"| {name} | `{json.dumps(value)}` |" for name, value in card.recipe.items())
    return f"## Recipe\n\n| setting | value |\n|---|---|\n{rows}\n"


def _protocol(card: Card) -> str:
    rows = "\n".join(f"- {name}: {text}" for name, text in card.protocol.items())
    return f"## Protocol\n\n{rows}\n- scored with `{card.scoring}`\n"


def _figures(card: Card) -> str:
    chosen = f" Epoch {card.epoch} of {card.epochs} was best by `{card.monitor}`." if card.epoch else ""
    rows = "\n".join(f"| {name} | {shown(figure)} | {interval_of(figure)} |" for name, figure in card.figures.items())
    counted = "; ".join(f"{real} real and {fake} fake {level}s" for level, (real, fake) in card.counts.items())
    stored = "".join(f"Stored threshold of {level}s: {each.text(level)}.\n" for level, each in card.thresholds.items())
    return (
        f"## Figures on the validation samples\n\n{counted}.{chosen}\n\n"
        f"| figure | value | 95 % interval |\n|---|---|---|\n{rows}\n\n{stored}"
    )


def _chosen(card: Card) -> str:
    """What was chosen on the samples that the figures are of."""
    what = (
        f"the best of {counted(card.epochs, 'epoch')} by `{card.monitor}`"
        if card.epoch
        else "how strongly the fit is regularised"
    )
    return (
        f"- **The figures are optimistic**: the samples that they are of also chose {what}, and the stored threshold, "
        "of which the intervals know nothing. Judge it on data that no decision was made on.\n"
    )


def _facts(card: Card) -> str:
    rows = "\n".join(f"- {name}: `{value}`" for name, value in card.facts.items())
    return f"## How it was made\n\n{rows}\n"


def _one_line(text: str) -> str:
    return " ".join(text.split())
