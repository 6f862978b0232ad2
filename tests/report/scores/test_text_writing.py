import re
from pathlib import Path

import numpy as np
import pytest

from deepfakebench_ext.common.errors import OutputError
from deepfakebench_ext.common.notices import Notice, untrained_head
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.metrics.counts import Counts
from deepfakebench_ext.metrics.ranking import binary_figures
from deepfakebench_ext.metrics.score_table import ScoreTable
from deepfakebench_ext.report.scores.text_reading import read_results_text
from deepfakebench_ext.report.scores.text_writing import write_results_text

RULE = "=" * 80


def row(index, path, label, score, status="ok", reason=""):
    return (index, Sample(path, Path(path), label), Prediction(path, score, status, reason))


MIXED = [
    row(1, "data/real/a.png", 0, 0.1234567),
    row(2, "data/real/b.png", 0, None, "unreadable", "cut off after 12 bytes"),
    row(3, "data/fake/a_rather_long_name_of_a_fake_image.png", 1, 0.98765),
    row(4, "data/other/c.png", None, 0.5),
    row(5, "data/fake/d.png", 1, 0.05),
]


def counts_of(rows):
    samples, predictions = [sample for _, sample, _ in rows], [prediction for _, _, prediction in rows]
    return ScoreTable.from_predictions(samples, predictions, level="frame", has_videos=False).counts()


def write(path, rows, *, level="frame", notices=(), calls=None):
    def source():
        if calls is not None:
            calls.append(1)
        return iter(rows)

    used = [(s.label, p.score) for _, s, p in rows if p.score is not None and s.label is not None]
    labels = np.array([label for label, _ in used], dtype=np.int64)
    scores = np.array([score for _, score in used], dtype=np.float64)
    figures = binary_figures(labels, scores, level=level)
    counts = counts_of(rows)
    write_results_text(path, rows=source, figures=figures, counts=counts, level=level, notices=notices)
    return path.read_text(encoding="utf-8")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "inference_results_huggingface.txt"


MIXED_TEXT = f"""Deepfake Detection Results (HuggingFace Model)
{RULE}

[1/5]                          a.png | True: REAL | Pred: 0 (0=Real, 1=Fake) | Prob: 0.1235 | Path: data/real/a.png
[3/5] a_rather_long_name_of_a_fake_image.png | True: FAKE | Pred: 1 (0=Real, 1=Fake) | Prob: 0.9877 | Path: data/fake/a_rather_long_name_of_a_fake_image.png
[4/5]                          c.png | True:  N/A | Pred: 0 (0=Real, 1=Fake) | Prob: 0.5000 | Path: data/other/c.png
[5/5]                          d.png | True: FAKE | Pred: 0 (0=Real, 1=Fake) | Prob: 0.0500 | Path: data/fake/d.png

{RULE}
PERFORMANCE METRICS
{RULE}

TRUE LABELS (for verification):
[1]                          a.png -> REAL
[3] a_rather_long_name_of_a_fake_image.png -> FAKE
[5]                          d.png -> FAKE

Unique true labels found: {{0, 1}}

Total images processed: 4
Real images: 1
Fake images: 2
AUC (Area Under ROC Curve): 0.5000
PR-AUC (Area Under Precision-Recall Curve): 0.8333
PR-AUC is step-wise average precision (AP), not the trapezoidal area.

Level of the figures: frame (one score an image; 'images' above are images)
A score above 0.5 is decided as fake.
EER (Equal Error Rate): 0.5000
EER threshold: 0.1235
Accuracy: 66.67%
Precision: 1.0000
Recall: 0.5000
F1-Score: 0.6667

Inputs: 5
Scored: 4
Not scored: 1
Scored without a true label: 1

{RULE}
NOT SCORED (1 of 5; in no figure above)
{RULE}

[2]                          b.png | Status: unreadable | Reason: cut off after 12 bytes | Path: data/real/b.png
"""  # noqa: E501


def test_the_whole_file_is_as_written_down_here(out):
    assert write(out, MIXED) == MIXED_TEXT


