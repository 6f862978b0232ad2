"""A report begins with what was scored with what and when, and with what the figures say, in a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.metrics.score_table import ScoreTable
from deepfakebench_ext.metrics.summary import Other, Summary, SummaryOptions, summarise
from deepfakebench_ext.metrics.thresholds import decided
from deepfakebench_ext.report.document import Heading, Paragraph, Table
from deepfakebench_ext.report.figure_tables import decision_tables, level_table
from deepfakebench_ext.report.headline import day_of, headline, verdict
from deepfakebench_ext.report.run_page import run_document

RUN = {
    "begun": "2026-11-30",
    "detector": {"model_name": "huggingface_clip"},
    "weights": {"source": "org/vit"},
    "input": "photos/",
}


def table(reals: list[float], fakes: list[float], unscored: int = 0) -> ScoreTable:
    scores = [*((0, score) for score in reals), *((1, score) for score in fakes), *((1, None),) * unscored]
    samples = [Sample(f"{n}.png", Path("x"), label) for n, (label, _) in enumerate(scores)]  # type: ignore[arg-type]
    predictions = [
        Prediction(sample.key, score, "ok" if score is not None else "no_face")
        for sample, (_, score) in zip(samples, scores, strict=True)
    ]
    return ScoreTable.from_predictions(samples, predictions, level="frame", has_videos=False)


REALS, FAKES = [0.1, 0.2, 0.3, 0.6], [0.4, 0.7, 0.8, 0.9, 0.95]


def summary(reals: list[float], fakes: list[float], **how) -> Summary:
    return summarise(table(reals, fakes, 1), SummaryOptions(**how), title="org/vit", trained=True)


def test_a_report_says_who_judged_what_when_and_how_well():
    first, second = headline(summary(REALS, FAKES), RUN)
    assert first == (
        "huggingface_clip with the weights org/vit on photos/, 30 November 2026: 9 images scored, 4 real and 5 fake."
    )
    assert second.startswith("Of 100 pairs of a fake and a real image it scores the fake higher in 95 (95 % ")
    assert second.endswith("; above 0.5 it calls 80 % of the fakes and 25 % of the reals fake.")
    blocks = run_document(summary(REALS, FAKES), run=RUN, plots=False).blocks
    assert [block.text for block in blocks if isinstance(block, Paragraph)][:2] == [first, second]


def test_scores_without_a_run_say_what_they_can():
    assert next(headline(summary(REALS, FAKES), {})) == "org/vit on 10 images: 9 images scored, 4 real and 5 fake."


def test_what_is_not_told_from_chance_or_is_worse_is_said():
    rng = np.random.default_rng(0)
    noise, high, low = (rng.uniform(*ends, 40).tolist() for ends in ((0, 1), (0.4, 1), (0, 0.6)))
    assert verdict(summary(noise, rng.uniform(0, 1, 40).tolist())).endswith("; that is not told from chance.")
    assert verdict(summary(high, low)).endswith("; that is worse than chance, as if the classes were swapped.")
    assert "chance" not in verdict(summary(low, high))


def test_equal_scores_are_not_called_higher():
    assert verdict(summary([0.4] * 3, [0.4] * 3)) == "It gives every image one score, 0.4, and tells nothing apart."
    assert "higher in 75 (95 % 18 to 97.6), ties counted half; above" in verdict(summary([0.1, 0.2], [0.2, 0.2]))
    assert "ties" not in verdict(summary([0.1, 0.1], [0.2, 0.2]))


def test_without_a_figure_the_reason_is_said():
    assert verdict(summary([], FAKES)).startswith("How well it tells fakes from reals is not known: only fake samples")
    untrained = summarise(table(REALS, FAKES), title="x", trained=False)
    assert verdict(untrained) == "Its head is untrained: the scores say nothing."


def test_the_verdict_goes_by_the_threshold_that_was_chosen():
    other = Other(table([0.1, 0.2, 0.65], [0.85, 0.9, 0.95]), "val.csv")
    found = summary(REALS, FAKES, threshold_from=other)
    assert "above 0.75 it calls 60 % of the fakes and 0 % of the reals" in verdict(found)
    half, chosen = decision_tables("frame", found)
    assert half.rows == [("real", "3 (75 %)", "1 (25 %)"), ("fake", "1 (20 %)", "4 (80 %)")]
    assert half.caption.startswith("frames decided at 0.5:")
    assert chosen.rows == [("real", "4 (100 %)", "0 (0 %)"), ("fake", "2 (40 %)", "3 (60 %)")]
    assert chosen.caption.startswith("frames decided at 0.75, by equal error on val.csv")


def test_the_confusion_matrix_counts_a_score_at_the_threshold_as_real():
    found = decided(np.array([0, 0, 1, 1, 1]), np.array([0.5, 0.6, 0.5, 0.7, 0.2]), 0.5)
    assert (found.reals, found.alarms, found.fakes, found.hits) == (2, 1, 3, 1)


def test_a_figure_without_an_interval_says_why():
    shown: Table = level_table("frame", summary(REALS, FAKES).levels["frame"])
    cells = {row[0]: row[2] for row in shown.rows}
    assert cells["EER"] == "none: it takes a bootstrap, and no resamples were asked for"
    assert cells["AUC"].count(" to ") == 1


@pytest.mark.parametrize(
    ("days", "said"),
    [(["2026-11-30"], "30 November 2026"), (["2026-12-01", "2026-11-30"], "30 November 2026 to 1 December 2026"),
     (["2026-11-30"] * 2, "30 November 2026"), (["soon"], ""), ([], "")],
)  # fmt: skip
def test_days_are_said_once(days, said):
    assert day_of([*({"begun": day} for day in days), {}]) == said


def test_photos_have_figures_of_images():
    blocks = run_document(summary(REALS, FAKES), run=RUN, plots=False).blocks
    assert "Figures of images" in [block.text for block in blocks if isinstance(block, Heading)]
