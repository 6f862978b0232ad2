"""The older tool's results are read in both of its forms, and ours, which has the first form's lines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.notices import Notice, untrained_head
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.metrics.summary import summarise
from deepfakebench_ext.report.run_files import write_report
from deepfakebench_ext.report.scores.score_files import read_scores
from deepfakebench_ext.report.scores.text_reading import DIGITS_NOTICE, is_results_text, read_results_text

RULE = "=" * 80
FORM_A = f"""Deepfake Detection Results (HuggingFace Model)
{RULE}

[1/4]                       0001.png | True: REAL | Pred: 0 (0=Real, 1=Fake) | Prob: 0.1200 | Path: in/real/0001.png
[2/4]                       0001.png | True: FAKE | Pred: 1 (0=Real, 1=Fake) | Prob: 0.9900 | Path: in/fake/0001.png
[4/4]                          x.png | True:  N/A | Pred: 1 (0=Real, 1=Fake) | Prob: 0.5001 | Path: in/x.png

{RULE}
PERFORMANCE METRICS
{RULE}

TRUE LABELS (for verification):
[1]                       0001.png -> REAL
[2]                       0001.png -> FAKE

Unique true labels found: {{0, 1}}

Total images processed: 3
Real images: 1
Fake images: 1
AUC (Area Under ROC Curve): 1.0000
PR-AUC (Area Under Precision-Recall Curve): 1.0000
"""
FORM_B = f"""Deepfake Detection Results
Weights: ckpt_best
{RULE}

[1/3] Image: 0001.png | True: REAL | Pred: 0 (0=Real, 1=Fake) | Prob: 0.1200
[2/3] Image: 0001.png | True: FAKE | Pred: 1 (0=Real, 1=Fake) | Prob: 0.9900
[3/3] Image: x y.png | True:  N/A | Pred: 1 (0=Real, 1=Fake) | Prob: 0.5001

{RULE}
PERFORMANCE METRICS
{RULE}
[WARNING] Only one class present - cannot calculate AUC
Accuracy: 100.00%
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "inference_results.txt"
    path.write_text(text, encoding="utf-8")
    return path


def keys(table):
    return [table.key.text(row) for row in range(len(table))]


def test_the_first_form_goes_by_its_paths(tmp_path):
    found = read_results_text(written(tmp_path, FORM_A))
    assert keys(found.table) == ["in/real/0001.png", "in/fake/0001.png", "in/x.png"]
    assert found.table.labels.tolist() == [0, 1, -1]
    assert found.table.scores.tolist() == [0.12, 0.99, 0.5001]
    assert found.notices == (DIGITS_NOTICE,)


def test_the_second_form_goes_by_names_and_numbers_those_that_come_twice(tmp_path):
    found = read_results_text(written(tmp_path, FORM_B))
    assert keys(found.table) == ["0001.png#1", "0001.png#2", "x y.png"]
    assert found.table.labels.tolist() == [0, 1, -1]
    assert found.title == "ckpt_best"
    assert found.paths == ("", "", "")


@pytest.mark.parametrize(
    "ending",
    [
        "\nSingle image processed - AUC calculation not applicable.\n",
        "\n[WARNING] Cannot calculate AUC - only one class present in true labels\nClasses found: [0]\n",
        "",
    ],
)
def test_one_image_and_one_class_are_read_too(tmp_path, ending):
    head = "\n".join(FORM_A.splitlines()[:4])
    assert len(read_results_text(written(tmp_path, head + "\n" + ending)).table) == 1


def test_names_may_hold_what_separates(tmp_path):
    name = "a | True: FAKE | b -> REAL.png"
    line = f"[1/1] {name:>30} | True: REAL | Pred: 0 (0=Real, 1=Fake) | Prob: 0.2500 | Path: in/{name}"
    found = read_results_text(written(tmp_path, f"Deepfake Detection Results (HuggingFace Model)\n{RULE}\n\n{line}\n"))
    assert keys(found.table) == [f"in/{name}"]
    assert found.table.labels.tolist() == [0]


