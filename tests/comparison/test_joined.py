"""Samples of several runs beside each other: each once, by its identity, with nothing of this machine in its name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.comparison.joined import join, published, without_folders
from deepfakebench_ext.report.scores.score_files import ScoreFile, read_scores

HEADER = "key,label,score,status,method,dataset"


def file(folder: Path, name: str, *rows: str, header: str = HEADER) -> ScoreFile:
    (folder / name).write_text("\n".join([header, *rows]) + "\n")
    return read_scores(folder / name)


def test_what_only_one_run_has_or_could_score_is_there_too(tmp_path):
    one = file(tmp_path, "one.csv", "a,0,0.1,ok,,X", "b,1,,no_face,DF,X", "c,1,0.7,ok,DF,X")
    two = file(tmp_path, "two.csv", "c,1,0.2,ok,DF,X", "d,0,0.9,ok,,X", "a,0,0.3,ok,,X")
    joined = join([one, two])
    assert joined.names == ("a", "b", "c", "d")
    assert joined.labels.tolist() == [0, 1, 1, 0]
    assert np.nan_to_num(joined.scores, nan=-1).tolist() == [[0.1, -1, 0.7, -1], [0.3, -1, 0.2, 0.9]]
    statuses = [[column.text(row) for row in range(4)] for column in joined.statuses]
    assert statuses == [["ok", "no_face", "ok", ""], ["ok", "", "ok", "ok"]]
    assert [joined.groups["method"].text(row) for row in range(4)] == ["", "DF", "DF", ""]


def test_a_label_that_one_run_has_is_that_of_all(tmp_path):
    one = file(tmp_path, "one.csv", "a,,0.1,ok,,", "b,1,0.1,ok,,")
    two = file(tmp_path, "two.csv", "a,0,0.2,ok,,", "c,,0.2,ok,,")
    assert join([one, two]).labels.tolist() == [0, 1, -1]


def test_a_run_with_an_untrained_head_is_marked(tmp_path):
    header = "key,label,score,head"
    one = file(tmp_path, "one.csv", "a,0,0.1,untrained", header=header)
    two = file(tmp_path, "two.csv", "a,0,0.2,trained", header=header)
    assert join([one, two]).runs == ("one (UNTRAINED)", "two")
    assert join([one, two], names=("mine", "theirs")).runs == ("mine (UNTRAINED)", "theirs")


def test_one_run_alone_keeps_its_keys(tmp_path):
    assert join([file(tmp_path, "one.csv", "x/a,0,0.1,ok,,", "b,1,0.2,ok,,")]).names == ("x/a", "b")


def test_of_a_video_the_frame_that_tells_most_is_looked_at(tmp_path):
    header = "key,path,label,index,frame,score,status,video,dataset,method,head"
    frames = [f"v{v}.mp4,v{v}.mp4,{v},{n},{10 * n},{score},ok,,,,trained" for v, n, score in
              ((0, 0, 0.2), (0, 1, 0.8), (1, 0, 0.6), (1, 1, 0.3))]  # fmt: skip
    joined = join([file(tmp_path, "scores.csv", *frames, header=header)])
    assert (joined.level, joined.names) == ("video", ("v0.mp4", "v1.mp4"))
    assert [seen.frame for (seen,) in joined.looks()] == [10, 10]
    assert len(join([read_scores(tmp_path / "scores.csv")], level="frame")) == 4


def test_runs_over_the_same_files_under_other_names_meet(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    header = "key,path,label,score"
    one = file(tmp_path, "one.csv", f"a.png,{tmp_path}/a.png,0,0.1", header=header)
    two = file(tmp_path, "two.csv", f"photos/a.png,{tmp_path}/a.png,0,0.2", header=header)
    joined = join([one, two])
    assert (joined.names, joined.scores.tolist()) == (("a.png",), [[0.1], [0.2]])


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["/home/me/data/real/1.png", "/home/me/data/fake/2.png"], ["real/1.png", "fake/2.png"]),
        (["/home/me/1.png", "/mnt/x/2.png", "real/3.png"], ["me/1.png", "x/2.png", "real/3.png"]),
        (["C:\\data\\real\\1.png", "C:\\data\\fake\\2.png"], ["real/1.png", "fake/2.png"]),
        (["/data/1.png"], ["1.png"]),
        (["real/1.png", "../2.png"], ["real/1.png", "../2.png"]),
    ],
)
def test_names_have_no_folder_of_this_machine(names, shown):
    assert published(names) == shown


def test_a_run_is_called_without_its_folders():
    assert [without_folders(name) for name in ("/home/me/w/best.pth", "org/vit", "~/x/y/w.pth")] == [
        "w/best.pth", "org/vit", "y/w.pth",
    ]  # fmt: skip


def test_a_run_given_twice_is_refused(tmp_path):
    one = file(tmp_path, "one.csv", "a,0,0.1,ok,,")
    with pytest.raises(ConfigError, match="given twice"):
        join([one, one])
