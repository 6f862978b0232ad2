"""`--test_dataset` as a user gives it: DeepfakeBench's datasets through the evaluator and through `bench`."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import stored
import tiny
import torch
import yaml
from made_host import make_host

from deepfakebench_ext.cli.bench import bench
from deepfakebench_ext.cli.evaluate import evaluate
from deepfakebench_ext.cli.main import run
from deepfakebench_ext.engine.dataset_inputs import HostData
from deepfakebench_ext.evaluation.bench import Entry, row_names
from deepfakebench_ext.models.config import load_config
from deepfakebench_ext.models.export.hub_folder import write_pth
from deepfakebench_ext.models.loading import load_detector
from deepfakebench_ext.models.stored_thresholds import StoredThreshold

Result = tuple[int, str, str]
Command = Callable[..., Result]
DATA = ("--test_dataset", stored.DATASET, "--dataset_json_folder", "json", "--rgb_dir", "rgb")
CLIP = ("--detector_config", "clip.yaml", "--weights", "w.pth", "--dtype", "float32", "--device", "cpu")
FRAMES = 23


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEEPFAKEBENCH_ROOT", raising=False)
    stored.write_images(tmp_path / "rgb")
    stored.write_json(tmp_path / "json", "./datasets/rgb/")
    for name, config in (("clip", tiny.CLIP_YAML), ("mae", tiny.VIDEOMAE_YAML)):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(config))
    torch.save(tiny.clip_detector_state(), tmp_path / "w.pth")
    torch.save(tiny.videomae_detector_state(), tmp_path / "v.pth")


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `evaluate` or `bench` in this process; gives exit code, stdout, stderr."""

    def _run(verb: Callable[..., object], *arguments: object) -> Result:
        with pytest.raises(SystemExit) as exit_:
            run(lambda: verb([str(argument) for argument in arguments]))
            sys.exit(0)
        out, err = capsys.readouterr()
        return int(exit_.value.code or 0), out, err

    return _run


def rows(folder: Path, name: str = "scores.csv") -> list[dict[str, str]]:
    with (folder / name).open(newline="") as file:
        return list(csv.DictReader(file))


def only_run(folder: Path, prefix: str = "") -> Path:
    (found,) = (path for path in folder.glob(f"{prefix}*") if path.is_dir())
    return found


def test_a_dataset_is_scored_with_videos_that_bear_one_name_kept_apart(command: Command, tmp_path: Path) -> None:
    code, out, err = command(evaluate, *CLIP, *DATA)
    assert code == 0, err
    assert out.startswith("dataset: Celeb-DF-v1\n")
    assert "23 of 23 frames scored; true labels: 15 real, 8 fake" in out
    assert "4 of 4 videos scored; true labels: 2 real, 2 fake" in out
    videos = rows(only_run(tmp_path / "inference_results"), "videos.csv")
    assert sorted((v["key"], v["label"], v["units_scored"]) for v in videos) == [
        ("Celeb-DF-v1/CelebDFv1_fake/b", "1", "3"),
        ("Celeb-DF-v1/CelebDFv1_fake/same", "1", "5"),
        ("Celeb-DF-v1/CelebDFv1_real/a", "0", "10"),
        ("Celeb-DF-v1/CelebDFv1_real/same", "0", "5"),
    ]


def test_the_hosts_own_video_auc_is_said_where_it_is_another(command: Command, tmp_path: Path) -> None:
    """The only fake lies in a folder of the name of a real one, and its script takes both for one real video."""
    content = json.loads((tmp_path / "json/Celeb-DF-v1.json").read_text())
    del content["Celeb-DF-v1"]["CelebDFv1_fake"]["test"]["b"]
    (tmp_path / "json/Celeb-DF-v1.json").write_text(json.dumps(content))
    _, out, _ = command(evaluate, *CLIP, *DATA)
    line = next(
        line for line in out.splitlines() if line.startswith("DeepfakeBench's video_auc is undefined, video_auc")
    )
    assert "all 2 groups by folder name count as real; 1 of its groups hold real and fake frames" in line
    _, table, _ = command(bench, *BENCH[:2], *DATA, *CLIP[4:])
    assert f"- clip on Celeb-DF-v1: {line}" in table.splitlines()


def test_where_the_two_agree_the_hosts_video_auc_is_not_said(command: Command, tmp_path: Path) -> None:
    content = json.loads((tmp_path / "json/Celeb-DF-v1.json").read_text())
    del content["Celeb-DF-v1"]["CelebDFv1_fake"]["test"]["same"]
    (tmp_path / "json/Celeb-DF-v1.json").write_text(json.dumps(content))
    _, out, _ = command(evaluate, *CLIP, *DATA)
    assert "video_auc" in out and "DeepfakeBench" not in out


