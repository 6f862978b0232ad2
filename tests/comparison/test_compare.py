"""Detectors are compared on the samples that all scored, matched by what they are, and on nothing else."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.comparison.compare import compare, disagreements, distinct_names, wrong_by_all
from deepfakebench_ext.comparison.records import CompareOptions, Comparison
from deepfakebench_ext.metrics.bootstrap import Bootstrap
from deepfakebench_ext.metrics.pairs import compare_pairs
from deepfakebench_ext.report.scores.score_files import ScoreFile, read_scores

COUNTER = itertools.count()
HEADER = "key,path,label,index,start_s,end_s,score,status,reason,frames_faceless,video,dataset,method,head"


def csv(folder: Path, text: str, name: str = "") -> ScoreFile:
    """A CSV of others; each in a file of its own."""
    path = folder / f"{name or next(COUNTER)}.csv"
    path.write_text(text.strip() + "\n")
    return read_scores(path)


def images(folder: Path, scores: dict[str, str], name: str = "") -> ScoreFile:
    """Images by key; a key that begins with f is a fake."""
    rows = [f"{key},{int(key.startswith('f'))},{score}" for key, score in scores.items()]
    return csv(folder, "\n".join(["key,label,score", *rows]), name)


def run(folder: Path, units: dict[str, list[tuple[str, str, str]]], *, head: str = "trained") -> ScoreFile:
    """A run's `scores.csv`: each video's frames or clips as (start_s, end_s, score); f... are fakes."""
    folder.mkdir(exist_ok=True)
    lines = [HEADER]
    for key, frames in units.items():
        for index, (start, end, score) in enumerate(frames):
            status = "ok" if score else "no_face"
            lines.append(f"{key},{key},{int(key[0] == 'f')},{index},{start},{end},{score},{status},,0,,,,{head}")
    (folder / "scores.csv").write_text("\n".join(lines) + "\n")
    return read_scores(folder)


def many(folder: Path, seed: int, *, quality: float = 1.5, size: int = 80) -> ScoreFile:
    rng = np.random.default_rng(seed)
    keys = [f"{'rf'[n % 2]}{n:03}" for n in range(size)]
    raw = rng.normal(size=size) + quality * (np.arange(size) % 2)
    return images(folder, {key: repr(float(1 / (1 + np.exp(-x)))) for key, x in zip(keys, raw, strict=True)})


def scores_of(comparison: Comparison) -> dict[str, list[float]]:
    return {detector.name: detector.scores.tolist() for detector in comparison.detectors}


# --- which samples --------------------------------------------------------------------------------------------------


def test_only_samples_of_all_files_that_all_scored_are_compared(tmp_path):
    one = images(tmp_path, {"r1": "0.1", "f1": "0.9", "f2": "", "r2": "0.3", "f3": "0.7"}, "one")
    other = images(tmp_path, {"f3": "0.6", "r2": "", "f2": "0.8", "r1": "0.2", "f4": "0.5", "f1": "0.4"}, "other")
    found = compare([one, other])
    assert found.keys == ("r1", "f1", "f3")
    assert scores_of(found) == {"one": [0.1, 0.9, 0.7], "other": [0.2, 0.4, 0.6]}
    assert found.labels.tolist() == [0, 1, 1]
    assert found.in_all == 5
    assert [(each.left_out, each.unscored) for each in found.detectors] == [(2, 1), (3, 1)]


def test_the_order_of_rows_changes_nothing_but_the_order_of_samples(tmp_path):
    one, other = many(tmp_path, 1), many(tmp_path, 2)
    lines = other.path.read_text().splitlines()
    turned = csv(tmp_path, "\n".join([lines[0], *lines[:0:-1]]))
    straight, mixed = compare([one, other]), compare([one, turned])
    assert straight.pairs[0].difference == mixed.pairs[0].difference
    assert straight.keys == mixed.keys


def test_samples_without_a_label_are_left_out(tmp_path):
    one = csv(tmp_path, "key,label,score\nr,0,0.1\nf,1,0.9\nu,,0.5")
    other = csv(tmp_path, "key,label,score\nr,0,0.2\nf,1,0.8\nu,,0.5")
    found = compare([one, other])
    assert found.keys == ("r", "f")
    assert [(each.left_out, each.unscored) for each in found.detectors] == [(1, 0), (1, 0)]


@pytest.mark.parametrize("score", ["0.5", ""])
def test_a_sample_with_two_labels_is_an_error_that_names_it_scored_or_not(tmp_path, score):
    one = csv(tmp_path, f"key,label,score\nr,0,0.1\nx.png,1,{score}", "one")
    other = csv(tmp_path, "key,label,score\nr,0,0.2\nx.png,0,0.8", "other")
    with pytest.raises(ConfigError, match=r"'x\.png' is FAKE in one and REAL in other"):
        compare([one, other])


def test_an_image_of_a_named_video_with_two_labels_is_an_error_too(tmp_path):
    """By the name of its video it would only be another sample."""
    one = csv(tmp_path, "key,label,score,video\na.png,0,0.1,v\nb.png,1,0.1,w")
    other = csv(tmp_path, "key,label,score,video\na.png,1,0.1,v\nb.png,1,0.1,w")
    with pytest.raises(ConfigError, match=r"'a\.png' is REAL"):
        compare([one, other])


def test_files_without_a_common_sample_show_what_theirs_are_called(tmp_path):
    one, other = images(tmp_path, {"real/a.png": "0.1"}, "one"), images(tmp_path, {"data/real/a.png": "0.1"}, "other")
    with pytest.raises(ConfigError, match=r"one has 'real/a\.png', \.\.\.; other has 'data/real/a\.png'"):
        compare([one, other])


FF = "key,label,score,video,method\nr.png,0,{},000,\ndf.png,1,{},000,DF\nnt.png,1,{},000,NT"


def test_manipulations_of_one_source_are_compared_one_by_one(tmp_path):
    found = compare([csv(tmp_path, FF.format(0.5, 0.9, 0.1), "one"), csv(tmp_path, FF.format(0.5, 0.6, 0.7), "other")])
    assert found.level == "video"
    assert found.keys == ("real/000", "fake/DF/000", "fake/NT/000")  # by label and video alone: real/000, fake/000
    assert scores_of(found) == {"one": [0.5, 0.9, 0.1], "other": [0.5, 0.6, 0.7]}


def test_files_that_name_the_methods_of_videos_otherwise_say_what_must_be_the_same(tmp_path):
    one = csv(tmp_path, "key,label,score,video,method\na.png,1,0.1,000,DF", "one")
    other = csv(tmp_path, "key,label,score,video\nb.png,1,0.1,000", "other")
    with pytest.raises(ConfigError, match=r"'fake/DF/000'.*'fake/000'.*method and video must be the same in all files"):
        compare([one, other])


def test_common_samples_that_no_two_scored_are_an_error_that_counts(tmp_path):
    one, other = images(tmp_path, {"r": "0.1", "f": ""}, "one"), images(tmp_path, {"r": "", "f": "0.9"}, "other")
    with pytest.raises(ConfigError, match=r"2 samples are in all files.*one 1, other 1"):
        compare([one, other])


def test_one_run_and_one_run_twice_are_no_comparison(tmp_path):
    file = images(tmp_path, {"r": "0.1", "f": "0.9"})
    with pytest.raises(ConfigError, match="1 run to compare"):
        compare([file])
    with pytest.raises(ConfigError, match="given twice"):
        compare([file, file])


# --- levels ---------------------------------------------------------------------------------------------------------


FRAMES = {"f1": [("0.0", "", "0.9"), ("1.0", "", "0.7")], "r1": [("0.0", "", "0.2"), ("1.0", "", "0.4")]}
CLIPS = {"r1": [("0.0", "0.5", "0.1")], "f1": [("0.0", "0.5", "0.6")]}


def test_detectors_of_frames_and_of_clips_are_compared_on_videos(tmp_path):
    found = compare([run(tmp_path / "frames", FRAMES), run(tmp_path / "clips", CLIPS)])
    assert found.level == "video"
    assert [each.scores.tolist() for each in found.detectors] == [pytest.approx([0.8, 0.3]), [0.6, 0.1]]
    assert [each.unit_rows.tolist() for each in found.detectors] == [[0, 2], [1, 0]]


def test_files_without_a_common_level_are_an_error_that_says_what_each_has(tmp_path):
    frames, plain = run(tmp_path / "frames", FRAMES), images(tmp_path, {"r1": "0.1"}, "plain")
    clips = run(tmp_path / "clips", CLIPS)
    assert compare([frames, plain], CompareOptions(level="frame")).keys == ("r1",)
    with pytest.raises(ConfigError, match=r"not all have videos: frames has frames and videos; plain has frames"):
        compare([frames, plain], CompareOptions(level="video"))
    with pytest.raises(ConfigError, match=r"no level in common.*clips has clips.*--row_level video"):
        compare([clips, plain])
    with pytest.raises(ConfigError, match="--level 'shot'"):
        compare([frames, clips], CompareOptions(level="shot"))  # type: ignore[arg-type]


def test_frames_are_matched_by_their_times(tmp_path):
    """The second frame of a run that took every second one is the third of a run that took all."""
    some = {key: [(t, "", s) for t, s in (("0.0", "0.1"), ("1.0", "0.3"))] for key in ("f1", "r1")}
    all_ = {key: [(t, "", s) for t, s in (("0.0", "0.1"), ("0.5", "0.2"), ("1.0004", "0.3"))] for key in ("f1", "r1")}
    found = compare([run(tmp_path / "a", some), run(tmp_path / "b", all_)], CompareOptions(level="frame"))
    one, other = scores_of(found).values()
    assert one == other == [0.1, 0.3, 0.1, 0.3]
    assert found.keys[1] == "f1 at 1.000 s"
    assert [each.left_out for each in found.detectors] == [0, 2]
    assert not any("by their number" in notice.text for notice in found.warnings)


def test_without_times_frames_go_by_their_number_and_a_warning_says_so(tmp_path):
    bare = {key: [("", "", s) for _, _, s in frames] for key, frames in FRAMES.items()}
    found = compare([run(tmp_path / "a", FRAMES), run(tmp_path / "b", bare)], CompareOptions(level="frame"))
    assert found.keys == ("f1", "f1 #1", "r1", "r1 #1")
    assert any("frames are matched by their number" in notice.text for notice in found.warnings)
    assert not any("by their number" in each.text for each in compare([many(tmp_path, 1), many(tmp_path, 2)]).warnings)


def test_clips_of_one_time_are_told_apart(tmp_path):
    """A video shorter than a clip gives the same clip several times."""
    twice = {key: [("0.0", "0.5", "0.2"), ("0.0", "0.5", "0.3")] for key in ("r1", "f1")}
    found = compare([run(tmp_path / "a", twice), run(tmp_path / "b", twice)], CompareOptions(level="clip"))
    assert found.keys[:2] == ("r1 from 0.000 to 0.500 s", "r1 from 0.000 to 0.500 s (2)")


def test_a_file_of_videos_that_has_one_twice_is_an_error(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("key,label,score,video\na,1,0.5,v\nb,1,0.6,v\n")
    with pytest.raises(ConfigError, match="'fake/v' twice"):
        compare([read_scores(path, level="video"), csv(tmp_path, path.read_text())])


def test_each_run_aggregates_by_its_own_rule_unless_told_and_a_warning_says_so(tmp_path):
    one, other = run(tmp_path / "a", FRAMES), run(tmp_path / "b", FRAMES, head="untrained")
    (tmp_path / "a/metrics.json").write_text('{"aggregation": "max", "counts": {"frame": {}, "video": {}}}')
    one = read_scores(one.path.parent)
    found = compare([one, other])
    assert [each.scores.tolist() for each in found.detectors] == [[0.9, 0.4], pytest.approx([0.8, 0.3])]
    assert any("a max, b mean" in notice.text for notice in found.warnings)
    same = compare([one, other], CompareOptions(aggregation="max"))
    assert not any("other rules" in notice.text for notice in same.warnings)


# --- figures and pairs ----------------------------------------------------------------------------------------------


def test_pairs_are_those_of_the_paired_test_on_the_common_samples(tmp_path):
    found = compare([many(tmp_path, 1), many(tmp_path, 2, quality=0.1), many(tmp_path, 3, size=60)])
    expected = compare_pairs(found.labels, {each.name: each.scores for each in found.detectors})
    assert found.pairs == expected
    assert len(found.keys) == 60


def test_frames_of_one_video_count_together_in_figures_and_pairs(tmp_path):
    """Every frame ten times over is no more evidence than once."""
    rng = np.random.default_rng(0)
    videos = {f"{'rf'[n % 2]}{n:02}": rng.normal(size=2) + n % 2 for n in range(40)}
    files = {}
    for place in (0, 1):
        sure = {key: repr(float(1 / (1 + np.exp(-value[place])))) for key, value in videos.items()}
        for times in (1, 10):
            units = {key: [(f"{t}.0", "", score) for t in range(times)] for key, score in sure.items()}
            files[place, times] = run(tmp_path / f"{place}-{times}", units)
    once, tenfold = (compare([files[0, times], files[1, times]], CompareOptions(level="frame")) for times in (1, 10))
    assert once.pairs[0].p_value == pytest.approx(tenfold.pairs[0].p_value, abs=1e-12)
    assert len(tenfold.keys) == 400
    assert tenfold.clustered
    low, high = (each.detectors[0].figures["frame_auc"].low for each in (once, tenfold))
    assert low == pytest.approx(high, abs=1e-12)


def test_one_class_has_no_pairs_and_says_why(tmp_path):
    found = compare([images(tmp_path, {"f1": "0.1", "f2": "0.9"}), images(tmp_path, {"f1": "0.2", "f2": "0.8"})])
    assert found.pairs == ()
    assert "only fake samples" in found.no_pairs
    assert found.detectors[0].figures["frame_auc"].value is None


def test_the_bootstrap_is_asked_for(tmp_path):
    files = [many(tmp_path, 1), many(tmp_path, 2)]
    assert compare(files).detectors[0].figures["frame_ap"].low is None
    assert compare(files, CompareOptions(bootstrap=Bootstrap(100))).detectors[0].figures["frame_ap"].low is not None


def test_groups_are_those_of_the_first_file_that_has_the_column(tmp_path):
    plain = many(tmp_path, 1)
    lines = many(tmp_path, 2).path.read_text().splitlines()
    rows = [f"{line},{('DF', 'FS')[n // 2 % 2] if n % 2 else ''}" for n, line in enumerate(lines[1:])]
    named = csv(tmp_path, "\n".join([lines[0] + ",method", *rows]))
    found = compare([plain, named])
    for detector in found.detectors:
        (breakdown,) = detector.breakdowns
        assert [(group.name, group.real, group.fake) for group in breakdown.groups] == [("DF", 40, 20), ("FS", 40, 20)]
    with pytest.raises(ConfigError, match="--by camera: none of the files"):
        compare([plain, named], CompareOptions(by=("camera",)))


def test_samples_on_which_detectors_disagree_most_come_first(tmp_path):
    one = images(tmp_path, {"r1": "0.1", "f1": "0.9", "f2": "0.3", "r2": "0.7"})
    other = images(tmp_path, {"r1": "0.9", "f1": "0.9", "f2": "0.5", "r2": "0.6"})
    found = compare([one, other])
    assert [found.keys[place] for place in disagreements(found, 2)] == ["r1", "f2"]
    assert len(disagreements(found, 9)) == 3  # where they agree, they do not disagree
    assert [found.keys[place] for place in wrong_by_all(found, 9)] == ["r2", "f2"]  # 0.5 is real


# --- names and warnings ---------------------------------------------------------------------------------------------


def test_names_are_titles_made_distinct(tmp_path):
    one, two, three = (run(tmp_path / name, FRAMES) for name in ("x", "y", "z"))
    for folder in ("x", "y"):
        (tmp_path / folder / "run.json").write_text('{"weights": {"source": "org/model"}}')
    files = [read_scores(tmp_path / name) for name in ("x", "y", "z")]
    assert distinct_names(files) == ["org/model (x)", "org/model (y)", "z"]
    (tmp_path / "sub").mkdir()
    plain = [images(tmp_path, {"r": "0.1"}, "same"), images(tmp_path / "sub", {"r": "0.1"}, "same")]
    assert distinct_names(plain) == ["same (same.csv)", "same (same.csv) 2"]
    assert {one.title, two.title, three.title} == {"x", "y", "z"}


@pytest.mark.parametrize("names", [("a",), ("a", "a"), ("a", "")])
def test_names_that_do_not_fit_are_refused(tmp_path, names):
    with pytest.raises(ConfigError, match="--names"):
        compare([many(tmp_path, 1), many(tmp_path, 2)], CompareOptions(names=names))


def test_an_untrained_head_is_the_first_warning_and_named(tmp_path):
    found = compare([run(tmp_path / "a", FRAMES), run(tmp_path / "b", FRAMES, head="untrained")])
    assert found.warnings[0].text.startswith("b: UNTRAINED")
    assert not any("a: UNTRAINED" in notice.text for notice in found.warnings)


def test_what_holds_for_all_is_said_once(tmp_path):
    found = compare([many(tmp_path, 1, size=30), many(tmp_path, 2, size=30)])
    assert sum("under 20" in notice.text for notice in found.warnings) == 2  # of reals, of fakes


def test_a_small_share_and_twins_are_warned_of(tmp_path):
    one = many(tmp_path, 1)
    twin = csv(tmp_path, "\n".join(one.path.read_text().splitlines()[:31]))
    warnings = [each.text for each in compare([one, twin], CompareOptions(names=("one", "twin"))).warnings]
    assert "only 30 of the 80 frames of one are compared" in warnings
    assert any(text.startswith("one and twin give the same score") for text in warnings)
    assert not any("twin are compared" in text for text in warnings)
