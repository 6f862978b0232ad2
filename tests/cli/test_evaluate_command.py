"""`perf_huggingface.py` as a user runs it."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny
import torch
import videos
import yaml

from deepfakebench_ext.cli.evaluate import evaluate
from deepfakebench_ext.cli.main import run

REPOSITORY = Path(__file__).parents[2]
SCRIPT = [sys.executable, str(REPOSITORY / "scripts/perf_huggingface.py")]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPOSITORY)}

Result = tuple[int, str, str]
Command = Callable[..., Result]


@pytest.fixture
def perf(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command in this process; gives exit code, stdout, stderr."""

    def _run(*arguments: object) -> Result:
        with pytest.raises(SystemExit) as exit_:
            run(lambda: evaluate([str(argument) for argument in arguments], prog_name="perf_huggingface.py"))
            sys.exit(0)
        out, err = capsys.readouterr()
        return int(exit_.value.code or 0), out, err

    return _run


@pytest.fixture
def detector(tmp_path: Path) -> list[str]:
    """`--detector_config` and `--weights` of a trained CLIP, in float32."""
    (tmp_path / "clip.yaml").write_text(yaml.safe_dump(tiny.CLIP_YAML))
    torch.save(tiny.clip_detector_state(), tmp_path / "w.pth")
    return ["--detector_config", "clip.yaml", "--weights", "w.pth", "--dtype", "float32", "--device", "cpu"]


def only_run(folder: Path) -> Path:
    (found,) = (path for path in folder.iterdir() if path.is_dir())
    return found


def test_a_folder_gives_every_result_file(perf: Command, detector: list[str], tmp_path: Path) -> None:
    tiny.photos(tmp_path / "photos", 4)
    code, out, err = perf(*detector, "--image", "photos")
    folder = only_run(tmp_path / "inference_results")
    names = {path.name for path in folder.iterdir()} - {".lock"}
    text = "inference_results_huggingface.txt"
    reports = {text, "report.md", "report.html", "report_pictures", "curves.png"}
    assert (code, names) == (0, {"metrics.json", "run.json", "scores.csv", "scores.jsonl", *reports})
    assert (tmp_path / text).read_bytes() == (folder / text).read_bytes()
    assert "frame_auc" in out
    assert "8 of 8 images scored; true labels: 4 real, 4 fake\nframe_auc       0." in out
    assert out.partition("frame_auc")[2].partition("\n")[0].endswith(")")  # its interval
    assert "8 samples: 4 real, 4 fake, 0 without a label" in err
    assert "input: 32x32, mean 0.5, std 0.5, opencv_bicubic; from detector YAML: resolution, mean, std" in err
    settings = json.loads((folder / "run.json").read_text())
    assert settings["weights"]["head_trained"] is True
    assert len(settings["weights"]["sha256"]) == 64