def test_our_own_text_comes_back_with_what_was_not_scored(tmp_path):
    samples = [Sample(f"{n}.mp4", Path(f"in/{n}.mp4"), n % 2) for n in range(3)]  # type: ignore[arg-type]
    predictions = [
        Prediction("0.mp4", 0.25),
        Prediction("1.mp4", None, "unreadable", "cut off | Path: nowhere"),
        Prediction("2.mp4", 0.75),
    ]
    write_report(
        tmp_path, samples, lambda: predictions, unit="clip", by_video=True, aggregation="mean", title="t",
        head="untrained", notices=[untrained_head()], plots=False,
    )  # fmt: skip
    found = read_results_text(tmp_path / "inference_results_huggingface.txt")
    assert keys(found.table) == ["in/0.mp4", "in/1.mp4", "in/2.mp4"]
    assert [found.table.status.text(row) for row in range(3)] == ["ok", "unreadable", "ok"]
    assert np.isnan(found.table.scores).tolist() == [False, True, False]
    assert found.table.level == "video"
    assert found.notices == (DIGITS_NOTICE, untrained_head())  # how few videos there are is counted anew


def test_our_own_text_is_not_contradicted_by_its_own_older_figures(tmp_path):
    samples = [Sample(f"{n}.mp4", Path(f"in/{n}.mp4"), int(n > 29)) for n in range(60)]  # type: ignore[arg-type]
    predictions = [Prediction(s.key, 0.00001 * n) for n, s in enumerate(samples)]
    notices = [untrained_head(), Notice("faceless", "3 frames show no face [sic]; 2 scores rest on such frames")]
    report = write_report(
        tmp_path, samples, lambda: predictions, unit="clip", by_video=True, aggregation="mean", title="t",
        head="untrained", notices=notices, plots=False,
    )  # fmt: skip
    assert any(notice.text.startswith("video_auc is 1.0000 but") for notice in report.warnings)
    found = read_results_text(tmp_path / "inference_results_huggingface.txt")
    assert found.notices == (DIGITS_NOTICE, *notices)
    (anew,) = [notice for notice in summarise(found.table).warnings if notice.kind == "other_threshold"]
    assert anew.text.startswith("video_auc is 0.9")  # of 4 decimals
    assert "balanced accuracy" in (tmp_path / "inference_results_huggingface.txt").read_text()  # for people, as ever


@pytest.mark.parametrize("score", ["nan", "1.5000", "-0.1000", "half"])
def test_what_is_no_probability_is_refused_with_its_line(tmp_path, score):
    with pytest.raises(ConfigError, match=f"line 5: Prob '{score}' is not allowed"):
        read_results_text(written(tmp_path, FORM_A.replace("0.9900", score)))


def test_a_line_that_is_cut_off_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="line 4: cannot be read as a sample"):
        read_results_text(written(tmp_path, FORM_A.replace("(0=Real, 1=Fake) | Prob: 0.1200", "(0=Re")))


def test_a_sample_that_comes_twice_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"line 5: 'in/real/0001.png' comes a second time \(first in line 4\)"):
        read_results_text(written(tmp_path, FORM_A.replace("in/fake/0001", "in/real/0001")))


def test_several_results_in_one_file_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="results of 2 runs"):
        read_results_text(written(tmp_path, FORM_A + FORM_A))


def test_a_text_without_samples_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="lists no sample"):
        read_results_text(written(tmp_path, f"Deepfake Detection Results\n{RULE}\n"))


def test_only_texts_that_begin_so_are_taken_for_results(tmp_path):
    assert is_results_text(written(tmp_path, FORM_A))
    assert is_results_text(written(tmp_path, FORM_B))
    assert not is_results_text(written(tmp_path, "key,label,score\n"))


def test_a_byte_order_mark_before_the_title_is_no_other_form(tmp_path):
    path = written(tmp_path, "\ufeff" + FORM_A)
    assert is_results_text(path)
    assert keys(read_results_text(path).table) == ["in/real/0001.png", "in/fake/0001.png", "in/x.png"]
    assert not is_results_text(written(tmp_path, ""))


def test_a_warning_without_a_kind_is_kept_and_no_words_of_it_make_it_severe(tmp_path):
    said = "the folder untrained_set has [odd] names"
    text = FORM_B.replace("Weights: ckpt_best", f"[WARNING] {said}")
    path = written(tmp_path, text)
    assert read_results_text(path).notices == (DIGITS_NOTICE, Notice("run", said))
    assert read_scores(path).trained is None
    untrained = read_scores(written(tmp_path, text.replace(said, f"{said} [untrained]")))
    assert untrained.trained is False
    assert untrained.notices == (DIGITS_NOTICE, Notice("untrained", said, "severe"))
