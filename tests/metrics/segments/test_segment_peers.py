"""What other evaluators print, reproduced."""

import importlib.machinery
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from deepfakebench_ext.metrics.segments import activitynet, avdeepfake1m
from deepfakebench_ext.metrics.segments.avdeepfake1m import ListedVideo

CASES = 500


def package():
    """The compiled evaluator of the package `avdeepfake1m`, without what the package imports besides."""
    spec = importlib.util.find_spec("avdeepfake1m")
    if spec is None or spec.origin is None:
        pytest.skip("the package avdeepfake1m is not installed: pip install --no-deps avdeepfake1m")
    path = next(Path(spec.origin).parent.glob("_evaluation*.so"))
    loader = importlib.machinery.ExtensionFileLoader("_evaluation", str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("_evaluation", loader))
    loader.exec_module(module)
    return module


def random_files(rng):
    """Proposals and labels of a few videos, with ties, wide and narrow ones, and real videos among them."""
    proposals, labels = {}, []
    for number in range(rng.integers(1, 6)):
        true = [sorted(rng.choice(41, 2, replace=False) / 4) for _ in range(rng.integers(0, 4))]
        rows = []
        for _ in range(rng.integers(1, 61 if rng.random() < 0.1 else 8)):
            near = true and rng.random() < 0.6
            ends = true[rng.integers(len(true))] + rng.integers(-2, 3, 2) / 4 if near else rng.random(2) * 10
            start, end = sorted(ends)
            if start == end:
                end += 0.25
            rows.append([round(float(rng.random()), 1), float(start), float(end)])
        proposals[f"{number}.mp4"] = rows
        labels.append({"file": f"{number}.mp4", "fake_segments": [list(map(float, each)) for each in true]})
    return proposals, labels


def listed(proposals, labels):
    return [
        ListedVideo(
            np.array(proposals[each["file"]], np.float32).reshape(-1, 3),
            np.array(each["fake_segments"], np.float32).reshape(-1, 2),
        )
        for each in labels
    ]


def test_the_package_prints_the_same_on_random_files(tmp_path):
    module, rng = package(), np.random.default_rng(0)
    said, true = tmp_path / "said.json", tmp_path / "true.json"
    undefined = 0
    for _ in range(CASES):
        proposals, labels = random_files(rng)
        said.write_text(json.dumps(proposals))
        true.write_text(json.dumps(labels))
        videos = listed(proposals, labels)
        want = module.ap_ar_1d(
            str(said),
            str(true),
            "file",
            "fake_segments",
            1.0,
            list(avdeepfake1m.AP_THRESHOLDS),
            list(avdeepfake1m.AR_PROPOSALS),
            list(avdeepfake1m.AR_THRESHOLDS),
        )
        for threshold, printed in want["ap"].items():
            got = avdeepfake1m.average_precision(videos, threshold)
            undefined += got is None
            assert np.isnan(printed) if got is None else got == pytest.approx(printed, abs=1e-6)
        for count, printed in want["ar"].items():
            assert avdeepfake1m.average_recall(videos, count) == pytest.approx(printed, abs=1e-6)
    assert 0 < undefined < CASES


@pytest.mark.parametrize("count", [1, 2, 10])
def test_avdeepfake1m_leaves_out_the_area_that_the_highest_proposal_adds(count):
    rows = [[1 - place / 20, 2 * place, 2 * place + 1] for place in range(count)]
    video = ListedVideo(np.array(rows, np.float32), np.array(rows, np.float32)[:, 1:])
    assert avdeepfake1m.average_precision([video], 0.95) == pytest.approx(1 - 1 / count)


def test_avdeepfake1m_takes_the_first_of_the_file_and_not_the_highest():
    labels = np.array([[0, 4], [6, 8]], np.float32)
    rows = np.array([[0.1, 0, 4], [0.9, 0, 4], [0.5, 6, 8]], np.float32)
    # The hit on the first stretch is the row of score 0.1: false alarm, hit, hit, of precisions 0, 1/2, 2/3.
    assert avdeepfake1m.average_precision([ListedVideo(rows, labels)], 0.5) == pytest.approx(2 / 3)
    # Here it is the row of score 0.9: hit, hit, false alarm, and the area that the first adds is left out.
    assert avdeepfake1m.average_precision([ListedVideo(rows[[1, 0, 2]], labels)], 0.5) == pytest.approx(0.5)


def test_avdeepfake1m_wants_more_than_the_threshold():
    rows, labels = np.array([[0.9, 0, 2], [0.8, 4, 6]], np.float32), np.array([[0, 1], [4, 5]], np.float32)
    assert avdeepfake1m.average_precision([ListedVideo(rows, labels)], 0.5) == 0
    assert avdeepfake1m.average_precision([ListedVideo(rows, labels)], 0.49) == pytest.approx(0.5)


