"""A split keeps everything of one source on one side, with both classes on both sides, by the seed alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.training.data.splits import Split, split_by_source


def image(key: str, label: int | None = None, **about: str) -> Sample:
    return Sample(key, Path("/data") / key, int("fake" in key) if label is None else label, **about)  # type: ignore[arg-type]


def film(key: str, **about: str) -> Sample:
    return image(key, **about)


def images(count: int = 10, per_video: int = 3) -> list[Sample]:
    """Frames of videos in folders."""
    return [
        image(f"{label}/{label[0]}{video}/{number}.png")
        for label in ("real", "fake")
        for video in range(count)
        for number in range(per_video)
    ]


def folders(samples: tuple[Sample, ...]) -> set[str]:
    return {sample.key.rsplit("/", 1)[0] for sample in samples}


def test_no_frames_of_one_video_are_on_both_sides() -> None:
    split = split_by_source(images(), 0.3, 0)
    assert not folders(split.train) & folders(split.val)
    assert split.sources == 20
    assert len(split.val) == 18
    assert split.note == ""


def test_the_split_is_stratified_complete_and_in_order() -> None:
    samples = [*images(20), *(image(f"fake/more{n}/0.png", dataset="E") for n in range(10))]
    split = split_by_source(samples, 0.1, 0)
    assert len(folders(split.val)) == 2 + 2 + 1
    assert sorted([*split.train, *split.val], key=samples.index) == samples
    for side in (split.train, split.val):
        assert list(side) == sorted(side, key=samples.index)
        assert {sample.label for sample in side} == {0, 1}


def test_the_seed_alone_decides() -> None:
    splits = [split_by_source(images(), 0.2, seed) for seed in (1, 1, 2)]
    assert splits[0] == splits[1]
    assert splits[0].val != splits[2].val
    backwards = split_by_source(images()[::-1], 0.2, 1)
    assert set(backwards.val) == set(splits[0].val)


def sides(split: Split) -> dict[str, str]:
    return {s.key: side for side, samples in (("train", split.train), ("val", split.val)) for s in samples}


def test_a_fake_stays_with_the_real_video_of_its_name() -> None:
    samples = [film(f"{label}/{number:02d}.mp4") for label in ("real", "fake/a", "fake/b") for number in range(12)]
    where = sides(split_by_source(samples, 0.25, 3))
    for number in range(12):
        assert len({where[f"{label}/{number:02d}.mp4"] for label in ("real", "fake/a", "fake/b")}) == 1
    assert list(where.values()).count("val") == 9


def test_a_fake_of_faceforensics_stays_with_both_videos_that_it_was_made_of() -> None:
    pairs = [(f"{2 * n:03d}", f"{2 * n + 1:03d}") for n in range(10)]
    samples = []
    for one, other in pairs:
        samples += [Sample(f"F/FF-real/{v}", Path("/f"), 0, dataset="F", frames=(f"{v}/0.png",)) for v in (one, other)]
        for name in (f"{one}_{other}", f"{other}_{one}"):
            samples += [
                Sample(f"{d}/x/{name}", Path("/f"), 1, dataset=d, frames=(f"{d}/{name}/0.png",)) for d in ("F", "G")
            ]
    split = split_by_source(samples, 0.2, 0)
    assert split.sources == 10
    where = sides(split)
    for one, other in pairs:
        names = [f"F/FF-real/{one}", f"F/FF-real/{other}", *(f"{d}/x/{one}_{other}" for d in "FG")]
        assert len({where[name] for name in names}) == 1


def test_a_manifest_says_what_belongs_together() -> None:
    samples = [
        image(f"{label}/{n}_{k}.png", dataset="D", video=f"{label}{n}")
        for label in ("real", "fake")
        for n in range(5)
        for k in range(2)
    ]
    split = split_by_source(samples, 0.2, 0)
    assert split.sources == 10
    assert {s.video for s in split.train}.isdisjoint({s.video for s in split.val})
    assert split.note == ""


def test_folders_of_kinds_are_no_video() -> None:
    samples = [
        image(f"{label}/{label}{n}/frames/{k}.png") for label in ("real", "fake") for n in range(4) for k in "ab"
    ]
    assert split_by_source(samples, 0.25, 0).sources == 8


def test_images_in_folders_of_their_class_are_taken_for_unrelated_with_a_note() -> None:
    samples = [image(f"{label}/{n}.png") for label in ("real", "fake") for n in range(10)]
    split = split_by_source(samples, 0.2, 0)
    assert split.sources == 20
    assert len(split.val) == 4
    assert "20 images" in split.note
    assert "column `video`" in split.note


def test_few_sources_still_give_both_sides_both_classes() -> None:
    split = split_by_source(images(count=2), 0.01, 0)
    assert len(folders(split.val)) == len(folders(split.train)) == 2
    split = split_by_source(images(count=2), 0.99, 0)
    assert len(folders(split.val)) == len(folders(split.train)) == 2


def test_sources_that_cannot_be_parted_are_refused_with_the_remedy() -> None:
    samples = [film(f"{label}/p{n}/video.mp4") for label in ("real", "fake") for n in range(5)]
    with pytest.raises(ConfigError, match=r"10 samples come from 1 sources.*column `video`"):
        split_by_source(samples, 0.2, 0)
    with pytest.raises(ConfigError, match="validation gets nothing REAL"):
        split_by_source([image("real/a/0.png"), *(image(f"fake/{n}/0.png") for n in range(9))], 0.2, 0)


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan")])
def test_a_share_is_between_nothing_and_everything(share: float) -> None:
    with pytest.raises(ConfigError, match="--val_share"):
        split_by_source(images(), share, 0)


@pytest.mark.parametrize("kind", ["frames", "Frames", "FRAMES", "c23", "C23"])
def test_a_folder_that_says_what_it_holds_is_no_video_in_any_spelling(kind: str) -> None:
    samples = [
        image(f"{label}/{label[0]}{video}/{kind}/{number}.png")
        for label in ("real", "fake")
        for video in range(6)
        for number in range(2)
    ]
    split = split_by_source(samples, 0.3, 0)
    assert split.sources == 12
    videos = [{sample.key.split("/")[1] for sample in side} for side in (split.train, split.val)]
    assert not videos[0] & videos[1]


def test_numbered_frames_are_a_video_whatever_words_their_folder_is_called_by() -> None:
    samples = [
        image(f"{label}/frames/vid{video}_{label}/{number:03d}.png")
        for label in ("real", "fake")
        for video in range(4)
        for number in range(7)
    ]
    split = split_by_source(samples, 0.1, 0)
    assert (split.sources, len(split.val), split.note) == (8, 14, "")