def test_one_video_that_cannot_be_used_has_a_status_and_the_others_their_scores(
    command: Command, tmp_path: Path
) -> None:
    content = json.loads((tmp_path / "json/Celeb-DF-v1.json").read_text())
    content["Celeb-DF-v1"]["CelebDFv1_fake"]["test"]["empty"] = {"label": "CelebDFv1_fake", "frames": []}
    (tmp_path / "json/Celeb-DF-v1.json").write_text(json.dumps(content))
    code, out, err = command(evaluate, *CLIP, *DATA)
    assert code == 3, err
    assert "23 of 24 frames scored" in out and "4 of 5 videos scored; true labels: 2 real, 2 fake" in out
    run_ = only_run(tmp_path / "inference_results")
    (lost,) = [row for row in rows(run_, "videos.csv") if not row["score"]]
    assert (lost["key"], lost["status"]) == ("Celeb-DF-v1/CelebDFv1_fake/empty", "unreadable")
    assert lost["reason"] == "Celeb-DF-v1.json: Celeb-DF-v1 > CelebDFv1_fake > test > empty has no frames"


def test_frames_without_numbers_are_taken_in_the_order_of_the_json_and_no_clip_is_cut_from_them(
    command: Command, tmp_path: Path
) -> None:
    content = json.loads((tmp_path / "json/Celeb-DF-v1.json").read_text())
    video = content["Celeb-DF-v1"]["CelebDFv1_real"]["test"]["a"]
    folder = tmp_path / "rgb/Celeb-DF-v1/real/frames/a"
    for number, frame in enumerate(reversed(sorted(folder.iterdir()))):
        frame.rename(folder / f"id_{number}.png")
    video["frames"] = [f"./datasets/rgb/Celeb-DF-v1/real/frames/a/id_{number}.png" for number in range(10)]
    (tmp_path / "json/Celeb-DF-v1.json").write_text(json.dumps(content))
    code, out, err = command(evaluate, *CLIP, *DATA)
    assert code == 0, err
    assert "WARNING: the frames of 1 video are taken in the order of the JSON" in err and "id_0.png" in err
    assert "23 of 23 frames scored" in out
    mae = ("--detector_config", "mae.yaml", "--weights", "v.pth", "--dtype", "float32", "--device", "cpu")
    code, _, _ = command(evaluate, *mae, *DATA)
    videos = rows(only_run(tmp_path / "inference_results", "huggingface_videomae"), "videos.csv")
    lost = next(video for video in videos if video["key"].endswith("real/a"))
    assert code == 3 and "the frame './datasets/rgb/Celeb-DF-v1/real/frames/a/id_0.png' has no number" in lost["reason"]


