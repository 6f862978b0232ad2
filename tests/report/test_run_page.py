"""A run's report says what its summary says: figures, groups, coverage, settings, and the worst samples."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from deepfakebench_ext.common.errors import OutputError
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.metrics.score_table import ScoreTable
from deepfakebench_ext.metrics.summary import Other, Summary, SummaryOptions, summarise
from deepfakebench_ext.report.document import Document, Gallery, Heading, Pictures, Table, Warnings
from deepfakebench_ext.report.figure_tables import title_of
from deepfakebench_ext.report.run_page import run_document, write_run_page
from deepfakebench_ext.report.seen import Seen

HOSTILE = "<script>alert('x')</script>|`a`.png"
RUN = {
    "detector": {"model_name": "huggingface_clip"},
    "weights": {"source": "org/detector", "revision": "a" * 40, "sha256": "b" * 64,
                "label_order": {"fake": [1], "decided_by": "checkpoint names"}},
    "preprocess": {"size": [224, 224], "crop": None},
    "sampling": {"frame_num": 32},
    "versions": {"torch": "2.13"},
    "command": "perf_huggingface.py --image '<b>'",
}  # fmt: skip


def table(prefix: str = "") -> ScoreTable:
    names = [HOSTILE, *(f"{n}.png" for n in range(1, 12))]
    samples = [
        Sample(f"{prefix}{name}", Path(name), n % 2, video=str(n // 2), method="MN"[n % 4 > 1])  # type: ignore[arg-type]
        for n, name in enumerate(names)
    ]
    predictions = [Prediction(s.key, 0.95 - 0.05 * n if n % 2 else 0.9 - 0.03 * n) for n, s in enumerate(samples)]
    predictions[5] = Prediction(samples[5].key, None, "unreadable", "cut off")
    return ScoreTable.from_predictions(samples, predictions, level="frame", has_videos=True)


def summary(how: SummaryOptions | None = None, **options: Any) -> Summary:
    return summarise(table(), how, **{"title": "org/detector", "trained": True} | options)


def tables(document: Document, heading: str) -> list[Table]:
    blocks = list(document.blocks)
    start = next(at for at, block in enumerate(blocks) if isinstance(block, Heading) and block.text == heading)
    found = []
    for block in blocks[start + 1 :]:
        if isinstance(block, Heading):
            break
        found += [block] if isinstance(block, Table) else []
    return found


def test_every_figure_of_every_level_is_in_a_table():
    found = summary()
    document = run_document(found, plots=False)
    for level in ("video", "frame"):
        shown = tables(document, f"Figures of {level}s")[0]
        assert len(shown.rows) == len(found.levels[level].figures)
        assert shown.rows[0][:2] == ("AUC", f"{found.figures[f'{level}_auc'].value:.4f}")


def test_videos_come_before_their_frames():
    headings = [block.text for block in run_document(summary(), plots=False).blocks if isinstance(block, Heading)]
    assert headings.index("Figures of videos") < headings.index("Figures of frames")


def test_the_worst_group_is_marked():
    found = summary()
    shown = tables(run_document(found, plots=False), "Breakdowns")[0]
    (marked,) = shown.marked
    assert shown.rows[marked][0] == found.levels["video"].breakdowns[0].worst


def test_what_was_not_scored_is_counted_and_bounded():
    counted, bounded = tables(run_document(summary(), plots=False), "Coverage")
    assert counted.rows[0] == ("frames", "12", "11", "1")
    assert counted.header == ("level", "expected", "scored", "unreadable")
    assert [row[0] for row in bounded.rows][:2] == ["frame AUC as it is", "frame AUC if the missing were real"]


def test_a_run_says_how_it_came_about():
    (shown,) = tables(run_document(summary(), run=RUN, plots=False), "Provenance")
    rows = dict(shown.rows)  # type: ignore[arg-type]
    assert rows["revision"] == "a" * 40
    assert rows["fake is"] == "logit 1, by checkpoint names"
    assert rows["preprocessing"] == "size 224, 224"


def test_scores_without_a_run_have_no_provenance():
    headings = [block.text for block in run_document(summary(), plots=False).blocks if isinstance(block, Heading)]
    assert "Provenance" not in headings


def test_an_untrained_head_stands_above_everything():
    first = run_document(summary(trained=False), plots=False).blocks[0]
    assert isinstance(first, Warnings)
    assert first.severe
    assert "UNTRAINED" in first.texts[0]


def test_a_threshold_and_a_calibration_are_shown_with_their_file():
    other = Other(table("val/"), "val.csv")
    document = run_document(
        summary(SummaryOptions(threshold_from=other, calibrate="temperature", calibrate_on=other)), plots=False
    )
    assert any("at the threshold" in row[0] for row in tables(document, "Figures of videos")[0].rows)
    assert tables(document, "Calibration")[0].header == ("figure", "before", "after")


def test_the_worst_samples_are_those_of_videos_where_there_are_videos():
    asked: list[int] = []

    def looks(rows):
        asked.extend(rows)
        return [Seen("", frame=4)] * len(rows)

    document = run_document(summary(), looks=looks, plots=False)
    galleries = [block for block in document.blocks if isinstance(block, Gallery)]
    assert galleries[0].thumbs[0].lines == ["FAKE, scored 0.4000", "shown: frame 4, lowest of its frames at 0.4000"]
    assert asked[0] == 11  # the frame of the fake of the last video


def test_files_are_written_and_hold_no_markup_of_file_names(tmp_path):
    Image.new("RGB", (40, 40)).save(tmp_path / "a.png")
    write_run_page(
        tmp_path, summary(title=HOSTILE), run=RUN, looks=lambda rows: [Seen(str(tmp_path / "a.png"))] * len(rows)
    )
    page, text = ((tmp_path / f"report.{suffix}").read_text(encoding="utf-8") for suffix in ("html", "md"))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert page.count("data:image/jpeg") >= 2
    assert page.count("data:image/png") == 5
    assert "<script" not in text
    assert sorted(path.name for path in (tmp_path / "report_pictures").iterdir()) == [
        "det.png", "histogram.png", "pr.png", "reliability.png", "roc.png",
    ]  # fmt: skip
    assert "![ROC curve](report_pictures/roc.png)" in text


def test_the_same_summary_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_run_page(tmp_path / name, summary(), run=RUN)
    assert (tmp_path / "a/report.html").read_bytes() == (tmp_path / "b/report.html").read_bytes()


def test_without_matplotlib_the_report_goes_without_pictures(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with caplog.at_level(logging.WARNING):
        document = run_document(summary())
    assert not any(isinstance(block, Pictures) for block in document.blocks)
    assert "pip install" in caplog.text


def test_one_class_has_a_report_too(tmp_path):
    fakes = table().take((table().labels == 1).nonzero()[0])
    write_run_page(tmp_path, summarise(fakes, title="t"))
    assert "only fake samples" in (tmp_path / "report.md").read_text()


def test_a_folder_that_cannot_be_written_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="cannot write"):
        write_run_page(tmp_path / "none", summary(), plots=False)
    (tmp_path / "report_pictures").write_text("in the way")
    with pytest.raises(OutputError, match="report_pictures"):
        write_run_page(tmp_path, summary())


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("auc", "AUC"),
        ("tpr_at_fpr_0.001", "TPR at FPR 0.1 %"),
        ("fpr_at_tpr_0.95", "FPR at TPR 95 %"),
        ("partial_auc_mcclish_fpr_0.1", "partial AUC (McClish), FPR 10 %"),
        ("balanced_accuracy_at_threshold", "balanced accuracy at the threshold"),
        ("something_new", "something new"),
    ],
)
def test_figures_have_names_that_people_use(name, title):
    assert title_of(name) == title
