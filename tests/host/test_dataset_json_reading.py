"""A dataset JSON is read as DeepfakeBench reads it, and what it cannot mean is said in words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import FAKE, REAL
from deepfakebench_ext.host.dataset_json_reading import dataset_videos, frame_number
from deepfakebench_ext.host.dataset_json_writing import ListedVideo, dataset_json


def video(label: str, *frames: str) -> dict[str, Any]:
    return {"label": label, "frames": list(frames) or ["DS/v/000.png"]}


def one(entry: object) -> dict[str, Any]:
    return {"DS": {"x": {"test": {"v": entry}}}}


# Of the form of the published ones: Celeb-DF-v1 and UADFV as they are, FaceForensics++ with compressions.
CELEB = {
    "Celeb-DF-v1": {
        "CelebDFv1_real": {
            "train": {"00000": video("CelebDFv1_real", "Celeb-DF-v1/YouTube-real/frames/00000/014.png")},
            "test": {
                "00040": video("CelebDFv1_real", *(f"Celeb-DF-v1/YouTube-real/frames/00040/{n}.png" for n in (14, 0))),
                "id0_0001": video("CelebDFv1_real", "Celeb-DF-v1/Celeb-real/frames/id0_0001/000.png"),
            },
            "val": {},
        },
        "CelebDFv1_fake": {
            "train": {},
            "test": {"id0_0001": video("CelebDFv1_fake", "Celeb-DF-v1/Celeb-synthesis/frames/id0_0001/007.png")},
            "val": {},
        },
    }
}


def levels(label: str) -> dict[str, Any]:
    return {"test": {level: {"000": video(label, f"FF/{level}/000/000.png")} for level in ("c23", "c40")}}


FF = {"FF-DF": {"FF-real": levels("FF-real"), "FF-DF": levels("FF-DF")}}


def read(document: object, name: str = "DS", **options: Any) -> list[tuple[str, str, int, tuple[str, ...]]]:
    return [(v.key, v.label_name, v.label, v.frames) for v in dataset_videos(name, document, **options)]


def error(document: object, name: str = "DS", **options: Any) -> str:
    with pytest.raises(ConfigError) as raised:
        dataset_videos(name, document, **options)
    return str(raised.value)


def test_the_split_is_read_with_labels_and_sorted_frames_and_equal_names_stay_apart() -> None:
    root = "Celeb-DF-v1"
    frames = (f"{root}/YouTube-real/frames/00040/0.png", f"{root}/YouTube-real/frames/00040/14.png")
    assert read(CELEB, "Celeb-DF-v1") == [
        ("CelebDFv1_real/00040", "CelebDFv1_real", REAL, frames),
        ("CelebDFv1_real/id0_0001", "CelebDFv1_real", REAL, (f"{root}/Celeb-real/frames/id0_0001/000.png",)),
        ("CelebDFv1_fake/id0_0001", "CelebDFv1_fake", FAKE, (f"{root}/Celeb-synthesis/frames/id0_0001/007.png",)),
    ]
    assert [key for key, *_ in read(CELEB, "Celeb-DF-v1", split="train")] == ["CelebDFv1_real/00000"]


def test_a_json_of_three_labels_and_absolute_paths_is_read() -> None:
    root = "/data/rgb/DFDCP"
    places = {"DFDCP_Real": "original_videos", "DFDCP_FakeA": "method_A", "DFDCP_FakeB": "method_B"}
    listed = {
        label: {"train": {}, "test": {"12_A": video(label, f"{root}/{place}/frames/12_A/0.png")}, "val": {}}
        for label, place in places.items()
    }
    found = read({"DFDCP": listed}, "DFDCP")
    assert [(key, label) for key, _, label, _ in found] == [
        ("DFDCP_Real/12_A", REAL), ("DFDCP_FakeA/12_A", FAKE), ("DFDCP_FakeB/12_A", FAKE),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "compression", "level"),
    [("FF-DF", "c23", "c23"), ("FF-DF", "c40", "c40"), ("FF-DF_c40", "c23", "c40")],
)
def test_the_compression_is_the_one_asked_for_and_c40_in_the_name_wins(name: str, compression: str, level: str) -> None:
    assert [frames for *_, frames in read(FF, name, compression=compression)] == [(f"FF/{level}/000/000.png",)] * 2


@pytest.mark.parametrize("name", ["DeepFakeDetection_c40", "DS_c40"])
def test_other_names_that_end_in_c40_are_only_names(name: str) -> None:
    assert read({name: {"x": {"test": {"v": video("FF-DF")}}}}, name)[0][:2] == ("x/v", "FF-DF")


def test_the_videos_own_label_decides_not_the_one_it_stands_under() -> None:
    document = {"DS": {"all": {"test": {"a": video("FF-real"), "b": video("FF-NT")}}}}
    assert [row[:3] for row in read(document)] == [("all/a", "FF-real", REAL), ("all/b", "FF-NT", FAKE)]


def test_the_detectors_label_dict_goes_first_and_kinds_of_fakes_are_fake() -> None:
    document = {
        "DS": {"x": {"test": {str(n): video(name) for n, name in enumerate(("mine", "FF-DF", "FF-NT", "FF-real"))}}}
    }
    labels = {"mine": 0, "FF-DF": 0, "FF-NT": 4}
    assert [row[2] for row in read(document, labels=labels)] == [REAL, REAL, FAKE, REAL]


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        (["DS\\v\\10.png", "DS\\v\\9.png"], ("DS\\v\\9.png", "DS\\v\\10.png")),
        (["./a.b/v/002.x.png", "./a.b/v/001.png"], ("./a.b/v/001.png", "./a.b/v/002.x.png")),
    ],
)
def test_frames_are_sorted_by_number_whatever_separates_folders(frames: list[str], expected: tuple[str, ...]) -> None:
    assert read({"DS": {"x": {"test": {"v": video("FF-DF", *frames)}}}})[0][3] == expected


def test_what_extraction_writes_is_read_back() -> None:
    text = dataset_json(
        "mine", [ListedVideo("a", REAL, ("./mine/a/0.png",)), ListedVideo("b", FAKE, ("./mine/b/0.png",))], ["test"]
    )
    assert [row[:3] for row in read(json.loads(text), "mine")] == [
        ("DF_fake/b", "DF_fake", 1),
        ("DF_real/a", "DF_real", 0),
    ]


@pytest.mark.parametrize(
    ("document", "options", "message"),
    [
        ({"Celeb": {}}, {}, "DS.json: its top has no 'DS'; there is Celeb"),
        ({"DS2": {}}, {}, "its top has no 'DS'; did you mean DS2? there is DS2"),
        ({}, {}, "there is nothing"),
        ([1], {}, "DS.json: its top holds [1], not an object"),
        ({"DS": {"x": {"train": {}, "val": {}}}}, {}, "DS > x has no 'test'; there is train, val"),
        ({"DS": {"x": {"test": {}}}}, {}, "DS.json lists no video for the split 'test'"),
        ({"DS": {}}, {}, "lists no video"),
        ({"DS": {"x": {"test": ["a"]}}}, {}, "DS > x > test holds ['a'], not an object"),
        (one(video("my_real")), {}, "write `label_dict: {my_real: 0}` for real, or 1 for fake"),
        (one(video("a")), {"labels": {"a": "real"}}, "label_dict: a is 'real'; it must be 0"),
        (one(video("a")), {"labels": {"a": -1}}, "label_dict: a is -1"),
        (
            {"DS": {"x": {"test": {"y/v": video("FF-DF")}}, "x/y": {"test": {"v": video("FF-DF")}}}},
            {},
            "two videos as x/y/v",
        ),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(document: object, options: dict[str, Any], message: str) -> None:
    said = error(document, **options)
    assert message in said
    assert said.startswith(("DS.json", "label_dict"))


@pytest.mark.parametrize(
    ("entry", "label", "fault"),
    [
        (["a"], None, " is ['a']; a video has a 'label' and 'frames'"),
        ({"label": "FF-DF"}, FAKE, " is {'label': 'FF-DF'}; a video has a 'label' and 'frames'"),
        ({"frames": ["a/1.png"]}, None, " is {'frames': ['a/1.png']}; a video has a 'label' and 'frames'"),
        ({"label": "FF-real", "frames": []}, REAL, " has no frames"),
        ({"label": "FF-DF", "frames": "a"}, FAKE, ": its frames are 'a', not a list of paths"),
        ({"label": "FF-DF", "frames": ["a/1.png", ""]}, FAKE, ": its frames are ['a/1.png', ''], not a list of paths"),
        ({"label": "FF-DF", "frames": ["a/1.png", 2]}, FAKE, ": its frames are ['a/1.png', 2], not a list of paths"),
    ],
)
def test_what_is_amiss_with_one_video_is_its_own_fault(entry: object, label: int | None, fault: str) -> None:
    document = {"DS": {"x": {"test": {"good": video("FF-DF", "v/1.png"), "v": entry}}}}
    good, bad = dataset_videos("DS", document)
    assert (good.frames, good.fault) == (("v/1.png",), "")
    begin = "DS.json: DS > x > test > v"
    unknown = f"{begin}: nobody says what the label 'x' means; write `label_dict: {{x: 0}}`"
    assert (bad.key, bad.label, bad.frames) == ("x/v", label, ())
    assert bad.fault == begin + fault if label is not None else bad.fault.startswith(unknown)


def test_a_video_that_is_alone_with_an_unknown_label_counts_to_its_class_and_is_not_used() -> None:
    document = {"DS": {"FF-real": {"test": {"a": video("FF-real"), "b": video("FF-reel")}}}}
    a, b = dataset_videos("DS", document)
    assert (a.label, a.fault) == (REAL, "")
    assert (b.label, b.label_name, b.frames) == (REAL, "FF-real", ()) and "what the label 'FF-reel' means" in b.fault


def test_frames_without_numbers_keep_the_order_of_the_json_and_make_no_clips() -> None:
    document = one(video("FF-DF", "a/2.png", "a/id0_0001.png", "a/1.png"))
    assert read(document)[0][3] == ("a/2.png", "a/id0_0001.png", "a/1.png")
    (of_clips,) = dataset_videos("DS", document, needs_order=True)
    assert of_clips.frames == () and "the frame 'a/id0_0001.png' has no number for a name" in of_clips.fault
    numbered = one(video("FF-DF", "a/10.png", "a/9.png"))
    assert dataset_videos("DS", numbered, needs_order=True)[0].frames == ("a/9.png", "a/10.png")


@pytest.mark.parametrize(
    "name", ["FaceForensics++", "FF-DF", "FF-F2F", "FF-FS", "FF-NT", "DeepFakeDetection", "FaceShifter"]
)
def test_these_seven_have_a_compression_below_the_split(name: str) -> None:
    document = {name: {"FF-DF": levels("FF-DF")}}
    assert [read(document, name, compression=level)[0][3] for level in ("c23", "c40")] == [
        ("FF/c23/000/000.png",),
        ("FF/c40/000/000.png",),
    ]
    with pytest.raises(ConfigError, match="give --compression c23"):
        dataset_videos(name, document, compression="raw")


@pytest.mark.parametrize("name", ["FaceForensics++", "FF-DF", "FF-F2F", "FF-FS", "FF-NT"])
def test_these_five_are_read_as_c40_where_their_name_ends_so(name: str) -> None:
    assert read({name: {"FF-DF": levels("FF-DF")}}, f"{name}_c40")[0][3] == ("FF/c40/000/000.png",)


def test_a_compression_that_is_not_there_is_named_with_those_that_are() -> None:
    said = error(FF, "FF-DF", compression="raw")
    assert said == "FF-DF.json: FF-DF > FF-real > test has no 'raw'; there is c23, c40; give --compression c23"


def test_long_lists_of_what_is_there_are_cut_short() -> None:
    said = error({f"DS-{number}": {} for number in range(999)})
    assert said.endswith(", ...")
    assert len(said) < 300


@pytest.mark.parametrize("frame", ["a/b/007.png", "a\\b\\7.jpg", "7.png", "a\\b/007.x.png"])
def test_a_frames_number_is_its_name_up_to_the_first_dot(frame: str) -> None:
    assert frame_number(frame) == 7