def test_the_figures_are_those_of_the_scores(perf: Command, detector: list[str], tmp_path: Path) -> None:
    import csv

    from sklearn.metrics import average_precision_score, roc_auc_score

    tiny.photos(tmp_path / "photos", 6)
    _, out, _ = perf(*detector, "--image", "photos", "--json")
    with (only_run(tmp_path / "inference_results") / "scores.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    labels = [int(row["key"].startswith("fake/")) for row in rows]
    scores = [float(row["score"]) for row in rows]
    figures = json.loads(out)["figures"]
    assert figures["frame_auc"]["value"] == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert figures["frame_ap"]["value"] == pytest.approx(average_precision_score(labels, scores), abs=1e-12)


def test_a_file_that_cannot_be_scored_is_exit_code_3_and_named(
    perf: Command, detector: list[str], tmp_path: Path
) -> None:
    (tiny.photos(tmp_path / "photos", 2) / "real/bad.jpg").write_text("no")
    code, _, err = perf(*detector, "--image", "photos")
    assert code == 3
    assert "1 input could not be scored" in err
    assert "bad.jpg" in (tmp_path / "inference_results_huggingface.txt").read_text().split("NOT SCORED")[1]


def test_one_image_without_a_label_is_scored(perf: Command, detector: list[str], tmp_path: Path) -> None:
    tiny.photo(tmp_path / "x.png")
    code, out, _ = perf(*detector, "--image", "x.png")
    assert code == 0
    (folder,) = (tmp_path / "inference_results").iterdir()
    score = float(json.loads((folder / "scores.jsonl").read_text().splitlines()[0])["score"])
    assert out.splitlines()[:3] == [
        f"x.png  P(fake) {score:.3f}  {'fake' if score > 0.5 else 'real'}",
        "scores of each image; fake is above 0.5, else real",
        "1 of 1 image scored",
    ]
    assert "undefined" not in out and "_auc" not in out
    assert "Single image processed" in (tmp_path / "inference_results_huggingface.txt").read_text()


def test_a_manifest_is_scored_with_its_own_labels(perf: Command, detector: list[str], tmp_path: Path) -> None:
    tiny.photos(tmp_path / "photos", 2, labels=("a", "b"))
    lines = ["path,label,method", "photos/a/000.png,real,", "photos/b/000.png,1,FaceSwap", "photos/b/001.png,fake,"]
    (tmp_path / "test.csv").write_text("\n".join(lines))
    code, out, _ = perf(*detector, "--manifest", "test.csv")
    assert code == 0
    assert "3 of 3 images scored; true labels: 1 real, 2 fake" in out


def test_an_untrained_head_is_said_everywhere(perf: Command, tmp_path: Path) -> None:
    tiny.photos(tmp_path / "photos", 2)
    tiny.save_folder(tiny.clip_model(), tmp_path / "clip")
    code, out, err = perf("--weights", "clip", "--image", "photos")
    folder = only_run(tmp_path / "inference_results")
    assert code == 0
    assert "UNTRAINED HEAD" in out
    assert err.count("UNTRAINED HEAD") == 1
    assert "UNTRAINED HEAD" in (folder / "inference_results_huggingface.txt").read_text().splitlines()[3]
    assert json.loads((folder / "metrics.json").read_text())["head"] == "untrained"
    assert all(line.endswith(",untrained") for line in (folder / "scores.csv").read_text().splitlines()[1:])
    code, _, err = perf("--weights", "clip", "--image", "photos", "--require_trained_head")
    assert code == 1
    assert "error: UNTRAINED HEAD" in err


def test_the_config_is_chosen_by_what_the_weights_are(perf: Command, tmp_path: Path) -> None:
    tiny.photos(tmp_path / "photos", 2)
    tiny.save_folder(tiny.vit_classifier(), tmp_path / "vit")
    assert "huggingface_image from vit" in perf("--weights", "vit", "--image", "photos")[2]
    tiny.save_folder(tiny.videomae_model(), tmp_path / "videomae")
    for index in range(4):
        tiny.photo(tmp_path / f"videos/real/a/{index}.png", seed=index)
    _, out, err = perf("--weights", "videomae", "--image", "videos")
    assert "huggingface_videomae from videomae" in err
    assert "clip_auc" in out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--image", "absent"], 2, "absent"),
        ([], 2, "give one of --image"),
        (["--image", "photos", "--manifest", "clip.yaml"], 2, "give one of --image"),
        (["--image", "photos", "--limit", "0"], 2, "--limit 0 is not allowed"),
        (["--image", "photos", "--batch_size", "0"], 2, "--batch_size 0 is not allowed"),
        (["--image", "photos", "--dtype", "int8"], 2, "allowed are auto, float32, bfloat16, float16"),
        (["--image", "photos", "--device", "cuda:99"], 2, "cannot be used here"),
        (["--image", "photos", "--fake_index", "x"], 2, "is not an index"),
        (["--image", "photos", "--fake_index", "7"], 2, "7"),
        (["--image", "photos", "--weights", "typo.pth"], 1, "there are no weights at 'typo.pth'"),
        (["--image", "photos", "--detector_config", "hugingface_clip"], 2, "Did you mean 'huggingface_clip'?"),
        (["--image", "photos", "--no_such_option"], 2, "No such option"),
        (["--image", "photos", "--output_dir", "clip.yaml"], 1, "give another --output_dir"),
    ],
)
def test_a_mistake_is_one_message_and_its_exit_code(
    arguments: list[str], code: int, message: str, perf: Command, detector: list[str], tmp_path: Path
) -> None:
    tiny.photos(tmp_path / "photos", 1)
    given, _, err = perf(*detector, *arguments)
    assert given == code
    assert message in err
    assert "Traceback" not in err