def older_reader(text):
    """What scripts for the older tool do: one pattern for the samples, one for each figure."""
    sample = r"^\[(\d+)/(\d+)\]\s+(.+?) \| True:\s+(REAL|FAKE|N/A) \| Pred: ([01]) \(0=Real, 1=Fake\) \| Prob: ([\d.]+) \| Path: (.+)$"  # noqa: E501
    figure = {
        "auc": r"^AUC \(Area Under ROC Curve\): (\d\.\d{4})$",
        "pr_auc": r"^PR-AUC \(Area Under Precision-Recall Curve\): (\d\.\d{4})$",
        "total": r"^Total images processed: (\d+)$",
        "real": r"^Real images: (\d+)$",
        "fake": r"^Fake images: (\d+)$",
    }
    found = {name: re.findall(pattern, text, re.MULTILINE) for name, pattern in figure.items()}
    labels = re.findall(r"^\[(\d+)\]\s+(.+) -> (REAL|FAKE)$", text, re.MULTILINE)
    return re.findall(sample, text, re.MULTILINE), labels, {name: hits for name, hits in found.items() if hits}


@pytest.mark.parametrize("level", ["frame", "clip", "video"])
def test_readers_of_the_older_tool_find_its_lines_at_every_level(out, level):
    samples, labels, figures = older_reader(write(out, MIXED, level=level, notices=[untrained_head()]))
    assert [(s[0], s[1], s[3], s[4], s[5]) for s in samples] == [
        ("1", "5", "REAL", "0", "0.1235"),
        ("3", "5", "FAKE", "1", "0.9877"),
        ("4", "5", "N/A", "0", "0.5000"),
        ("5", "5", "FAKE", "0", "0.0500"),
    ]
    assert [s[6] for s in samples] == [str(s.path) for _, s, p in MIXED if p.score is not None]
    assert [(index, name) for index, _, name in labels] == [("1", "REAL"), ("3", "FAKE"), ("5", "FAKE")]
    assert figures == {"auc": ["0.5000"], "pr_auc": ["0.8333"], "total": ["4"], "real": ["1"], "fake": ["2"]}


@pytest.mark.parametrize(("level", "thing"), [("frame", "images"), ("clip", "clips"), ("video", "videos")])
def test_the_level_is_told_and_what_images_stands_for(out, level, thing):
    text = write(out, MIXED, level=level)
    assert f"\nLevel of the figures: {level} (one score" in text
    assert f"'images' above are {thing})\n" in text


def test_notices_are_the_first_lines_after_the_title(out):
    text = write(out, MIXED, notices=[Notice("run", "one"), Notice("run", "two\nlines")])
    assert text.split("\n")[2:6] == ["", "[WARNING] one [run]", r"[WARNING] two\nlines [run]", ""]
    assert text.split("\n")[6].startswith("[1/5]")


@pytest.mark.parametrize(("label", "name"), [(0, "real"), (1, "fake")])
def test_one_class_gives_a_warning_its_class_and_five_names_instead_of_auc(out, label, name):
    lost = row(1, "in/1.png", label, None, "unreadable", "empty file")
    text = write(out, [lost, *(row(i, f"in/{i}.png", label, 0.9) for i in range(2, 9))])
    assert f"\nUnique true labels found: {{{label}}}\n" in text
    warning = "\n[WARNING] Cannot calculate AUC - only one class present in true labels\n"
    assert f"{warning}Classes found: [{label}]\n" in text
    assert re.findall(r"^  (\d\.png)$", text, re.MULTILINE) == [f"{i}.png" for i in range(2, 7)]
    assert "AUC (Area" not in text
    assert f"EER (Equal Error Rate): undefined (only {name} samples: " in text
    assert f"Accuracy: {'100.00' if label else '0.00'}%" in text


def test_inputs_without_labels_are_told_so(out):
    text = write(out, [row(1, "a.png", None, 0.2), row(2, "b.png", None, 0.9)])
    assert "\nUnique true labels found: set()\n\n[WARNING] Cannot calculate AUC - no true labels are known\n" in text
    assert "Classes found: []\n" in text
    assert "Accuracy: undefined (no samples: nothing was scored that has a label)\n" in text
    assert "Scored without a true label: 2\n" in text


