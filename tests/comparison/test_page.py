"""The report of a comparison says what the comparison says, of every detector, and is safe whatever names hold."""

from __future__ import annotations

import csv
import json
import logging
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepfakebench_ext.common.errors import ConfigError, OutputError
from deepfakebench_ext.common.notices import Notice, untrained_head
from deepfakebench_ext.comparison.compare import compare
from deepfakebench_ext.comparison.comparison_json import comparison_json, comparison_text
from deepfakebench_ext.comparison.page import comparison_document, write_comparison
from deepfakebench_ext.comparison.records import CompareOptions, Comparison
from deepfakebench_ext.comparison.tables import (
    counts_sentences,
    decisions_table,
    figure_notes,
    figures_tables,
    group_tables,
    pair_sentences,
    pairs_table,
    rank_table,
    side_by_side,
    write_comparison_csv,
)
from deepfakebench_ext.metrics.figure import Figure
from deepfakebench_ext.metrics.pairs import Pair
from deepfakebench_ext.report.document import Document, Gallery, Heading, Paragraph, Pictures, Table, Warnings
from deepfakebench_ext.report.scores.score_files import ScoreFile, read_scores

HOSTILE = "<script>alert('x')</script>|`a`"


def file(folder: Path, name: str, *, quality: float, seed: int, size: int = 100, unscored: int = 0) -> ScoreFile:
    rng = np.random.default_rng(seed)
    lines = ["key,path,label,score,method,dataset"]
    for n in range(size):
        score = repr(float(1 / (1 + np.exp(-rng.normal() - quality * (n % 2)))))
        method = ("DF", "FS")[n // 2 % 2] if n % 2 else ""
        lines.append(f"{n}.png,{folder}/{n}.png,{n % 2},{'' if n < unscored else score},{method},{'XY'[n // 50 % 2]}")
    path = folder / f"{name}.csv"
    path.write_text("\n".join(lines) + "\n")
    return read_scores(path)


@pytest.fixture
def comparison(tmp_path) -> Comparison:
    return three(tmp_path)


def three(folder: Path, **how) -> Comparison:
    """Two good detectors and a poor one; the first could not score three samples, the third lacks ten."""
    files = [
        file(folder, "good", quality=2.5, seed=1, unscored=3),
        file(folder, "fine", quality=2.4, seed=2),
        file(folder, "poor", quality=0.1, seed=3, size=90),
    ]
    return compare(files, CompareOptions(**how))


def headings(document: Document) -> list[str]:
    return [block.text for block in document.blocks if isinstance(block, Heading)]


# --- tables ---------------------------------------------------------------------------------------------------------


def test_every_figure_stands_under_its_detector_with_its_interval(comparison):
    (table,) = figures_tables(comparison)
    assert table.header == ("figure", "good", "fine", "poor")
    assert len(table.rows) == len(comparison.detectors[0].figures)
    for column, detector in enumerate(comparison.detectors, start=1):
        auc = detector.figures["frame_auc"]
        assert table.rows[0][column] == f"{auc.value:.4f} ({auc.low:.4f} to {auc.high:.4f})"


def nine(folder: Path) -> Comparison:
    """Nine detectors, the better the later; two of them are alike."""
    files = [file(folder, f"d{n}", quality=min(n, 7) / 3, seed=min(n, 7), size=200) for n in range(9)]
    return compare(files)


def test_detectors_are_ranked_by_auc_with_how_many_they_beat(comparison):
    table = rank_table(comparison)
    assert table.header == ("rank", "detector", "AUC", "AP (PR-AUC)", "EER", "better than")
    aucs = {each.name: each.figures["frame_auc"].value for each in comparison.detectors}
    assert [row[1] for row in table.rows] == sorted(aucs, key=aucs.get, reverse=True)
    assert {row[1]: row[-1] for row in table.rows} == {"good": "1 of 2", "fine": "1 of 2", "poor": "0 of 2"}
    assert [row[0] for row in table.rows] == ["1", "2", "3"]


def test_equal_aucs_share_a_rank_and_one_without_comes_last(comparison):
    good, fine, poor = comparison.detectors
    nothing = Figure(None, "d", "none", higher_is_better=True)
    changed = (
        replace(good, figures={**good.figures, "frame_auc": nothing}),
        replace(fine, figures={**fine.figures, "frame_auc": poor.figures["frame_auc"]}),
        poor,
    )
    table = rank_table(replace(comparison, detectors=changed, pairs=()))
    assert [row[:3:2] for row in table.rows][2] == ("3", "undefined")
    assert [row[:2] for row in table.rows] == [("1", "fine"), ("1", "poor"), ("3", "good")]
    assert table.header[-1] == "EER"


def test_an_untrained_detector_has_no_rank_whatever_its_auc(comparison):
    good, fine, poor = comparison.detectors
    untrained = replace(good, file=replace(good.file, trained=False))
    table = rank_table(replace(comparison, detectors=(untrained, fine, poor)))
    assert [row[0] for row in table.rows] == ["1", "2", ""]
    assert "good" in table.rows[-1][1]


def test_of_nine_detectors_every_table_of_the_report_is_whole_on_a_page(tmp_path):
    found = nine(tmp_path)
    tables = [block for block in comparison_document(found, plots=False).blocks if isinstance(block, Table)]
    assert max(len(table.header) for table in tables) <= 8
    for kind in ("figure", "method", "setting"):
        parts = [table.header for table in tables if table.header[0] == kind and len(table.header) > 3]
        named = [name for header in parts for name in header if name.startswith("d") and name[1:].isdigit()]
        assert named == [f"d{n}" for n in range(9)]
    assert [len(part) for part in side_by_side(found.detectors)] == [3, 3, 3]
    assert [len(part) for part in side_by_side(found.detectors[:4])] == [4]


def test_what_was_left_out_is_counted_with_its_causes(comparison):
    assert counts_sentences(comparison) == [
        "3 detectors are compared on 87 frames (43 real, 44 fake) that all of them scored; 90 are in all files",
        "good: 13 of 100 frames are left out (10 not in every file, 3 not scored by it)",
        "fine: 13 of 100 frames are left out (10 not in every file, 3 without a label or not scored by another)",
        "poor: 3 of 90 frames are left out (3 without a label or not scored by another)",
    ]


def test_detectors_of_which_as_much_is_left_out_are_named_together(comparison):
    good, fine, _ = comparison.detectors
    alike = tuple(replace(fine, name=name) for name in ("fine", "other"))
    assert counts_sentences(replace(comparison, detectors=(good, *alike)))[2:] == [
        "fine, other: 13 of 100 frames are left out (10 not in every file, 3 without a label or not scored by another)"
    ]


def test_sentences_say_of_every_pair_whether_it_differs(comparison):
    general, *pairs = pair_sentences(comparison)
    assert general == (
        "2 of 3 pairs differ in frame AUC beyond noise (paired DeLong test at 5%, after Holm's correction for 3 pairs)"
    )
    assert pairs[0].startswith("good and fine do not differ beyond noise: AUC of the first less the second ")
    assert pairs[1].startswith("good is better than poor beyond noise: its AUC is higher by 0.")
    assert all("after Holm" in sentence for sentence in pairs)


def test_the_better_of_a_pair_is_the_one_of_higher_auc_whichever_comes_first(comparison):
    (pair,) = (pair for pair in comparison.pairs if (pair.first, pair.second) == ("good", "poor"))
    turned = Pair("poor", "good", -pair.difference, -pair.high, -pair.low, pair.p_value, pair.p_holm, differ=True)
    straight, mirrored = (pair_sentences(replace(comparison, pairs=(each,)))[1] for each in (pair, turned))
    assert straight == mirrored
    assert f"{pair.difference:.4f} ({pair.low:.4f} to {pair.high:.4f})" in straight


def test_a_pair_that_only_luck_tells_apart_and_one_without_a_test_are_said(comparison):
    lucky = Pair("good", "fine", 0.03, 0.001, 0.059, 0.04, 0.12, differ=False)
    untested = Pair("good", "poor", 0.5, None, None, None, None, differ=False)
    changed = replace(comparison, pairs=(lucky, untested))
    _, first, second = pair_sentences(changed)
    assert "do not differ beyond noise" in first
    assert "alone it would" in first
    assert second.startswith("good and poor cannot be tested: their AUCs are 0.5000 apart, but")
    assert [row[-1] for row in pairs_table(changed).rows] == ["no", "untested"]


@pytest.mark.parametrize(("p", "text"), [(0.04321, "0.0432"), (3.21e-7, "3.2e-07"), (0.0, "< 1e-300"), (1.0, "1.0000")])
def test_p_values_are_never_shown_as_zero(comparison, p, text):
    changed = replace(comparison, pairs=(Pair("good", "poor", 0.4, 0.3, 0.5, p, p, differ=p < 0.05),))
    assert pairs_table(changed).rows[0][3:5] == (text, text)
    assert f"p {text}" in pair_sentences(changed)[1]


def test_pairs_that_differ_stand_out(comparison):
    table = pairs_table(comparison)
    assert table.marked == {1, 2}
    assert [row[-1] for row in table.rows] == ["no", "yes", "yes"]


def test_groups_stand_side_by_side_with_the_worst_of_each_detector(comparison):
    by_method, by_dataset = group_tables(comparison)
    assert by_method.header == ("method", "real", "fake", "good", "fine", "poor")
    assert [row[0] for row in by_dataset.rows] == ["X", "Y", "mean of the groups", "all pooled", "worst group"]
    for place, detector in enumerate(comparison.detectors, start=3):
        assert by_method.rows[-1][place] == detector.breakdowns[0].worst


def test_groups_of_few_samples_are_marked_and_warned_of(tmp_path):
    rows = [f"{n}.png,{n % 2},{0.3 + 0.2 * (n % 2) + n / 200},{'DF' if n % 2 else ''}" for n in range(50)]
    for name in "ab":
        text = "\n".join(["key,label,score,method", *rows, f"rare.png,1,0.{ord(name) % 7},Rare"])
        (tmp_path / f"{name}.csv").write_text(text + "\n")
    found = compare([read_scores(tmp_path / "a.csv"), read_scores(tmp_path / "b.csv")])
    (table,) = group_tables(found)
    assert table.header[-1] == "beware"
    assert [row[-1] for row in table.rows] == ["", "only 1 fake", "", "", ""]
    said = "by method, 1 group has fewer than 20 reals or fakes: Rare; what it says of the worst is little"
    assert [notice.text for notice in found.warnings].count(said) == 1


def test_causes_are_noted_once_for_all_that_share_them(comparison):
    auc, bootstrap, threshold, *others = figure_notes(comparison)
    assert bootstrap.startswith("AP (PR-AUC), EER, F1 at 0.5, ")
    assert bootstrap.endswith(": no interval, it takes a bootstrap, and no resamples were asked for")
    assert threshold == "EER threshold: no interval, a threshold, not a measure"
    assert [auc, *others] == [
        "AUC of good: the interval is somewhat too narrow: with 43 samples of a class and an AUC so near 1, such "
        "intervals held the truth in 86 to 94 % of simulated draws instead of 95 %",
        "TPR at FPR 0.1 %: 43 reals cannot show an FPR of 0.1%: at most 0.043 of them may be called fake, so the "
        "figure hangs on the highest real; it takes 1000",
        "TPR at FPR 1 %: 43 reals cannot show an FPR of 1.0%: at most 0.43 of them may be called fake, so the figure "
        "hangs on the highest real; it takes 100",
    ]


def test_the_page_begins_with_what_was_compared_and_who_is_ahead(comparison):
    runs = [{"begun": day, "input": "photos/"} for day in ("2026-11-29", "2026-11-30", "2026-11-30")]
    detectors = tuple(
        replace(each, file=replace(each.file, run=run)) for each, run in zip(comparison.detectors, runs, strict=True)
    )
    blocks = comparison_document(replace(comparison, detectors=detectors), plots=False).blocks
    first, second = [block.text for block in blocks if isinstance(block, Paragraph)][:2]
    assert first == (
        "good, fine, poor on photos/, 87 frames, 43 real and 44 fake; 29 November 2026 to 30 November 2026."
    )
    won = "Of 100 pairs of a fake and a real frame it scores the fake higher in 98.2 (95 % "
    assert second.startswith(f"good is ahead. {won}")
    assert second.endswith("; better than 1 of 2 others beyond noise.")


def test_of_equal_detectors_none_is_ahead_alone(tmp_path):
    files = [file(tmp_path, name, quality=2, seed=1) for name in ("one", "copy")]
    blocks = comparison_document(compare(files), plots=False).blocks
    assert next(block.text for block in blocks if isinstance(block, Paragraph) and "ahead" in block.text).startswith(
        "one and copy are ahead, with one AUC. "
    )


def test_decisions_are_counted_for_each_detector(comparison):
    table = decisions_table(comparison)
    labels, scores = comparison.labels, comparison.detectors[2].scores
    counts = [((labels == label) & ((scores > 0.5) == called)).sum() for label in (0, 1) for called in (False, True)]
    assert table.rows[2] == ("poor", *map(str, counts))
    assert table.caption == "frames decided at 0.5: a score above is fake"


def test_one_class_is_undefined_in_words_everywhere(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text(f"key,label,score\nx,1,0.{ord(name) % 7}\ny,1,0.5\n")
    found = compare([read_scores(tmp_path / "a.csv"), read_scores(tmp_path / "b.csv")])
    assert pairs_table(found) is None
    assert pair_sentences(found) == ["no pair can be tested: " + found.no_pairs]
    assert "only fake samples" in found.no_pairs
    notes = figure_notes(found)
    assert notes[0].startswith("AUC, AP (PR-AUC), EER")
    assert "undefined, only fake samples" in notes[0]
    assert figures_tables(found)[0].rows[0] == ("AUC", "undefined", "undefined")
    write_comparison(tmp_path / "out", found)
    assert json.loads((tmp_path / "out/comparison.json").read_text())["pairs"] == []


# --- CSV and JSON ---------------------------------------------------------------------------------------------------


def test_the_csv_gives_back_every_number_to_the_last_bit(comparison, tmp_path):
    write_comparison_csv(tmp_path / "c.csv", comparison)
    with (tmp_path / "c.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["detector"] for row in rows] == ["good", "fine", "poor"]
    for row, detector in zip(rows, comparison.detectors, strict=True):
        assert (row["real"], row["fake"], row["left_out"]) == ("43", "44", str(detector.left_out))
        for name, figure in detector.figures.items():
            read = tuple(float(row[f"{name}{end}"]) if row[f"{name}{end}"] else None for end in ("", "_low", "_high"))
            assert read == (figure.value, figure.low, figure.high)


def test_the_json_holds_figures_pairs_groups_and_disagreements(comparison):
    document = json.loads(comparison_text(comparison))
    assert document == comparison_json(comparison)
    assert (document["level"], document["real"], document["fake"], document["in_all"]) == ("frame", 43, 44, 90)
    assert [each["unscored"] for each in document["detectors"]] == [3, 0, 0]
    assert document["pairs"][1]["p_value"] == comparison.pairs[1].p_value
    groups = document["breakdowns"]["dataset"]["groups"]
    assert (
        groups[0]["auc"]["poor"]["value"] == comparison.detectors[2].breakdowns[1].groups[0].figures["frame_auc"].value
    )
    spreads = [max(each["scores"].values()) - min(each["scores"].values()) for each in document["disagreements"]]
    assert spreads == sorted(spreads, reverse=True)
    assert document["sentences"] == pair_sentences(comparison)


# --- the report -----------------------------------------------------------------------------------------------------


def test_the_report_has_every_part_and_all_pictures(comparison):
    document = comparison_document(comparison)
    assert headings(document) == [
        "Ranks", "Which detectors differ", "Figures", "Pictures", "Groups", "Samples on which detectors disagree most",
        "Samples that all detectors get wrong", "Provenance", "Definitions",
    ]  # fmt: skip
    (pictures,) = (block.pictures for block in document.blocks if isinstance(block, Pictures))
    assert [picture.name for picture in pictures] == ["roc", "pr", "det", "histogram", "reliability"]
    assert pictures[0].text == "ROC curve: good, fine, poor"


def test_a_sample_shows_its_label_and_every_score(comparison):
    gallery = next(block for block in comparison_document(comparison, plots=False).blocks if isinstance(block, Gallery))
    place = comparison.keys.index(gallery.thumbs[0].caption)
    label, *scores = gallery.thumbs[0].lines
    assert label == ("REAL", "FAKE")[comparison.labels[place]]
    assert scores == [f"{each.name} {each.scores[place]:.4f}" for each in comparison.detectors]


def test_a_picture_of_a_sample_is_found_by_whichever_file_knows_it(tmp_path):
    """The first file has no paths, so that the second's count."""
    (tmp_path / "bare.csv").write_text("key,label,score\n" + "".join(f"{n}.png,{n % 2},0.5\n" for n in range(90)))
    found = compare([read_scores(tmp_path / "bare.csv"), file(tmp_path, "poor", quality=0.1, seed=3, size=90)])
    for n in range(90):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{n}.png")
    gallery = next(block for block in comparison_document(found, plots=False).blocks if isinstance(block, Gallery))
    assert all(thumb.jpeg is not None for thumb in gallery.thumbs)


def test_settings_that_differ_stand_out(comparison):
    runs = ({"sampling": {"frame_num": 8}, "input": "x"}, {"sampling": {"frame_num": 32}, "input": "x"})
    detectors = tuple(
        replace(each, file=replace(each.file, run=run))
        for each, run in zip(comparison.detectors[:2], runs, strict=True)
    )
    blocks = comparison_document(
        replace(comparison, detectors=detectors, pairs=comparison.pairs[:1]), plots=False
    ).blocks
    table = next(block for block in blocks if isinstance(block, Table) and block.header[0] == "setting")
    assert [table.rows[number][0] for number in table.marked] == ["sampling"]
    assert "frame_num 32" in next(row for row in table.rows if row[0] == "sampling")[2]


def test_definitions_name_every_way_in_which_an_interval_was_made(comparison):
    first, *others = comparison.detectors
    exact = replace(first.figures["frame_auc"], interval="exact binomial")
    changed = replace(first, figures={**first.figures, "frame_auc": exact})
    table = comparison_document(replace(comparison, detectors=(changed, *others)), plots=False).blocks[-1]
    assert isinstance(table, Table)
    assert table.rows[0][2] == "exact binomial; or DeLong, logit scale"


def test_an_untrained_head_stands_above_everything_and_in_every_table(comparison):
    first, *others = comparison.detectors
    noise = replace(comparison, detectors=(replace(first, file=replace(first.file, trained=False)), *others),
                    warnings=(Notice("run", "something else"), untrained_head().of("good")))  # fmt: skip
    block = comparison_document(noise, plots=False).blocks[0]
    assert isinstance(block, Warnings)
    assert block.severe
    assert block.texts == [f"good: {untrained_head()}"]
    for table in (rank_table(noise), *figures_tables(noise), pairs_table(noise), *group_tables(noise)):
        assert any("good (UNTRAINED)" in row for row in (table.header, *table.rows))
    assert "good (UNTRAINED) is better" in pair_sentences(noise)[2]


def test_noise_is_never_ahead(comparison):
    def ahead(*untrained: str) -> str:
        detectors = tuple(
            replace(each, file=replace(each.file, trained=each.name not in untrained)) for each in comparison.detectors
        )
        blocks = comparison_document(replace(comparison, detectors=detectors), plots=False).blocks
        return [block.text for block in blocks if isinstance(block, Paragraph)][1]

    assert ahead("good").startswith("fine is ahead. ")
    assert ahead("good").endswith("; better than the other with a trained head beyond noise.")
    assert ahead("good", "fine").startswith("poor alone has a trained head. Of 100 pairs")
    assert ahead("good", "fine", "poor") == (
        "Which is ahead is not known: all heads are untrained, and their scores say nothing."
    )


def test_names_and_keys_cannot_bring_markup(tmp_path):
    one = tmp_path / "one.csv"
    rows = [f'"{HOSTILE}{n}",{n % 2},0.{n}' for n in range(1, 9)]
    one.write_text("key,label,score\n" + "\n".join(rows) + "\n")
    two = tmp_path / "two.csv"
    two.write_text(one.read_text().replace("0.3", "0.9"))
    found = compare([read_scores(one), read_scores(two)], CompareOptions(names=(HOSTILE, "b")))
    write_comparison(tmp_path / "out", found)
    page, text = ((tmp_path / f"out/report.{suffix}").read_text(encoding="utf-8") for suffix in ("html", "md"))
    for written in (page, text):
        assert "<script" not in written
    assert "&lt;script&gt;" in page
    assert "http" not in page.replace("http-equiv", "")  # nothing to fetch
    assert "Content-Security-Policy" in page


def test_the_same_comparison_gives_the_same_bytes(tmp_path):
    for name in ("x", "y"):
        write_comparison(tmp_path / name, three(tmp_path))
    written = sorted(path.relative_to(tmp_path / "x") for path in (tmp_path / "x").rglob("*") if path.is_file())
    assert {str(path) for path in written} >= {"comparison.json", "comparison.csv", "report.md", "report.html"}
    for path in written:
        assert (tmp_path / "x" / path).read_bytes() == (tmp_path / "y" / path).read_bytes()


def test_without_matplotlib_the_report_goes_without_pictures(comparison, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with caplog.at_level(logging.WARNING):
        document = comparison_document(comparison)
    assert not any(isinstance(block, Pictures) for block in document.blocks)
    assert "pip install" in caplog.text


def test_the_directory_of_a_run_is_left_alone(tmp_path, comparison):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/scores.csv").write_text("")
    with pytest.raises(ConfigError, match="is the directory of a run"):
        write_comparison(tmp_path / "run", comparison, plots=False)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["scores.csv"]


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path, comparison):
    (tmp_path / "in_the_way").write_text("")
    with pytest.raises(OutputError, match="--output_dir"):
        write_comparison(tmp_path / "in_the_way" / "out", comparison, plots=False)