@pytest.fixture
def _no_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepfakebench_ext.models.loading.load_detector", lambda *_, **__: pytest.fail("was loaded"))


@pytest.mark.usefixtures("_no_loading")
@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--limit", "-1"),
        ("--limit", "1000000001"),
        ("--seed", "-1"),
        ("--seed", "9223372036854775808"),
        ("--batch_size", "-1"),
        ("--batch_size", "99999999999999999999"),
        ("--workers", "0"),
        ("--workers", "1025"),
        ("--num_frames", "-3"),
        ("--num_clips", "0"),
        ("--fps", "0"),
        ("--fps", "nan"),
        ("--fps", "inf"),
        ("--frame_interval", "0"),
        ("--frame_interval", "9" * 5000),
        ("--fake_index", "-1"),
        ("--fake_index", "9" * 5000),
    ],
)
def test_a_number_out_of_range_is_one_message_before_anything_is_loaded(
    option: str, value: str, perf: Command, detector: list[str], tmp_path: Path
) -> None:
    tiny.photos(tmp_path / "photos", 1)
    code, _, err = perf(*detector, "--image", "photos", option, value)
    assert code == 2
    assert "Traceback" not in err
    assert option in err.strip().splitlines()[-1].replace("'", "")


@pytest.mark.usefixtures("_no_loading")
@pytest.mark.parametrize("inside", ["", "/runs"])
def test_a_place_that_cannot_be_written_is_said_before_anything_is_loaded(
    inside: str, perf: Command, detector: list[str], tmp_path: Path
) -> None:
    tiny.photos(tmp_path / "photos", 1)
    code, _, err = perf(*detector, "--image", "photos", "--output_dir", f"clip.yaml{inside}")
    assert code == 1
    assert f"results cannot be written to clip.yaml{inside}: " in err


