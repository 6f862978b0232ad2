"""What a report begins with: what was scored with what, when, and what came out, in a sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from deepfakebench_ext.common.run_names import BEGUN
from deepfakebench_ext.common.types import FAKE, REAL
from deepfakebench_ext.common.wording import counted, noun_of, percent, rounded
from deepfakebench_ext.metrics.figure import Figure, Floats, Integers
from deepfakebench_ext.metrics.summary import Summary
from deepfakebench_ext.metrics.thresholds import DECISION_THRESHOLD, decided

CHANCE = 0.5


def headline(summary: Summary, run: Mapping[str, Any]) -> Iterator[str]:
    """Yield what was scored with what and when, as far as the run says, and the verdict."""
    level, table = summary.level, summary.tables[summary.level]
    counts, noun = summary.counts[level], noun_of(level, summary.levels)
    detector = (run.get("detector") or {}).get("model_name")
    source = (run.get("weights") or {}).get("source")
    who = f"{detector} with the weights {source}" if detector and source else summary.title or "A detector"
    of = run.get("input") or ", ".join(table.dataset.names)
    day = day_of([run])
    yield (
        f"{who} on {of or counted(counts.total, noun)}{f', {day}' if day else ''}: "
        f"{counted(counts.scored, noun)} scored, {counts.real} real and {counts.fake} fake."
    )
    yield verdict(summary)


def verdict(summary: Summary) -> str:
    """Return what the figures of the level that counts say of the detector, in one sentence."""
    level, cut = summary.level, summary.levels[summary.level].threshold
    auc = summary.figures[f"{level}_auc"]
    if summary.trained is False:
        return "Its head is untrained: the scores say nothing."
    if auc.value is None:
        return f"How well it tells fakes from reals is not known: {auc.reason}."
    threshold, noun = DECISION_THRESHOLD if cut is None else cut.value, noun_of(level, summary.levels)
    labels, scores = summary.usable(level)
    if scores.min() == scores.max():
        return f"It gives every {noun} one score, {rounded(float(scores[0]), 6, 'g')}, and tells nothing apart."
    found = decided(labels, scores, threshold)
    return (
        f"{ranking_words(auc, noun, has_ties=has_ties(labels, scores))}; above {rounded(threshold, 6, 'g')} it calls "
        f"{percent(found.hits / found.fakes)} of the fakes and {percent(found.alarms / found.reals)} of the reals "
        f"fake{_chance(auc)}."
    )


def has_ties(labels: Integers, scores: Floats) -> bool:
    """Whether a fake has the score of a real."""
    return bool(np.isin(scores[labels == FAKE], scores[labels == REAL]).any())


def ranking_words(auc: Figure, noun: str, *, has_ties: bool) -> str:
    """Return what a defined AUC means, where fakes have scores of reals or none has."""
    ties = ", ties counted half" if has_ties else ""
    value = auc.value or 0.0
    interval = "" if auc.low is None or auc.high is None else f" (95 % {_share(auc.low)} to {_share(auc.high)})"
    return f"Of 100 pairs of a fake and a real {noun} it scores the fake higher in {_share(value)}{interval}{ties}"


def _share(value: float) -> str:
    """`92`, or with as many digits as tell it from 0 and 100."""
    return percent(value).removesuffix(" %")


def _chance(auc: Figure) -> str:
    if auc.low is None or auc.high is None:
        return ""
    if auc.high < CHANCE:
        return "; that is worse than chance, as if the classes were swapped"
    return "" if auc.low > CHANCE else "; that is not told from chance"


def day_of(runs: Sequence[Mapping[str, Any]]) -> str:
    """Return the day on which runs began, or the first and the last of several; empty where none says."""
    days = sorted({str(run[BEGUN]) for run in runs if run.get(BEGUN)})
    known = [f"{each.day} {each:%B %Y}" for each in map(_date, days) if each is not None]
    return " to ".join(dict.fromkeys(known[:1] + known[-1:]))


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
