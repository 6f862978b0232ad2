"""DeepfakeBench's figures to the last digit, its defects beside the right values, and why the two differ."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import auc, average_precision_score, roc_curve

from deepfakebench_ext.host.checkout import find_checkout
from deepfakebench_ext.metrics.host_figures import differences, folder_name, host_figures
from deepfakebench_ext.metrics.ranking import binary_figures


def arrays(labels, scores):
    return np.array(labels, dtype=np.int64), np.array(scores, dtype=np.float64)


def figures_by_video(labels, scores, videos):
    """Ours: a video is one (folder, label), its score the mean."""
    grouped: dict = {}
    for label, score, video in zip(labels, scores, videos, strict=True):
        grouped.setdefault((video, label), []).append(score)
    return binary_figures(
        np.array([label for _, label in grouped]), np.array([np.mean(s) for s in grouped.values()]), level="video"
    )


def value(host, name):
    return host.figures[name].value


# --- the four defects, each with the wrong value beside the right one ------------------------------------------------


def four_methods():
    """140 reals, and 4 methods that made a fake of each of 140 pairs. One method fools the detector, three do not."""
    rng = np.random.default_rng(7)
    reals = [(0, score, f"{n:03}", f"{n:03}") for n, score in enumerate(rng.normal(0.4, 0.1, 140))]
    fakes = [
        (1, score, f"{n:03}_{n + 1:03}", f"{method}/{n:03}_{n + 1:03}")
        for method, centre in (("DF", 0.7), ("F2F", 0.6), ("FS", 0.55), ("NT", 0.35))
        for n, score in enumerate(rng.normal(centre, 0.1, 140))
    ]
    return [*reals, *fakes]


def test_methods_that_share_folder_names_are_videos_of_their_own_here():
    labels, scores, folders, videos = zip(*four_methods(), strict=True)
    labels, scores = arrays(labels, np.clip(scores, 0, 1))
    host = host_figures(labels, scores, folders, clips=False)
    ours = figures_by_video(labels, scores, videos)
    assert (host.groups, len(set(videos)), host.mixed_groups) == (280, 700, 0)
    assert value(host, "video_auc") > 0.93  # 140 means of four methods, above almost every real
    assert ours["video_auc"].value < 0.82  # what 560 videos are worth
    frames = binary_figures(labels, scores, level="frame")
    line = differences(frames | ours, host, videos=700)["video_auc"]
    assert "it tells videos apart by their folder's name alone, and made 280 of 700" in line
    assert f"{value(host, 'video_auc'):.4f}" in line
    assert f"{ours['video_auc'].value:.4f}" in line


def test_a_real_and_a_fake_folder_of_one_name_are_two_videos_here():
    labels, scores = arrays([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])
    folders = ["0001", "0002", "0001", "0003"]
    host = host_figures(labels, scores, folders, clips=False)
    assert value(host, "video_auc") == 1.0  # of three groups: the fake 0001 is part of a real
    assert (host.groups, host.mixed_groups) == (3, 1)
    labels, scores = arrays([0, 0, 1, 1], [0.1, 0.2, 0.9, 0.5])
    host = host_figures(labels, scores, ["a", "b", "a", "c"], clips=False)
    ours = figures_by_video(labels, scores, ["a", "b", "a", "c"])
    assert value(host, "video_auc") == 0.75  # (0.1 + 0.9) / 2 ties with the fake c
    assert ours["video_auc"].value == 1.0
    (line,) = differences(binary_figures(labels, scores, level="frame") | ours, host, videos=4).values()
    assert "1 of its groups hold real and fake frames and count as real" in line


def test_a_perfect_detector_is_perfect_here_where_deepfakebench_stops():
    labels, scores = arrays([0, 1], [0.1, 0.9])
    host = host_figures(labels, scores, ["0001", "0001"], clips=False)
    ours = figures_by_video(labels, scores, ["0001", "0001"])
    assert ours["video_auc"].value == 1.0
    assert value(host, "video_auc") is None
    reason = host.figures["video_auc"].reason
    assert reason.startswith("all 1 groups by folder name count as real; 1 of its groups hold real and fake frames")
    (line,) = differences(binary_figures(labels, scores, level="frame") | ours, host, videos=2).values()
    assert line.startswith("DeepfakeBench's video_auc is undefined, video_auc 1.0000: all 1 groups")


def test_the_auc_of_clips_is_not_called_that_of_videos_here():
    labels, scores = arrays([0, 0, 0, 1, 1, 1], [0.3, 0.1, 0.1, 0.2, 0.8, 0.8])
    videos = ["a", "a", "a", "b", "b", "b"]
    host = host_figures(labels, scores, videos, clips=True)
    ours = {**binary_figures(labels, scores, level="clip"), **figures_by_video(labels, scores, videos)}
    assert value(host, "video_auc") == value(host, "auc") == pytest.approx(8 / 9)
    assert ours["video_auc"].value == 1.0
    lines = [*differences(ours, host, videos=2).values()]
    assert any("it calls the AUC of clips so" in line for line in lines)


def test_the_equal_error_rate_lies_on_the_lines_between_the_points_here():
    labels, scores = arrays([0, 0, 1, 1], [0, 0, 1, 0])
    host = host_figures(labels, scores, ["a", "b", "c", "d"], clips=False)
    ours = {**binary_figures(labels, scores, level="frame"), **figures_by_video(labels, scores, "abcd")}
    assert value(host, "eer") == 0.0
    assert ours["frame_eer"].value == pytest.approx(1 / 3)
    (line,) = differences(ours, host, videos=4).values()
    assert line == (
        "DeepfakeBench's eer is 0.0000, frame_eer 0.3333: it takes the ROC corner nearest to FPR = FNR "
        "and does not interpolate"
    )


# --- its other rules ------------------------------------------------------------------------------------------------


def test_figures_that_agree_need_no_words():
    labels, scores = arrays([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])
    host = host_figures(labels, scores, list("abcd"), clips=False)
    ours = {**binary_figures(labels, scores, level="frame"), **figures_by_video(labels, scores, "abcd")}
    assert differences(ours, host, videos=4) == {}


def test_another_aggregation_is_given_as_the_cause():
    labels, scores = arrays([0, 0, 0, 1, 1], [0.0, 0.0, 0.9, 0.5, 0.5])
    host = host_figures(labels, scores, list("aaabb"), clips=False)
    ours = binary_figures(labels, scores, level="frame") | binary_figures(*arrays([0, 1], [0.9, 0.5]), level="video")
    assert value(host, "video_auc") == 1.0
    lines = [*differences(ours, host, videos=2, aggregation="max").values()]
    assert "it averages the scores of a video, which max does not" in lines[-1]


def test_frames_that_belong_to_no_video_have_no_counterpart_of_its_video_auc():
    labels, scores = arrays([0, 1], [0.1, 0.9])
    host = host_figures(labels, scores, ["a", "b"], clips=False)
    lines = [*differences(binary_figures(labels, scores, level="frame"), host, videos=0).values()]
    assert lines == ["DeepfakeBench's video_auc is 1.0000, video_auc undefined: there is no video_auc here"]


def test_single_precision_scores_are_averaged_by_their_shortest_decimals():
    scores = np.array([0.1, 0.2, 0.15, 0.7], dtype=np.float32)
    host = host_figures(np.array([0, 0, 1, 1]), scores, ["a", "a", "b", "c"], clips=False)
    # (0.1 + 0.2) / 2 is above 0.15 in doubles, as the host adds it up, so fake b loses to real a.
    assert value(host, "video_auc") == 0.5


def test_one_class_leaves_only_its_accuracy_and_the_reason():
    host = host_figures(*arrays([1, 1], [0.9, 0.2]), ["a", "b"], clips=False)
    assert value(host, "acc") == 0.5
    for name in ("auc", "eer", "ap", "video_auc"):
        assert value(host, name) is None
        assert "DeepfakeBench stops with an error here" in host.figures[name].reason
    assert host.figures["video_auc"].reason.startswith("all 2 groups by folder name count as fake")


def test_no_samples_leave_it_without_figures():
    host = host_figures(*arrays([], []), [], clips=False)
    assert {figure.value for figure in host.figures.values()} == {None}


@pytest.mark.parametrize(
    ("path", "folder"),
    [("a/b/000_003/1.png", "000_003"), (r"a\b\000_003\1.png", "000_003"), (r"x/y\z\1.png", "z"), ("v/1.png", "v")],
)
def test_a_video_is_known_by_the_folder_of_its_frame(path, folder):
    assert folder_name(path) == folder


def test_a_frame_without_a_folder_is_refused():
    with pytest.raises(ValueError, match=r"'1\.png' has no folder"):
        folder_name("1.png")


@pytest.mark.parametrize(
    ("scores", "folders", "message"),
    [
        (np.array([0.1, np.nan]), ["a", "b"], r"scores\[1\] is nan"),
        (np.array([0.1, 0.9]), ["a"], "2 labels but 1 folders"),
        (np.array([0.1, 0.9], dtype=np.float16), ["a", "b"], "scores must be float32 or float64, got float16"),
    ],
)
def test_scores_that_no_figure_is_made_from_are_refused(scores, folders, message):
    with pytest.raises(ValueError, match=message):
        host_figures(np.array([0, 1]), scores, folders, clips=False)


# --- against the real one -------------------------------------------------------------------------------------------

REAL = """
import importlib.util, json, sys
import numpy as np
spec = importlib.util.spec_from_file_location("host_metrics", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
results = []
for case in json.load(sys.stdin):
    scores = np.array(case["scores"]).astype(case["dtype"])
    paths = [[path] for path in case["paths"]] if case["clips"] else tuple(case["paths"])
    got = module.get_test_metrics(scores, np.array(case["labels"]), paths)
    results.append({name: float(got[name]) for name in ("acc", "auc", "eer", "ap", "video_auc")})
print(json.dumps(results))
"""


def cases():
    rng = np.random.default_rng(3)
    for dtype in ("float32", "float64"):
        for clips in (False, True):
            for digits in (1, 2, 9):  # many ties, some, none
                for size in (12, 400):
                    labels = np.concatenate([[0, 1], rng.integers(0, 2, size)])
                    scores = np.round(rng.random(size + 2).astype(dtype), digits)
                    videos = rng.integers(0, size // 4, size + 2)
                    paths = [
                        f"x/{label * (video % 3 > 0)}_{video}/f.png"
                        for label, video in zip(labels, videos, strict=True)
                    ]
                    paths[0], paths[1] = r"a\only_real\1.png", r"a\only_fake\1.png"
                    yield {
                        "labels": labels.tolist(),
                        "scores": scores.astype(float).tolist(),
                        "dtype": dtype,
                        "clips": clips,
                        "paths": paths,
                    }


@pytest.mark.host
def test_every_figure_equals_that_of_the_real_script():
    root = find_checkout()
    if root is None:
        pytest.skip("no DeepfakeBench checkout: set DEEPFAKEBENCH_ROOT or put one at vendors/DeepfakeBench")
    given = list(cases())
    done = subprocess.run(
        [
            os.environ.get("DFB_EXT_HOST_PYTHON", sys.executable),
            "-c",
            REAL,
            str(root / "training/metrics/utils.py"),
        ],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    mixed = 0
    for case, expected in zip(given, json.loads(done.stdout), strict=True):
        scores = np.array(case["scores"]).astype(case["dtype"])
        folders = [folder_name(path) for path in case["paths"]]
        host = host_figures(np.array(case["labels"]), scores, folders, clips=case["clips"])
        assert {name: value(host, name) for name in expected} == expected
        mixed += host.mixed_groups
    assert mixed > 0


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 12)), min_size=2, max_size=40))
@settings(max_examples=60, deadline=None)
def test_figures_are_those_of_scikit_learn_to_the_last_bit(samples):
    labels, scores = arrays([label for label, _ in samples], [score / 13 for _, score in samples])
    assume(0 < labels.sum() < len(labels))
    host = host_figures(labels, scores, np.zeros(len(labels), np.int64), clips=True)
    false_rates, true_rates, _ = roc_curve(labels, scores)
    assert value(host, "auc") == auc(false_rates, true_rates)
    assert value(host, "ap") == average_precision_score(labels, scores)
    assert value(host, "eer") == false_rates[np.argmin(np.abs(1 - true_rates - false_rates))]