def test_what_killed_runs_left_is_removed_by_the_next_run(perf: Command, detector: list[str], tmp_path: Path) -> None:
    tiny.photos(tmp_path / "photos", 2)
    perf(*detector, "--image", "photos", "--no_plots")
    folder = only_run(tmp_path / "inference_results")
    (folder / "report_pictures").mkdir()
    left = (
        folder / ".scores.csv.0a1b2c3d.tmp",
        folder / "report_pictures/.roc.png.0a1b2c3d.tmp",
        tmp_path / "inference_results/.probe-2140",
        tmp_path / "inference_results/.bench.md.0a1b2c3d.tmp",
        tmp_path / ".inference_results_huggingface.txt.0a1b2c3d.tmp",
    )
    others = (tmp_path / ".mine.txt.0a1b2c3d.tmp", tmp_path / "inference_results/.mine", folder / ".mine")
    for path in (*left, *others):
        path.touch()
        os.utime(path, (1, 1))
    young = tmp_path / ".inference_results_huggingface.txt.11111111.tmp"  # of a run beside this one
    young.touch()
    assert perf(*detector, "--image", "photos", "--no_plots")[0] == 0
    assert [path for path in left if path.exists()] == []
    assert [path for path in (*others, young) if not path.exists()] == []


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["/bin/perf_huggingface.py", "--image", "my photos/$x"], "perf_huggingface.py --image 'my photos/$x'"),
        (["/lib/deepfakebench_ext/__main__.py", "evaluate", "it's"], """dfb-ext evaluate 'it'"'"'s'"""),
    ],
)
def test_the_record_holds_the_command_as_it_can_be_typed_again(
    argv: list[str], said: str, perf: Command, detector: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.photos(tmp_path / "photos", 1)
    monkeypatch.setattr(sys, "argv", argv)
    perf(*detector, "--image", "photos", "--no_plots")
    assert json.loads((only_run(tmp_path / "inference_results") / "run.json").read_text())["command"] == said


def test_messages_of_others_come_once_and_their_requests_not_at_all() -> None:
    code = (
        "import logging; from deepfakebench_ext.cli.main import run\n"
        "from huggingface_hub.utils.logging import get_logger\n"
        "run(lambda: (get_logger('huggingface_hub.x').warning('one'), logging.getLogger('httpx').info('two'),\n"
        "    logging.getLogger('deepfakebench_ext.x').info('three')))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert [done.stderr.count(word) for word in ("one", "two", "three")] == [1, 0, 1]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("verb", ["evaluate", "help"])
def test_what_cannot_be_printed_is_a_failure_and_one_line(verb: str, detector: list[str], tmp_path: Path) -> None:
    tiny.photos(tmp_path / "photos", 1)
    arguments = ["--help"] if verb == "help" else [*detector, "--image", "photos", "--no_plots", "--json"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*SCRIPT, *arguments], env=ENVIRONMENT, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
    assert (
        done.stderr.strip()
        .splitlines()[-1]
        .startswith("error: standard output cannot be written: No space left on device")
    )
    if verb == "evaluate":
        assert (only_run(tmp_path / "inference_results") / "metrics.json").is_file()


@pytest.mark.parametrize("name", ["run.json", "scores.jsonl"])
def test_a_damaged_file_of_a_run_is_one_line_that_says_what_to_do(
    name: str, perf: Command, detector: list[str], tmp_path: Path
) -> None:
    tiny.photos(tmp_path / "photos", 2)
    perf(*detector, "--image", "photos", "--no_plots")
    path = only_run(tmp_path / "inference_results") / name
    for content in (b"\0" * 40 + b"\n", b'{"complete": true}\n'):
        path.write_bytes(content)
        code, _, err = perf(*detector, "--image", "photos", "--no_plots")
        assert code == 1
        said = err.strip().splitlines()[-1]
        assert (said.startswith("error: ") and name in said) or "holds another run; remove it" in said
        assert path.read_bytes() == content


def test_dashes_are_taken_for_underscores(perf: Command, detector: list[str], tmp_path: Path) -> None:
    tiny.photos(tmp_path / "photos", 1)
    assert perf(*detector, "--image", "photos", "--batch-size", "2", "--no-plots")[0] == 0


def test_limit_scores_a_balanced_choice_and_says_so(perf: Command, detector: list[str], tmp_path: Path) -> None:
    tiny.photos(tmp_path / "photos", 9)
    _, out, err = perf(*detector, "--image", "photos", "--limit", "6", "--seed", "5")
    assert "6 samples (--limit 6, balanced, seed 5): 3 real, 3 fake" in err
    assert "6 of 6 images scored" in out


def test_a_changed_setting_is_another_run(perf: Command, detector: list[str], tmp_path: Path) -> None:
    tiny.photos(tmp_path / "photos", 2)
    perf(*detector, "--image", "photos")
    perf(*detector, "--image", "photos", "--batch_size", "1")
    tiny.photo(tmp_path / "photos/real/000.png", seed=99)
    perf(*detector, "--image", "photos")
    assert len(list((tmp_path / "inference_results").iterdir())) == 3


def test_help_answers_at_once_and_without_torch() -> None:
    code = (
        "import sys; from deepfakebench_ext.cli.evaluate import evaluate\n"
        "try: evaluate(['--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'transformers', 'numpy', 'sklearn', 'cv2'} & set(sys.modules), sorted(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Examples:" in done.stdout


def undisturbed(perf: Command, command: list[str], folder: Path) -> dict[str, bytes]:
    assert perf(*command, "--output_dir", folder)[0] == 0
    return results(folder)


def results(folder: Path) -> dict[str, bytes]:
    run_folder = only_run(folder)
    return {name: (run_folder / name).read_bytes() for name in ("scores.csv", "metrics.json", "scores.jsonl")}


def test_a_run_killed_at_a_random_moment_ends_with_the_same_bytes(
    perf: Command, detector: list[str], tmp_path: Path
) -> None:
    tiny.photos(tmp_path / "photos", 60)
    command = [*detector, "--image", "photos", "--batch_size", "4", "--no_plots"]
    expected = undisturbed(perf, command, tmp_path / "whole")
    for seed in (1, 2):
        kill_at(random.Random(seed).randrange(1, 60) * seed, command, tmp_path / "killed")
    assert undisturbed(perf, command, tmp_path / "killed") == expected


def kill_at(lines: int, command: list[str], folder: Path) -> None:
    """Start the command and kill it when its journal has at least so many lines."""
    whole = [*SCRIPT, *command, "--output_dir", str(folder)]
    process = subprocess.Popen(whole, env=ENVIRONMENT, stderr=subprocess.DEVNULL)
    while process.poll() is None and scored_lines(folder) < lines:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not list(folder.glob("*/metrics.json")), "the run was over before it was killed"


def scored_lines(folder: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("*/scores.jsonl"))


def films(folder: Path) -> None:
    for name, frames in (("real/a.mp4", 30), ("real/b.avi", 12), ("fake/a.mp4", 20), ("fake/c.webm", 9)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        videos.stamped_video(folder / name, frames)


def test_an_image_detector_scores_the_frames_of_videos(perf: Command, detector: list[str], tmp_path: Path) -> None:
    films(tmp_path / "films")
    (tmp_path / "films/fake/broken.mp4").write_text("not a video")
    code, out, _ = perf(*detector, "--video", "films", "--num_frames", "6", "--batch_size", "4")
    folder = only_run(tmp_path / "inference_results")
    assert code == 3
    assert "24 of 25 frames scored; true labels: 12 real, 12 fake" in out
    assert "4 of 5 videos scored; true labels: 2 real, 2 fake" in out
    table = (folder / "videos.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in table[1:]] == [
        "fake/a.mp4", "fake/broken.mp4", "fake/c.webm", "real/a.mp4", "real/b.avi",
    ]  # fmt: skip
    assert json.loads((folder / "run.json").read_text())["sampling"] == {"policy": "uniform", "num_frames": 6}


def test_a_video_detector_scores_the_clips_of_videos(perf: Command, tmp_path: Path) -> None:
    films(tmp_path / "films")
    model = tiny.videomae_model("VideoMAEForVideoClassification", **tiny.labels(tiny.REAL_FAKE))
    tiny.save_folder(model, tmp_path / "videomae")
    code, out, _ = perf("--weights", "videomae", "--video", "films", "--num_clips", "2", "--frame_interval", "2")
    assert code == 0
    assert "8 of 8 clips scored" in out
    assert "video_auc" in out
    more = ("--weights", "videomae", "--video", "films", "--frame_interval")
    assert perf(*more, "spread", "--output_dir", "spread")[0] == 0
    assert (
        json.loads((only_run(tmp_path / "spread") / "run.json").read_text())["sampling"]["frame_interval"] == "spread"
    )
    for wrong in ("0", "wide"):
        code, _, err = perf(*more, wrong)
        assert code == 2
        assert "spread" in err


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--num_clips", "2", "--num_clips means nothing here: huggingface_clip takes single frames"),
        ("--sampling", "random", "allowed are uniform, fps, first"),
        ("--fps", "2", "means nothing with --sampling uniform"),
        ("--num_frames", "0", "--num_frames 0 is not allowed: give 1 to"),
        ("--aggregation", "best", "mean, median, max"),
        ("--no_face", "skip", "--no_face means nothing here: without --face_detector"),
        ("--face_detector", "haar", "none, dlib, yunet"),
        ("--landmark_model", "absent.dat", "--landmark_model absent.dat does not exist"),
    ],
)
@pytest.mark.usefixtures("_no_loading")
def test_a_mistake_in_sampling_is_said_before_anything_is_loaded(
    option: str, value: str, message: str, perf: Command, detector: list[str], tmp_path: Path
) -> None:
    films(tmp_path / "films")
    code, _, err = perf(*detector, "--video", "films", option, value)
    assert code == 2
    assert message in err
    assert not list((tmp_path / "inference_results").glob("*/scores.jsonl"))


def test_a_run_over_videos_killed_in_one_of_them_ends_with_the_same_bytes(
    perf: Command, detector: list[str], tmp_path: Path
) -> None:
    for number in range(6):
        (tmp_path / "films/real").mkdir(parents=True, exist_ok=True)
        videos.stamped_video(tmp_path / f"films/real/{number}.mp4", 50)
    command = [*detector, "--video", "films", "--num_frames", "50", "--batch_size", "3", "--no_plots"]
    expected = undisturbed(perf, command, tmp_path / "whole")
    kill_at(70, command, tmp_path / "killed")
    assert undisturbed(perf, command, tmp_path / "killed") == expected


def test_a_full_disk_is_a_clear_failure_that_loses_nothing(perf: Command, detector: list[str], tmp_path: Path) -> None:
    tiny.photos(tmp_path / "photos", 60)
    command = [*detector, "--image", "photos", "--batch_size", "4", "--no_plots"]
    expected = undisturbed(perf, command, tmp_path / "whole")

    def full() -> None:  # no file may grow beyond 6000 bytes: the journal of 120 samples would
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))

    options = {"env": ENVIRONMENT, "preexec_fn": full, "capture_output": True, "text": True, "check": False}
    done = subprocess.run([*SCRIPT, *command, "--output_dir", "full"], **options)
    assert done.returncode == 1
    assert "scores.jsonl cannot be written" in done.stderr
    assert "run the same command again" in done.stderr
    assert scored_lines(tmp_path / "full") > 0
    assert undisturbed(perf, command, tmp_path / "full") == expected