def test_avdeepfake1m_recalls_several_stretches_by_one_proposal_and_forgets_videos_without():
    wide = ListedVideo(np.array([[0.5, 0, 4]], np.float32), np.array([[0, 3.9], [0.1, 4]], np.float32))
    silent = ListedVideo(np.zeros((0, 3), np.float32), np.array([[0, 1]], np.float32))
    assert avdeepfake1m.average_recall([wide, silent], 5) == 1.0
    assert avdeepfake1m.average_recall([silent], 5) == 0.0
    assert avdeepfake1m.average_precision([silent], 0.5) == 0.0


def test_avdeepfake1m_without_a_true_stretch_has_no_ap():
    real = ListedVideo(np.array([[0.5, 0, 4]], np.float32), np.zeros((0, 2), np.float32))
    assert avdeepfake1m.average_precision([real], 0.5) is None
    assert avdeepfake1m.average_recall([real], 5) == 0.0


def rows(*listed_rows):
    return np.array(listed_rows, np.float64).reshape(-1, 3)


def stretches(*ends):
    return np.array(ends, np.float64).reshape(-1, 2)


def activitynet_by_hand(proposals, labels, threshold):
    """Proposal by proposal, in plain Python."""
    flat = [(float(row[0]), video, row[1], row[2]) for video, listed_ in proposals.items() for row in listed_]
    order = np.argsort([each[0] for each in flat])[::-1]
    taken, hits = set(), []
    for place in order:
        _, video, start, end = flat[place]
        overlap = []
        for true_start, true_end in labels.get(video, []):
            both = max(0.0, min(end, true_end) - max(start, true_start))
            overlap.append(both / ((true_end - true_start) + (end - start) - both))
        hit = False
        for label in np.argsort(overlap)[::-1] if overlap else []:
            if overlap[label] >= threshold and (video, label) not in taken:
                taken.add((video, label))
                hit = True
                break
        hits.append(hit)
    true = sum(map(len, labels.values()))
    points = [(sum(hits[: n + 1]) / true, sum(hits[: n + 1]) / (n + 1)) for n in range(len(hits))]
    area, before = 0.0, 0.0
    for place, (recall, _) in enumerate(points):
        area += (recall - before) * max(precision for _, precision in points[place:])
        before = recall
    return area


def test_activitynet_is_the_one_added_up_by_hand_on_random_files():
    rng = np.random.default_rng(1)
    compared = 0
    for _ in range(CASES):
        proposals, labels = random_files(rng)
        said = {video: rows(*listed_) for video, listed_ in proposals.items()}
        true = {each["file"]: stretches(*each["fake_segments"]) for each in labels}
        for threshold in activitynet.THRESHOLDS:
            got = activitynet.average_precision(said, true, threshold)
            assert (got is None) == (not any(map(len, true.values())))
            if got is not None:
                compared += 1
                assert got == pytest.approx(activitynet_by_hand(said, true, threshold), abs=1e-12)
    assert compared > CASES


def test_the_overlaps_are_those_that_the_benchmarks_name():
    assert activitynet.THRESHOLDS == (0.5, 0.75, 0.95)  # eval_detection.py of ActivityNet, AV-Deepfake1M's paper
    assert pytest.approx(np.linspace(0.5, 0.95, 10)) == activitynet.MEAN_THRESHOLDS


def test_activitynet_counts_the_area_from_recall_0_and_an_overlap_of_the_threshold():
    said, true = {"a": rows([0.9, 0, 2])}, {"a": stretches([0, 1])}
    assert activitynet.average_precision(said, true, 0.5) == 1.0
    assert activitynet.mean_average_precision(said, true) == pytest.approx(0.1)


def test_activitynet_counts_false_alarms_of_unknown_videos_and_misses_of_silent_ones():
    said = {"unknown": rows([0.95, 0, 1]), "a": rows([0.9, 0, 1])}
    assert activitynet.average_precision(said, {"a": stretches([0, 1])}, 0.5) == 0.5
    true = {"a": stretches([0, 1]), "silent": stretches([0, 1])}
    assert activitynet.average_precision({"a": said["a"]}, true, 0.5) == 0.5


def test_activitynet_without_a_true_stretch_has_no_ap():
    assert activitynet.average_precision({"a": rows([0.5, 0, 1])}, {"a": stretches()}, 0.5) is None
    assert activitynet.mean_average_precision({}, {}) is None
    assert activitynet.average_precision({}, {"a": stretches([0, 1])}, 0.5) == 0.0