@pytest.mark.parametrize(("protocol", "fakes", "word"), [("deepfakebench", 2, "checkout"), ("uniform", 0, "YAML")])
def test_the_checkouts_labels_win_under_its_protocol_and_a_yaml_that_contradicts_is_named(
    protocol: str, fakes: int, word: str, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPFAKEBENCH_ROOT", str(make_host(tmp_path / "host")))
    labels = {"CelebDFv1_real": 0, "CelebDFv1_fake": 1, "FF-DF": 1}
    (tmp_path / "host/training/config/test_config.yaml").write_text(yaml.safe_dump({"label_dict": labels}))
    contradicting = {**tiny.CLIP_YAML, "label_dict": {"CelebDFv1_fake": 0, "FF-DF": 0, "CelebDFv1_real": 0}}
    Path("clip.yaml").write_text(yaml.safe_dump(contradicting))
    code, out, err = command(evaluate, *CLIP, *DATA, "--protocol", protocol)
    assert code == 0, err
    assert f"4 of 4 videos scored; true labels: {4 - fakes} real, {fakes} fake" in out
    assert (
        f"WARNING: label_dict: the YAML of huggingface_clip calls CelebDFv1_fake real, and training/config/"
        f"test_config.yaml of the checkout the opposite; --protocol {protocol} takes the word of the {word}"
    ) in err


def test_a_label_that_only_the_checkout_knows_needs_nothing_more(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (tmp_path / "json/Celeb-DF-v1.json").read_text().replace("CelebDFv1_", "own_")
    (tmp_path / "json/Celeb-DF-v1.json").write_text(text)
    code, _, err = command(evaluate, *CLIP, *DATA)
    assert code == 2 and "nobody says what the label 'own_real' means" in err
    monkeypatch.setenv("DEEPFAKEBENCH_ROOT", str(make_host(tmp_path / "host")))
    own = tmp_path / "host/training/config/test_config.yaml"
    own.write_text("label_dict: {own_real: 0, own_fake: 3}")
    code, out, err = command(evaluate, *CLIP, *DATA)
    assert code == 0 and "4 of 4 videos scored; true labels: 2 real, 2 fake" in out, err


def test_deepfakebenchs_protocol_takes_the_first_frames_and_uniform_spreads_them(command: Command) -> None:
    config = {**tiny.CLIP_YAML, "frame_num": {"train": 2, "test": 4}}
    Path("clip.yaml").write_text(yaml.safe_dump(config))
    _, first, _ = command(evaluate, *CLIP, *DATA)
    _, spread, _ = command(evaluate, *CLIP, *DATA, "--protocol", "uniform", "--num_frames", 2)
    assert "15 of 15 frames" in first
    assert "8 of 8 frames" in spread


@pytest.fixture
def _no_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "deepfakebench_ext.models.loading.load_detector"
    monkeypatch.setattr(name, lambda *_, **__: pytest.fail("was loaded"))


@pytest.mark.usefixtures("_no_loading")
def test_the_options_of_one_protocol_mean_nothing_to_the_other_before_anything_is_loaded(command: Command) -> None:
    code, _, err = command(evaluate, *CLIP, *DATA, "--num_frames", 2)
    assert code == 2
    assert "--num_frames means nothing with --protocol deepfakebench" in err
    code, _, err = command(evaluate, *CLIP, *DATA, "--protocol", "even")
    assert code == 2
    assert "--protocol 'even' is not allowed; allowed are deepfakebench, uniform" in err
    code, _, err = command(bench, *BENCH, "--protocol", "even")
    assert code == 2
    assert "--protocol 'even' is not allowed; allowed are deepfakebench, uniform" in err


@pytest.mark.usefixtures("_no_loading")
@pytest.mark.parametrize("verb", [("--detector_config", "clip.yaml"), ("--detectors", "clip.yaml")])
def test_a_compression_that_is_not_the_one_of_the_name_is_refused(command: Command, verb: tuple[str, ...]) -> None:
    named = ("--test_dataset", "FaceForensics++_c40", *DATA[2:])
    code, _, err = command(evaluate if "config" in verb[0] else bench, *verb, *named, "--compression", "c23")
    assert code == 2
    assert "dataset FaceForensics++_c40 is FaceForensics++ in c40, and --compression says c23" in err
    assert "leave --compression out for c40, or name the dataset FaceForensics++ for c23" in err


def test_a_compression_that_is_the_one_of_the_name_is_taken_and_other_names_only_end_alike() -> None:
    for asked, name, taken in (
        ("c40", "FF-DF_c40", "c40"),
        (None, "FF-DF_c40", "c40"),
        ("c23", "Mine_c40", "c23"),
        (None, "FF-DF", "raw"),
    ):
        settings = load_config({**tiny.CLIP_YAML, "compression": "raw"})
        assert HostData.locate("json", compression=asked).compression_of(name, settings) == taken


@pytest.mark.parametrize(
    ("arguments", "dtype"),
    [((), "float32"), (("--dtype", "bfloat16"), "bfloat16"), (("--protocol", "uniform"), "bfloat16")],
)
def test_deepfakebenchs_protocol_computes_in_float32_unless_told_otherwise(
    command: Command, arguments: tuple[str, ...], dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepfakebench_ext.models.placement._has_bfloat16", lambda _: True)
    common = (*DATA, "--device", "cpu", *arguments)
    command(evaluate, *CLIP[:4], *common, "--output_dir", "one", "--no_plots")
    command(bench, "--detectors", "clip.yaml=w.pth", *common, "--output_dir", "many")
    recorded = [json.loads((only_run(tmp_path / folder) / "run.json").read_text()) for folder in ("one", "many")]
    assert [run["dtype"] for run in recorded] == [dtype, dtype]


def test_a_classifier_whose_yaml_has_no_host_keys_sees_the_hosts_frames_as_its_own_processor_makes_them(
    command: Command, tmp_path: Path
) -> None:
    tiny.save_folder(tiny.vit_classifier(), tmp_path / "vit")
    code, _, err = command(evaluate, "--weights", "vit", *DATA, "--no_plots", "--device", "cpu")
    assert code == 0, err
    assert "WARNING: The frames are those of DeepfakeBench's test.py, their pixels are not" in err
    uniform = ("--protocol", "uniform", "--dtype", "float32", "--output_dir", "again", "--no_plots")
    _, spread, _ = command(evaluate, "--weights", "vit", *DATA, *uniform, "--device", "cpu")
    assert "test.py" not in spread
    runs = [only_run(tmp_path / folder) for folder in ("inference_results", "again")]
    specs = [json.loads((run / "run.json").read_text())["preprocess"] for run in runs]
    assert specs[0] == specs[1]
    assert specs[0]["source"] == "preprocessor_config.json"
    assert [row["score"] for row in rows(runs[0])] == [row["score"] for row in rows(runs[1])]


def test_the_table_says_whose_pixels_are_not_deepfakebenchs(command: Command, tmp_path: Path) -> None:
    tiny.save_folder(tiny.vit_classifier(), tmp_path / "vit")
    code, out, err = command(bench, "--detectors", "huggingface_image=vit", "clip.yaml=w.pth", *BENCH[3:])
    assert code == 0, err
    assert "| huggingface_image | 0." in out
    assert out.count("their pixels are not") == 1
    assert "- huggingface_image: The frames are those of DeepfakeBench's test.py" in out


def test_several_datasets_follow_one_option_and_each_has_its_run_and_its_place_in_the_json(
    command: Command, tmp_path: Path
) -> None:
    document = json.loads((tmp_path / "json/Celeb-DF-v1.json").read_text())
    (tmp_path / "json/Mine.json").write_text(json.dumps({"Mine": document["Celeb-DF-v1"]}))
    (tmp_path / "rgb/Mine").symlink_to("Celeb-DF-v1")
    code, out, _ = command(evaluate, *CLIP, *DATA[:2], "Mine", *DATA[2:], "--json")
    assert code == 0
    figures = json.loads(out)
    assert set(figures) == {"Celeb-DF-v1", "Mine"}
    assert figures["Mine"]["figures"] == figures["Celeb-DF-v1"]["figures"]
    assert len(list((tmp_path / "inference_results").glob("huggingface_clip-w-*"))) == 2


def test_coverage_lists_what_is_missing_before_anything_runs(command: Command, tmp_path: Path) -> None:
    assert command(evaluate, *CLIP, *DATA, "--coverage")[0] == 0
    (tmp_path / "rgb/Celeb-DF-v1/real/frames/a/021.png").unlink()
    code, out, _ = command(evaluate, *CLIP, *DATA, "--coverage")
    assert code == 3
    assert "1 missing  Celeb-DF-v1/CelebDFv1_real/a" in out
    assert not (tmp_path / "inference_results").exists()


def test_a_missing_frame_has_a_status_and_every_other_its_own_score(command: Command, tmp_path: Path) -> None:
    command(evaluate, *CLIP, *DATA)
    whole = {(r["key"], r["index"]): r["score"] for r in rows(only_run(tmp_path / "inference_results"))}
    (tmp_path / "rgb/Celeb-DF-v1/real/frames/a/021.png").unlink()
    code, _, err = command(evaluate, *CLIP, *DATA, "--output_dir", "again")
    assert code == 0  # every video has a score
    assert "1 of 23 frames are missing, --coverage lists them" in err
    again = {(r["key"], r["index"]): r for r in rows(only_run(tmp_path / "again"))}
    gap = again.pop(("Celeb-DF-v1/CelebDFv1_real/a", "3"))
    assert (gap["status"], gap["score"]) == ("unreadable", "")
    assert "021.png" in gap["reason"]
    assert len(again) == FRAMES - 1
    for key, row in again.items():
        assert float(row["score"]) == pytest.approx(float(whole[key]), abs=1e-6)


def test_an_lmdb_gives_the_scores_of_the_images(command: Command, tmp_path: Path) -> None:
    stored.images_in_lmdb(tmp_path / "lmdb/Celeb-DF-v1_lmdb", tmp_path / "rgb", "backslash")
    command(evaluate, *CLIP, *DATA)
    code, _, _ = command(evaluate, *CLIP, *DATA[:4], "--lmdb_dir", "lmdb", "--output_dir", "again")
    assert code == 0
    scores = [[r["score"] for r in rows(only_run(tmp_path / name))] for name in ("inference_results", "again")]
    assert scores[0] == scores[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--rgb_dir", "rgb", "--image", "rgb"), "--rgb_dir means nothing without --test_dataset"),
        ((*DATA, "--image", "rgb"), "--image means nothing with --test_dataset"),
        ((*DATA, "--lmdb_dir", "rgb"), "give --rgb_dir (images) or --lmdb_dir (LMDBs), not both"),
        ((*DATA[:4], "--rgb_dir", "nowhere"), "--rgb_dir nowhere is not a folder"),
        (DATA[:2], "error: DeepfakeBench's datasets need --dataset_json_folder, the folder of"),
        (("--test_dataset", "Celeb-DF-v2", *DATA[2:]), "error: dataset Celeb-DF-v2: json holds no Celeb-DF-v2.json"),
        ((*DATA[:4], "--rgb_dir", "json"), "not one of its 23 frames is there; the first was looked for at"),
        ((*DATA, "--detector_config", "other.yaml"), "resolution: 24 in the YAML, and huggingface_clip takes 32x32"),
        ((*DATA, "--detector_config", "half.yaml"), "lacks mean and std; set resolution, mean and std in the YAML, or"),
    ],
)
def test_what_cannot_be_is_said_with_what_to_type(
    command: Command, arguments: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    (tmp_path / "other.yaml").write_text(yaml.safe_dump({**tiny.CLIP_YAML, "resolution": 24}))
    (tmp_path / "half.yaml").write_text("{model_name: huggingface_image, resolution: 32}")
    if "half.yaml" in arguments:
        arguments = (*arguments, "--weights", str(tiny.save_folder(tiny.vit_classifier(), tmp_path / "vit")))
    code, _, err = command(evaluate, *CLIP, *arguments)
    assert code == 2
    assert message in err


BENCH = ("--detectors", "clip.yaml=w.pth", "mae.yaml=v.pth", *DATA, "--dtype", "float32", "--device", "cpu")


def test_the_table_has_a_row_a_detector_and_the_figures_of_the_evaluator(command: Command, tmp_path: Path) -> None:
    code, out, _ = command(bench, *BENCH)
    assert code == 3  # one video of three frames is too short for a clip of four
    assert "- mae on Celeb-DF-v1: 1 of 4 videos were not scored (too_short 1)" in out
    assert out == (tmp_path / "inference_results/bench.md").read_text()
    table = {(row["detector"], row["level"]): row for row in rows(tmp_path / "inference_results", "bench.csv")}
    assert set(table) == {("clip", "frame"), ("clip", "video"), ("mae", "clip"), ("mae", "video")}
    _, alone, _ = command(evaluate, *CLIP, *DATA, "--json", "--output_dir", "alone")
    figures = json.loads(alone)["Celeb-DF-v1"]["figures"]
    assert float(table["clip", "frame"]["auc"]) == figures["frame_auc"]["value"]
    assert float(table["clip", "video"]["auc"]) == figures["video_auc"]["value"]
    together = only_run(tmp_path / "inference_results", "huggingface_clip")
    assert (together / "scores.csv").read_bytes() == (only_run(tmp_path / "alone") / "scores.csv").read_bytes()


def test_each_frame_is_decoded_once_for_all_detectors(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from deepfakebench_ext.data.stores import frame_stores as stored_frames

    decoded: list[str] = []
    decode = stored_frames._decoded

    def counted(encoded: bytes, where: str) -> object:
        decoded.append(where)
        return decode(encoded, where)

    monkeypatch.setattr(stored_frames, "_decoded", counted)
    arguments = ("--detectors", "clip.yaml=w.pth", "clip.yaml", "mae.yaml=v.pth", *DATA, "--workers", 1)
    command(bench, *arguments)
    assert len(set(decoded)) == FRAMES
    # Two detectors may ask for the same new frame at the same moment.
    assert len(decoded) < 1.5 * FRAMES


def test_a_detector_that_fails_leaves_the_others_their_rows(command: Command) -> None:
    code, out, _ = command(bench, "--detectors", "clip.yaml=absent.pth", *BENCH[1:])
    assert code == 3
    assert "| clip=absent.pth | failed | failed |" in out
    assert "| clip=w.pth | 0." in out
    assert "- clip=absent.pth on Celeb-DF-v1 failed: there are no weights at 'absent.pth'" in out


def test_what_cannot_be_loaded_is_said_once_and_has_no_head(command: Command, tmp_path: Path) -> None:
    document = json.loads((tmp_path / "json/Celeb-DF-v1.json").read_text())
    (tmp_path / "json/Mine.json").write_text(json.dumps({"Mine": document["Celeb-DF-v1"]}))
    (tmp_path / "rgb/Mine").symlink_to("Celeb-DF-v1")
    two = ("--test_dataset", "Celeb-DF-v1", "Mine", *DATA[2:])
    _, out, _ = command(bench, "--detectors", "clip.yaml=absent.pth", "mae.yaml", *two)
    assert out.count("there are no weights at 'absent.pth'") == 1
    assert "- clip on Celeb-DF-v1, Mine failed: there are no weights" in out
    assert "| mae (UNTRAINED) |" in out
    heads = {(row["detector"], row["head"]) for row in rows(tmp_path / "inference_results", "bench.csv")}
    assert heads == {("clip", ""), ("mae", "untrained")}


@pytest.mark.parametrize(
    ("entries", "names"),
    [
        (["a/clip.yaml", "mae"], ["clip", "mae"]),
        (["clip", "clip=w.pth", "clip=v.pth"], ["clip", "clip=w.pth", "clip=v.pth"]),
        (["a/clip.yaml", "b/clip.yaml", "clip=w"], ["a/clip.yaml", "b/clip.yaml", "clip=w"]),
    ],
)
def test_a_row_is_called_after_its_config_with_no_more_than_tells_it_apart(
    entries: list[str], names: list[str]
) -> None:
    assert list(row_names([Entry.parse(entry) for entry in entries]).values()) == names


def test_a_finished_pair_is_not_scored_again(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from deepfakebench_ext.data.stores import frame_stores as stored_frames

    _, before, _ = command(bench, *BENCH)
    monkeypatch.setattr(stored_frames, "_decoded", lambda *_: pytest.fail("a frame was decoded again"))
    _, after, _ = command(bench, *BENCH)
    assert after == before


@pytest.mark.parametrize(
    ("detectors", "message"),
    [
        (("=w.pth",), "write CONFIG=WEIGHTS"),
        (("clip.yaml=",), "write CONFIG=WEIGHTS"),
        (("clip.yaml=w.pth", "clip.yaml=w.pth"), "each once; clip.yaml=w.pth was given twice"),
    ],
)
def test_a_wrong_list_of_detectors_is_refused(command: Command, detectors: tuple[str, ...], message: str) -> None:
    code, _, err = command(bench, "--detectors", *detectors, *DATA)
    assert code == 2
    assert message in err


def test_a_frame_that_is_listed_twice_counts_twice_and_that_is_said(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "json/Celeb-DF-v1.json"
    content = json.loads(path.read_text())
    groups = content["Celeb-DF-v1"]
    real = groups["CelebDFv1_real"]["test"]["a"]
    real["frames"].append(real["frames"][0])
    path.write_text(json.dumps(content))
    code, _, err = command(evaluate, *CLIP, *DATA)
    assert code == 0, err
    assert f"WARNING: 1 frame of the JSON is listed more than once, such as {real['frames'][0]} of " in err
    fake = next(iter(groups["CelebDFv1_fake"]["test"].values()))
    fake["frames"] = list(real["frames"])
    path.write_text(json.dumps(content))
    _, _, err = command(evaluate, *CLIP, *DATA)
    shared = f"{len(fake['frames']) + 1} frames of the JSON are listed more than once, such as "
    assert shared in err


def test_bench_decides_by_what_each_detector_stores_and_says_which_stores_nothing(
    command: Command, tmp_path: Path
) -> None:
    stored_video = StoredThreshold(value=0.25, rule="best balanced accuracy", real=9, fake=8, aggregation="mean")
    write_pth(tmp_path / "kept.pth", load_detector("clip.yaml", "w.pth", device="cpu"), {"video": stored_video})
    both = ("--detectors", "clip.yaml=kept.pth", "clip.yaml=w.pth")
    code, table, _ = command(bench, *both, *DATA, *CLIP[4:], "--threshold", "stored")
    assert code == 3
    assert "w.pth stores no threshold for videos" in table
    said = json.loads((only_run(tmp_path / "inference_results") / "metrics.json").read_text())
    assert said["thresholds"]["video"]["value"] == 0.25
    assert said["thresholds"]["video"]["source"].endswith("on 9 real and 8 fake videos of validation")
    assert "video_balanced_accuracy_at_threshold" in said["figures"]
    code, _, err = command(
        evaluate, *CLIP[:2], "--weights", "kept.pth", *DATA, "--threshold", "stored", "--aggregation", "max"
    )
    assert code != 0
    assert "it was chosen for scores of videos by --aggregation mean, and this is max" in err