def test_what_looks_like_pictures_and_is_left_aside_is_said(
    perf: Command, detector: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    photos = tiny.photos(tmp_path / "photos", 2)
    for name in ("a.gif", "b.heic", "c.heic", "notes.txt"):
        (photos / "real" / name).write_bytes(b"x")
    assert perf(*detector, "--image", "photos")[0] == 0
    assert "photos: left aside, as no image (" in caplog.text
    assert caplog.text.rstrip().endswith(": 2 .heic, 1 .gif")


def test_samples_without_a_label_beside_others_that_have_one_are_a_warning(
    perf: Command, detector: list[str], tmp_path: Path
) -> None:
    photos = tiny.photos(tmp_path / "photos", 2)
    tiny.photo(photos / "x.png")
    _, out, err = perf(*detector, "--image", "photos")
    assert err.count("WARNING: 1 of 5 samples have no label and are in no figure, such as x.png: no directory") == 1
    assert "WARNING" not in out
    _, _, err = perf(*detector, "--image", "photos/x.png")
    assert "no label" not in err


def test_a_limit_above_what_there_is_chooses_nothing(perf: Command, detector: list[str], tmp_path: Path) -> None:
    tiny.photos(tmp_path / "photos", 2)
    _, out, err = perf(*detector, "--image", "photos", "--limit", 9)
    assert "chosen" not in out and "--limit" not in err
    assert "--limit 2: 2 samples chosen by seed 1024" in perf(*detector, "--image", "photos", "--limit", 2)[2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--crop", "clip"), "--crop means nothing here: huggingface_clip takes single frames"),
        (("--crop_cache", "crops", "--sampling", "fps"), "--crop_cache means nothing with --sampling fps"),
    ],
)
def test_face_options_that_would_change_nothing_are_refused(
    options: tuple[str, ...], message: str, perf: Command, detector: list[str], tmp_path: Path
) -> None:
    videos.stamped_video(tmp_path / "v.mp4", 3)
    code, _, err = perf(*detector, "--video", "v.mp4", "--face_detector", "dlib", *options)
    assert code == 2 and message in err