def test_a_single_image_needs_no_true_labels_section(out):
    text = write(out, [row(1, "a.png", 1, 0.7)])
    assert f"METRICS\n{RULE}\n\nSingle image processed - AUC calculation not applicable.\n" in text
    assert "[1/1]                          a.png | True: FAKE | Pred: 1 " in text
    assert "TRUE LABELS" not in text
    assert "WARNING" not in text


def test_nothing_scored_is_told_and_every_input_listed(out):
    text = write(out, [row(i, f"{i}.png", 0, None, "unreadable", "empty file") for i in (1, 2)])
    assert "[WARNING] Cannot calculate AUC - nothing was scored\n" in text
    assert "Total images processed: 0\n" in text
    assert "NOT SCORED (2 of 2; in no figure above)" in text
    assert len(re.findall(r"Status: unreadable \| Reason: empty file", text)) == 2


def test_all_scored_needs_no_section_of_the_others(out):
    text = write(out, [row(1, "a.png", 0, 0.1), row(2, "b.png", 1, 0.9)])
    assert "NOT SCORED" not in text
    assert "Not scored: 0\n" in text


def test_names_with_line_breaks_stay_on_one_line(out):
    names = ["real\n[9/9] x.png", "b\u2028c.png", "d\udcff.png"]
    text = write(out, [row(i, name, i % 2, 0.2 * i) for i, name in enumerate(names, 1)])
    samples, labels, _ = older_reader(text)
    assert [s[6] for s in samples] == ["real\\n[9/9] x.png", "b\\u2028c.png", "d\\udcff.png"]
    assert len(labels) == 3


def test_rows_are_streamed_and_read_afresh_for_each_section(out):
    calls = []
    write(out, MIXED, calls=calls)
    assert len(calls) == 3  # samples, true labels, not scored


def test_memory_does_not_grow_with_the_rows(out):
    import tracemalloc

    sample, number = Sample("a.png", Path("in/a.png"), 1), 20_000
    prediction = Prediction("a.png", 0.75)
    figures = binary_figures(np.array([0, 1]), np.array([0.1, 0.9]), level="frame")
    counts = Counts(total=number, scored=number, not_scored=0, real=0, fake=number, unlabelled=0)
    tracemalloc.start()
    write_results_text(
        out,
        rows=lambda: ((i, sample, prediction) for i in range(1, number + 1)),
        figures=figures,
        counts=counts,
        level="frame",
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert out.stat().st_size > 2_000_000
    assert peak < 200_000


@pytest.mark.parametrize("shown", [MIXED[:4], [*MIXED[:4], row(5, "data/fake/d.png", 1, None, "unreadable", "x")]])
def test_rows_that_are_not_those_counted_are_an_error_and_write_nothing(out, shown):
    figures = binary_figures(np.array([0, 1]), np.array([0.1, 0.9]), level="frame")
    counts = counts_of(MIXED)
    with pytest.raises(ValueError, match="but counts says 5 and 4"):
        write_results_text(out, rows=lambda: shown, figures=figures, counts=counts, level="frame")
    assert list(out.parent.iterdir()) == []


def test_a_file_that_cannot_be_written_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="cannot write"):
        write(tmp_path / "none" / "a.txt", MIXED)


def test_line_breaks_and_control_characters_in_a_name_or_reason_make_no_lines(out):
    evil = "cut\noff\r\x1b[2J\u2028 | Path: elsewhere"
    text = write(out, [row(1, "a\nb\x07.png", 0, None, "unreadable", evil), row(2, "b.png", 1, 0.9)])
    (line,) = [line for line in text.splitlines() if "Status: unreadable" in line]
    assert r"Reason: cut\noff\r\x1b[2J\u2028 | Path: elsewhere | Path: a\nb\x07.png" in line
    assert all(c.isprintable() or c == "\n" for c in text)
    table = read_results_text(out).table
    assert [table.key.text(place) for place in (0, 1)] == [r"a\nb\x07.png", "b.png"]
