"""Samples that belong together stay on one side of calibration and gate, however they were given."""

from __future__ import annotations

import shutil

import pytest
import tiny

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.data.samples.folders import collect_samples
from deepfakebench_ext.exporting.apart import check_disjoint, split, together


def films(folder, names, frames=3):
    for seed, name in enumerate(names):
        for number in range(frames):
            tiny.photo(folder / name / f"{number:03d}.png", seed=100 * seed + number)
    return collect_samples(folder, kind="either")


def videos(samples):
    return {sample.key.rsplit("/", 1)[0] for sample in samples}


def test_one_set_is_split_by_label_and_content(tmp_path):
    tiny.photos(tmp_path, 6)
    (tmp_path / "real/copy.png").write_bytes((tmp_path / "real/000.png").read_bytes())
    samples = collect_samples(tmp_path, kind="image")
    halves = split(samples)
    assert sorted(len(half) for half in halves) == [6, 7]
    assert len({(each.key, each.label) for half in halves for each in half}) == 13
    check_disjoint(*halves)
    with pytest.raises(ConfigError, match=r"--gate_on has 1 samples of --calibrate_on.*real/copy.png \(there real/000"):
        check_disjoint(
            [each for each in samples if each.key.endswith("real/000.png")],
            [each for each in samples if each.key.endswith("copy.png")],
        )


def test_frames_in_folders_are_of_one_video(tmp_path):
    samples = films(tmp_path, ["real/a", "real/b", "real/c", "fake/d", "fake/e", "fake/f"])
    one, other = split(samples)
    assert not videos(one) & videos(other)
    assert {len(one), len(other)} == {6, 12}
    assert len(set(together(samples))) == 6
    with pytest.raises(ConfigError, match=r"has 9 samples of --calibrate_on or of its videos"):
        check_disjoint(samples[::2], samples[1::2])


def test_a_folder_that_is_all_there_is_of_a_label_is_no_video(tmp_path):
    samples = films(tmp_path, ["real/celebrities", "fake/drawn"], frames=8)
    assert len(set(together(samples))) == 16
    assert [len(half) for half in split(samples)] == [8, 8]


def test_a_video_of_copies_of_anothers_frames_is_with_it(tmp_path):
    films(tmp_path, ["real/a", "real/b", "fake/d", "fake/e"])
    shutil.copytree(tmp_path / "real/a", tmp_path / "real/again")
    groups = together(collect_samples(tmp_path, kind="either"))
    assert len(set(groups)) == 4
    groups = together(collect_samples(tmp_path, kind="video"))
    assert len(groups) == 5
    assert len(set(groups)) == 4


def test_videos_of_a_manifest_are_told_by_their_name_and_dataset(tmp_path):
    from deepfakebench_ext.data.samples.manifest import read_manifest

    tiny.photos(tmp_path, 4)
    lines = [f"{label}/{number:03d}.png,{label},v{number // 2},d" for label in ("real", "fake") for number in range(4)]
    (tmp_path / "m.csv").write_text("\n".join(["path,label,video,dataset", *lines]))
    samples = read_manifest(tmp_path / "m.csv", kind="image")
    assert len(set(together(samples))) == 2
    with pytest.raises(ConfigError, match="told apart by a manifest's column dataset"):
        check_disjoint(samples[:1], samples[1:2])
    check_disjoint(samples[:2], samples[2:4])