def test_a_working_directory_that_cannot_be_written_costs_no_result(
    perf: Command, detector: list[str], tmp_path: Path
) -> None:
    tiny.photos(tmp_path / "photos", 2)
    (tmp_path / "inference_results_huggingface.txt").mkdir()  # no file can take its place, not even root's
    code, out, err = perf(*detector, "--image", "photos")
    assert code == 0 and "frame_auc" in out
    assert "WARNING: cannot write inference_results_huggingface.txt" in err
    assert (only_run(tmp_path / "inference_results") / "inference_results_huggingface.txt").is_file()


def test_a_run_that_is_interrupted_says_what_it_keeps(
    perf: Command,
    detector: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from deepfakebench_ext.engine.run_directory import RunDirectory

    append = RunDirectory.append

    def interrupted(self: RunDirectory, predictions: object) -> None:
        append(self, predictions)
        raise KeyboardInterrupt

    tiny.photos(tmp_path / "photos", 2)
    monkeypatch.setattr(RunDirectory, "append", interrupted)
    assert perf(*detector, "--image", "photos", "--batch_size", 2)[0] == 1
    (said,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert said.startswith("stopped; inference_results/") and said.endswith("and the same command goes on")


def test_the_scores_of_a_few_inputs_are_printed_and_those_of_many_are_not(
    perf: Command, detector: list[str], tmp_path: Path
) -> None:
    (tiny.photos(tmp_path / "few", 2) / "real/bad.jpg").write_text("no")
    tiny.photos(tmp_path / "many", 11)
    _, out, _ = perf(*detector, "--image", "few")
    assert out.count("P(fake)") == 4 and "real/bad.jpg  not scored: " in out
    _, out, _ = perf(*detector, "--image", "many")
    assert "P(fake)" not in out
    _, out, _ = perf(*detector, "--image", "few", "--json")
    printed = json.loads(out)
    samples = printed["samples"]
    assert (printed["samples_level"], printed["samples_threshold"]) == ("frame", 0.5)
    assert {each["decision"] for each in samples} <= {"fake", "real", None}
    assert [(each["key"], each["status"]) for each in samples if each["score"] is None] == [
        ("real/bad.jpg", "unreadable")
    ]
    assert {each["key"] for each in samples if each["reason"]} == {"real/bad.jpg"}
    assert len(samples) == 5


def test_the_score_of_a_film_is_printed_as_one(perf: Command, detector: list[str], tmp_path: Path) -> None:
    videos.stamped_video(tmp_path / "talk.mp4", 30)
    _, out, _ = perf(*detector, "--video", "talk.mp4", "--num_frames", "3")
    assert out.count("P(fake)") == 1 and out.startswith("talk.mp4  P(fake) 0.")


def test_paths_without_an_option_are_photos_and_films_each_by_its_kind(
    perf: Command, detector: list[str], tmp_path: Path
) -> None:
    tiny.photos(tmp_path / "photos", 2)
    videos.stamped_video(tmp_path / "talk.mp4", 30)
    code, out, _ = perf("photos", "talk.mp4", *detector, "--num_frames", "3")
    assert code == 0
    assert "talk.mp4  P(fake) 0." in out and "photos/real/000.png  P(fake) 0." in out
    assert "7 of 7 frames scored" in out and "5 of 5 videos scored" in out
    assert "no file" in perf("'*.gif'", *detector)[2]
