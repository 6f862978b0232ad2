from pathlib import Path

import pytest

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import FAKE, REAL
from deepfakebench_ext.data.samples.folder_labels import label_above, label_of


@pytest.mark.parametrize(
    ("directories", "label"),
    [
        ("real", REAL),
        ("Celeb-real/frames/id0_0000", REAL),
        ("YouTube-real", REAL),
        ("original_sequences/youtube/c23/frames/000", REAL),
        ("manipulated_sequences/Deepfakes/c23/frames/000_003", FAKE),
        ("manipulated_sequences/DeepFakeDetection/c23", FAKE),
        ("Celeb-synthesis/id0_id1_0000", FAKE),
        ("DeepFakes", FAKE),
        ("real_vs_fake/real-vs-fake/train/fake", FAKE),
        ("surreal", None),
        ("train/00000", None),
        ("imagenet_ai_0419_sdv4/val/nature", REAL),
        ("imagenet_ai_0419_sdv4/val/ai", FAKE),
        ("ADM/imagenet_ai_0508_adm/train/nature/0", REAL),
        ("fake_or_not_dataset/0_real", REAL),
        ("RealVideo-RealAudio/African/men/id00076", REAL),
        ("FakeVideo-FakeAudio/African", FAKE),
        ("FakeVideo-RealAudio/African", None),
        ("RealVideo-FakeAudio", None),
        ("DF/000_003", FAKE),
        ("F2F", FAKE),
        ("FS/c23/videos", FAKE),
        ("NT_c40", FAKE),
        ("FSh/frames", FAKE),
        ("FF-DF/c23", FAKE),
        ("FF-SH", FAKE),
        ("FF-FH_raw", FAKE),
        ("FF-real", REAL),
        ("DF/real", REAL),  # DeeperForensics is called DF as well
        ("df", None),
        ("DFD/frames", None),
        ("SH", None),
        ("", None),
    ],
)
def test_directories_decide_by_whole_words(directories, label):
    assert label_of(directories.split("/")) == label


@pytest.mark.parametrize(
    "directories",
    [
        "fake/real",
        "real/deepfakes/id0",
        "real_vs_fake/real/fake",
        "nature/ai_pictures",
        "my_real/my_fake",
        "ai/nature",
        "ai_pictures/real photos",
    ],
)
def test_directories_that_contradict_each_other_are_an_error_that_shows_the_path(directories):
    with pytest.raises(ConfigError, match=r"--manifest") as caught:
        label_of(directories.split("/"), root=Path("/data/set"))
    assert f"/data/set/{directories}" in str(caught.value)


@pytest.mark.parametrize("directories", ["real_vs_fake", "real_vs_fake/images", "fake/real_or_fake"])
def test_a_directory_of_both_kinds_in_which_none_decides_is_an_error(directories):
    with pytest.raises(ConfigError, match=r"claims both real and fake"):
        label_of(directories.split("/"))


@pytest.mark.parametrize(
    ("folder", "label"),
    [
        ("/data/real", ("real", REAL)),
        ("/data/fake/c23/frames/000/0", ("fake", FAKE)),
        ("/data/FF-DF/c23/frames", ("FF-DF", FAKE)),
        ("/data/real_videos/DF", ("real_videos", REAL)),
        ("/data/fake/c23/frames/000/0/1", None),  # six levels up is too far
        ("/data/deepfakes/real", ("real", REAL)),  # the innermost that speaks
        ("/data/DeepfakeBench/images", None),
        ("/data/fake/real_vs_fake/images", None),
        ("/data/real/../images", None),
        ("/", None),
    ],
)
def test_above_the_given_folder_the_innermost_of_five_decides_and_is_named(folder, label):
    assert label_above(Path(folder)) == label


def test_a_link_keeps_the_name_that_was_typed(tmp_path, monkeypatch):
    (tmp_path / "archive_7").mkdir()
    (tmp_path / "fake").symlink_to("archive_7")
    monkeypatch.chdir(tmp_path)
    assert label_above(Path("fake")) == ("fake", FAKE)


@pytest.mark.parametrize("generator", ["imagenet_ai_0419_sdv4", "imagenet_ai_0508_adm", "ai-generated_v1"])
@pytest.mark.parametrize(("name", "label"), [("nature", 0), ("ai", 1), ("0_real", 0), ("1_fake", 1), ("not_fake", 0)])
def test_a_directory_that_is_a_label_outweighs_words_within_names_above_it(generator, name, label):
    assert label_of([generator, "val", name]) == label
    assert label_of([generator, "val", name, "batch_2"]) == label


@pytest.mark.parametrize("directories", [["fake", "real"], ["nature", "imagenet_ai_0419"], ["1_fake", "real_photos"]])
def test_two_labels_and_a_label_above_words_still_contradict_each_other(directories):
    with pytest.raises(ConfigError, match="contradict each other"):
        label_of(directories)
