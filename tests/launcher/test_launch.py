"""The host's scripts run unmodified with our detectors, from any folder, and leave the checkout as it was."""

from __future__ import annotations

import pickle
from pathlib import Path

import made_host
import made_training
import moving
import pytest
import tiny
import torch
from hub_server import FakeHub
from made_host import make_host, results, run, write_dataset, write_lmdb, write_yaml
from safetensors.torch import save_file

from deepfakebench_ext.common.errors import ConfigError, ExtError, HostError, WeightsError
from deepfakebench_ext.engine.dataset_inputs import HostData, make_stored_reader
from deepfakebench_ext.evaluation.evaluate import evaluate
from deepfakebench_ext.evaluation.outcome import Evaluation
from deepfakebench_ext.host.script_settings import ScriptSettings
from deepfakebench_ext.launcher.launch import prepare
from deepfakebench_ext.launcher.status import take_status
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.loading import load_detector


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_host(tmp_path / "elsewhere/host")


def settings(*assignments: str, **options: str) -> ScriptSettings:
    return ScriptSettings.of(options, assignments, Path.cwd())


def option(arguments: tuple[str, ...], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def expected(frames: list[str], state: dict[str, torch.Tensor], tmp_path: Path) -> list[float]:
    torch.save(state, tmp_path / "reference.pth")
    detector = load_detector(tiny.CLIP_YAML, str(tmp_path / "reference.pth"), device="cpu", dtype="float32")
    values = [int(100 * ("DF_fake" in f)) + 10 * int(f.split("/")[-2][-1]) + int(Path(f).stem) for f in frames]
    images = torch.stack([torch.full((3, 32, 32), value / 255 - 0.5) for value in values])
    with torch.no_grad():
        return detector({"image": images})["prob"].tolist()


def test_frames_of_every_spelling_are_scored_as_themselves_with_weights_that_only_our_loader_reads(
    root: Path, tmp_path: Path
) -> None:
    write_yaml(tmp_path / "clip.yaml", tiny.CLIP_YAML)
    state = tiny.clip_detector_state()
    torch.save({"epoch": 3, "state_dict": {f"module.{key}": value for key, value in state.items()}}, "w.pth")
    styles = {"A": "{}", "B": "./datasets/rgb/{}", "C": "/old/place/{}", "D": ".\\datasets\\{}"}
    frames = {name: write_dataset(tmp_path, name, style=style) for name, style in styles.items()}
    command = ("host", "run", "--rgb_dir", "rgb", "--dataset_json_folder", "json", "--set", "frame_num.test=7")
    done = run(
        root,
        *(*command, "training/test.py", "--test_dataset", *styles, "--detector_path=clip.yaml"),
        *("--weights_path", "w.pth"),
    )
    found = results(done)
    assert [one["dataset"] for one in found] == list(styles)
    for one in found:
        assert one["scores"] == pytest.approx(expected(list(frames[one["dataset"]]), state, tmp_path), abs=1e-6)
        assert one["labels"] == [0, 0, 0, 0, 1, 1, 1, 1]
        assert one["frame_num"] == {"train": 8, "test": 7}
    assert "UNTRAINED" not in done.stderr


def test_a_checkout_whose_dataset_package_has_no_file_of_its_own_runs_as_the_status_says(
    root: Path, tmp_path: Path
) -> None:
    """As DF40's is."""
    (root / "training/dataset/__init__.py").unlink()
    script = root / "training/test.py"
    script.write_text(script.read_text().replace("from dataset.ff_blend import FFBlendDataset\n", ""))
    write_yaml(tmp_path / "clip.yaml", tiny.CLIP_YAML)
    torch.save(tiny.clip_detector_state(), "w.pth")
    frames = write_dataset(tmp_path, "A")
    command = ("host", "run", "--rgb_dir", "rgb", "--dataset_json_folder", "json", "training/test.py")
    given = ("--test_dataset", "A", "--detector_path", "clip.yaml", "--weights_path", "w.pth")
    (found,) = results(run(root, *command, *given))
    assert found["scores"] == pytest.approx(expected(list(frames), tiny.clip_detector_state(), tmp_path), abs=1e-6)
    assert take_status(root).scripts[0].is_importable


@pytest.mark.parametrize(
    ("absent", "message"),
    [
        ("dataset/pair_dataset.py", "imports its own 'dataset.pair_dataset', which this checkout does not hold"),
        ("config/test_config.yaml", "has no training/config/test_config.yaml, which test.py reads"),
    ],
)
def test_a_part_that_a_checkout_lacks_is_named(absent: str, message: str, root: Path, tmp_path: Path) -> None:
    (root / "training" / absent).unlink()
    write_yaml(tmp_path / "clip.yaml", tiny.CLIP_YAML)
    given = ("--test_dataset", "A", "--detector_path", "clip.yaml")
    done = run(root, "host", "run", "training/test.py", *given)
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr


def test_a_dataset_class_of_another_kind_is_named(root: Path, tmp_path: Path) -> None:
    file = root / "training/dataset/abstract_dataset.py"
    file.write_text(file.read_text().replace("load_rgb = load_mask = load_landmark = _load", "load_rgb = _load"))
    write_yaml(tmp_path / "clip.yaml", tiny.CLIP_YAML)
    done = run(root, "host", "run", "training/test.py", "--test_dataset", "A", "--detector_path", "clip.yaml")
    assert done.returncode == 1 and "has no load_mask, load_landmark; tested is" in done.stderr


def test_an_lmdb_is_read_by_keys_of_every_spelling_and_may_be_shared_by_two_datasets(
    root: Path, tmp_path: Path
) -> None:
    pytest.importorskip("lmdb", reason="lmdb is not installed: pip install lmdb")
    write_yaml(tmp_path / "clip.yaml", tiny.CLIP_YAML)
    torch.save(tiny.clip_detector_state(), "w.pth")
    keys = {}
    for name, style in (("S+1", "{}"), ("S+2", "./datasets/rgb/{}"), ("T", "{}")):
        for path in write_dataset(tmp_path, name, style=style):
            keys[path if name == "S+1" else path.replace("/", "\\", 1 if name == "T" else -1)] = tmp_path / "rgb" / path
    for name in ("S", "T"):
        write_lmdb(tmp_path, name, keys)
    options = ("--lmdb_dir", ".", "--dataset_json_folder", "json")
    script = ("training/test.py", "--test_dataset", "S+1", "S+2", "T", "--detector_path", "clip.yaml")
    found = results(run(root, "host", "run", *options, *script, "--weights_path", "w.pth"))
    assert len(found) == 3 and all(one["scores"] == found[0]["scores"] for one in found)
    assert len(set(found[0]["scores"])) == 8
    # train.py would look for the JSON in preprocessing/dataset_json_v3, whatever is said
    trained = results(run(root, "host", "run", *options, "training/train.py", "--train_dataset", "S+1", *script[-2:]))
    assert trained[0]["rank"] == 0 and Path("logs/training/ckpt_0.pth").is_file()


def test_a_hub_id_is_weights_for_the_hosts_script(root: Path, tmp_path: Path) -> None:
    write_yaml(tmp_path / "clip.yaml", tiny.CLIP_YAML)
    frames = list(write_dataset(tmp_path, "A", style="./datasets/rgb/{}"))
    state = tiny.clip_detector_state()
    save_file(state, tmp_path / "model.safetensors")
    config = {"model_type": "clip_vision_model", **tiny.CLIP}
    files = {"config.json": config, "model.safetensors": (tmp_path / "model.safetensors").read_bytes()}
    command = ("host", "run", "--rgb_dir", "rgb", "--dataset_json_folder", "json", "training/test.py")
    script = ("--test_dataset", "A", "--detector_path", "clip.yaml", "--weights_path", "org/clip")
    with FakeHub() as hub:
        hub.add("org/clip", files)
        place = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0"}
        (found,) = results(run(root, *command, *script, **place))
    assert found["scores"] == pytest.approx(expected(frames, state, tmp_path), abs=1e-6)


def test_what_is_missing_is_said_before_it_becomes_another_samples_score(root: Path, tmp_path: Path) -> None:
    write_yaml(tmp_path / "clip.yaml", tiny.CLIP_YAML)
    write_dataset(tmp_path, "A")
    script = ("training/test.py", "--test_dataset", "A", "--detector_path", "clip.yaml", "--weights_path", "")
    Path("other/B").mkdir(parents=True)
    options = ("host", "run", "--rgb_dir", "other", "--dataset_json_folder", "json")
    done = run(root, *options, *script)
    assert done.returncode == 1 and "not where they are looked for: A/DF_real/frames/DF_real_0/000.npy" in done.stderr
    assert f"--rgb_dir {tmp_path / 'other'} holds B; it must hold the folders of the datasets" in done.stderr
    assert "give --rgb_dir" not in done.stderr and "Traceback" not in done.stderr
    (tmp_path / "rgb/A/DF_fake/frames/DF_fake_1/001.npy").unlink()
    done = run(root, "host", "run", "--rgb_dir", "rgb", "--dataset_json_folder", "json", *script)
    assert results(done)[0]["labels"] == [0, 0, 0, 0, 1, 1, 1, 0]  # what the host does, and the reason to warn
    assert "WARNING A/DF_fake/frames/DF_fake_1/001.npy is not there" in done.stderr


def test_a_folder_that_is_not_there_is_said_to_be_none(root: Path, tmp_path: Path) -> None:
    write_yaml(tmp_path / "clip.yaml", tiny.CLIP_YAML)
    said = ["--detector_path", "clip.yaml"]
    for option in ("rgb_dir", "lmdb_dir", "dataset_json_folder"):
        with pytest.raises(HostError, match=f"--{option}: {tmp_path / 'nope'} is not a folder"):
            prepare("training/test.py", said, root=root, settings=settings(**{option: "nope"}))


def test_of_an_unknown_dataset_the_known_ones_are_listed(root: Path, tmp_path: Path) -> None:
    write_yaml(tmp_path / "clip.yaml", tiny.CLIP_YAML)
    for name in ("A", "B"):
        write_dataset(tmp_path, name)
    script = ("training/test.py", "--test_dataset", "C", "--detector_path", "clip.yaml", "--weights_path", "")
    done = run(root, "host", "run", "--rgb_dir", "rgb", "--dataset_json_folder", "json", *script)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"there is no dataset C: no C.json in {tmp_path / 'json'} (which holds A, B)" in done.stderr
    assert "give --dataset_json_folder" not in done.stderr
    done = run(root, "host", "run", "--rgb_dir", "rgb", *script)
    assert "(which is not there); give --dataset_json_folder, before the script" in done.stderr


@pytest.mark.parametrize(
    ("videos", "in_words"),
    [
        (2, "all videos of A in its split 'test' are shorter than clip_size 4"),
        (0, "A has no videos in its split 'test'"),
    ],
)
def test_a_dataset_without_a_single_sample_is_said_to_have_none(
    videos: int, in_words: str, root: Path, tmp_path: Path
) -> None:
    write_yaml(tmp_path / "mae.yaml", tiny.VIDEOMAE_YAML, video_mode=videos > 0, clip_size=4)
    write_dataset(tmp_path, "A", videos=videos, frames=3)
    (tmp_path / "rgb").mkdir(exist_ok=True)
    script = ("training/test.py", "--test_dataset", "A", "--detector_path", "mae.yaml", "--weights_path", "")
    done = run(root, "host", "run", "--rgb_dir", "rgb", "--dataset_json_folder", "json", *script)
    assert done.returncode == 1 and "Traceback" not in done.stderr

    assert in_words in done.stderr


def test_a_yaml_that_lacks_what_the_script_reads_is_refused_with_all_that_it_lacks(root: Path) -> None:
    said = ["--detector_path", "clip_layernorm", "--test_dataset", "A"]
    with pytest.raises(HostError) as raised:
        prepare("training/test.py", said, root=root, settings=settings())
    message = str(raised.value)
    assert message.startswith(
        "clip_layernorm.yaml lacks what DeepfakeBench's training/test.py reads: manualSeed, cuda, cudnn, "
        "test_batchSize, workers, compression, frame_num, resolution, mean, std, with_mask, with_landmark, data_aug; "
    )
    assert "(huggingface_clip, huggingface_videomae)" in message


def test_a_model_of_any_kind_needs_only_what_the_model_says(root: Path) -> None:
    for name, more in (("huggingface_image", ()), ("huggingface_video", ("clip_size=4",))):
        for script in ("training/test.py", "training/train.py"):
            said = ["--detector_path", name]
            with pytest.raises(HostError, match="reads: resolution, mean, std") as raised:
                prepare(script, said, root=root, settings=settings())
            assert "--set resolution=224" in str(raised.value) and "huggingface_clip" not in str(raised.value)
            its = settings("resolution=32", "mean=[0,0,0]", "std=[1,1,1]", *more)
            assert prepare(script, said, root=root, settings=its).detector is not None


def test_two_processes_train_and_test_on_one_rank_without_cuda_and_a_checkout_stays_clean(tmp_path: Path) -> None:
    root = make_host(tmp_path / "host", commit=True)
    write_yaml(tmp_path / "clip.yaml", tiny.CLIP_YAML)
    write_dataset(tmp_path, "A")
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2")
    options = ("host", "run", "--rgb_dir", "rgb", "--dataset_json_folder", "json", "--log_dir", "here")
    script = ("training/train.py", "--ddp", "--train_dataset", "A", "--detector_path", "clip.yaml")
    found = results(run(root, *options, *script, module=torchrun))
    assert {one["rank"] for one in found} == {0, 1} and len({one["loss"] for one in found}) == 1
    saved = [torch.load(f"here/ckpt_{rank}.pth", weights_only=True) for rank in (0, 1)]
    assert all(torch.equal(saved[0][key], saved[1][key]) for key in saved[0])
    assert made_host.git(root, "status", "--porcelain") == ""


def test_what_is_not_installed_is_named_with_the_command_that_installs_it(root: Path, tmp_path: Path) -> None:
    write_yaml(tmp_path / "clip.yaml", tiny.CLIP_YAML, dataset_type="blend")
    write_dataset(tmp_path, "A")
    options = ("host", "run", "--rgb_dir", "rgb", "--dataset_json_folder", "json")
    done = run(root, *options, "training/train.py", "--train_dataset", "A", "--detector_path", "clip.yaml")
    assert done.returncode == 1
    assert "imports 'absent_package', which is not installed; type: pip install absent_package" in done.stderr


def test_arguments_that_are_paths_become_absolute_and_the_others_stay(root: Path, tmp_path: Path) -> None:
    write_yaml(tmp_path / "mine.yaml", tiny.CLIP_YAML)
    torch.save({}, "w.pth")
    said = ["--test_dataset", "A", "B", "--detector_path", "mine.yaml", "--weights_path=w.pth"]
    job = prepare("training/test.py", said, root=root, settings=settings())
    assert job.script == root / "training/test.py"
    assert job.arguments[:3] == ("--test_dataset", "A", "B")
    assert option(job.arguments, "--detector_path") == str(tmp_path / "mine.yaml")
    assert option(job.arguments, "--weights_path") == str(tmp_path / "w.pth")


@pytest.mark.parametrize("name", ["huggingface_clip", "configs/detector/huggingface_clip.yaml"])
def test_a_detector_of_ours_is_meant_by_its_name_and_by_its_path_in_our_repository(name: str, root: Path) -> None:
    job = prepare(
        "training/test.py", ["--detector_path", name, "--weights_path", "org/model@v1"], root=root, settings=settings()
    )
    assert job.detector is not None and job.detector.name == "huggingface_clip.yaml" and job.detector.is_file()
    assert option(job.arguments, "--weights_path") == "org/model@v1"


def test_a_yaml_of_the_checkout_is_found_from_any_folder(root: Path) -> None:
    said = ["--detector_path", "training/config/detector/made.yaml", "--weights_path", ""]
    job = prepare("training/test.py", said, root=root, settings=settings())
    assert job.detector == root / "training/config/detector/made.yaml"


def test_without_weights_our_detector_starts_from_its_yaml_and_the_hosts_is_an_error(root: Path) -> None:
    said = ["--detector_path", "huggingface_clip"]
    assert option(prepare("training/test.py", said, root=root, settings=settings()).arguments, "--weights_path") == ""
    made = ["--detector_path", "training/config/detector/made.yaml"]
    with pytest.raises(ConfigError, match="give --weights_path"):
        prepare("training/test.py", made, root=root, settings=settings())
    with pytest.raises(ConfigError, match=r"org/model: no such file"):
        prepare("training/test.py", [*made, "--weights_path", "org/model"], root=root, settings=settings())


@pytest.mark.parametrize("spelling", ["--local_rank=1", "--local-rank=1"])
def test_the_rank_is_taken_in_both_spellings(spelling: str, root: Path) -> None:
    said = ["--ddp", spelling, "--detector_path", "huggingface_clip"]
    job = prepare("training/train.py", said, root=root, settings=settings())
    assert option(job.arguments, "--local_rank") == "1" and "--ddp" in job.arguments


def test_the_rank_comes_from_torchruns_variable_only_with_ddp(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "3")
    said = ["--detector_path", "huggingface_clip"]
    alone = prepare("training/train.py", said, root=root, settings=settings())
    assert "--local_rank" not in alone.arguments
    job = prepare("training/train.py", ["--ddp", *said], root=root, settings=settings())
    assert option(job.arguments, "--local_rank") == "3"
    monkeypatch.delenv("LOCAL_RANK")
    with pytest.raises(ConfigError, match="torchrun"):
        prepare("training/train.py", ["--ddp", *said], root=root, settings=settings())


WRONG: list[tuple[str, list[str], list[str], type[ExtError], str]] = [
    ("training/nothing.py", [], [], HostError, r"no script 'training/nothing.py'; it has training/test.py"),
    ("training/test.py", [], [], ConfigError, "give --detector_path"),
    ("training/test.py", ["--detector_path", "huggingface_clap"], [], ConfigError, "Did you mean 'huggingface_clip'"),
    (
        "training/test.py",
        ["--detector_path", "huggingface_clip", "--weights_path", "w.pth"],
        [],
        WeightsError,
        "no weights",
    ),
    ("training/train.py", ["--detector_path", "huggingface_clip", "--weights_path", "w"], [], ConfigError, "takes no"),
    ("training/test.py", ["--detector_path", "huggingface_clip"], ["lmbd=true"], ConfigError, "did you mean lmdb"),
]


@pytest.mark.parametrize(("script", "said", "assignments", "error", "message"), WRONG)
def test_mistakes_are_said_before_anything_is_imported(
    script: str, said: list[str], assignments: list[str], error: type[ExtError], message: str, root: Path
) -> None:
    with pytest.raises(error, match=message):
        prepare(script, said, root=root, settings=settings(*assignments))


def test_a_script_outside_of_the_checkout_is_not_run(root: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").touch()
    with pytest.raises(HostError, match=r"holds no script 'mine\.py'"):
        prepare("mine.py", [], root=root, settings=settings())


def real_checkout() -> Path:
    from deepfakebench_ext.host.checkout import find_checkout

    root = find_checkout()
    if root is None:
        pytest.skip("no DeepfakeBench checkout: set DEEPFAKEBENCH_ROOT or put one at vendors/DeepfakeBench")
    return root


def figures(stdout: str) -> dict[str, float]:
    lines = (line.split(": ") for line in stdout.splitlines() if line.startswith(("acc: ", "auc: ", "video_auc: ")))
    return {name: float(value) for name, value in lines}


@pytest.mark.host
def test_deepfakebenchs_test_script_scores_frames_and_clips_in_files_and_in_an_lmdb(tmp_path: Path) -> None:
    root = real_checkout()
    write_yaml(tmp_path / "clip.yaml", tiny.CLIP_YAML)
    write_yaml(tmp_path / "mae.yaml", tiny.VIDEOMAE_YAML, video_mode=True, clip_size=4)
    torch.save(tiny.clip_detector_state(), "clip.pth")
    torch.save({f"module.{key}": value for key, value in tiny.videomae_detector_state().items()}, "mae.pth")
    paths = write_dataset(tmp_path, "UADFV", suffix=".png", frames=8)
    write_lmdb(tmp_path, "UADFV", {path.replace("/", "\\"): tmp_path / "rgb" / path for path in paths})
    before = made_host.git(root, "status", "--porcelain")
    for name in ("clip", "mae"):
        script = ("training/test.py", "--detector_path", f"{name}.yaml", "--test_dataset", "UADFV")
        found = []
        for place in (("--rgb_dir", "rgb"), ("--lmdb_dir", ".")):
            options = (*place, "--dataset_json_folder", "json")
            done = run(
                root, "host", "run", *options, *script, "--weights_path", f"{name}.pth", python=made_host.HOST_PYTHON
            )
            assert done.returncode == 0, done.stderr[-3000:]
            assert "Error loading" not in done.stdout
            found.append(figures(done.stdout))
        assert found[0] == found[1] and set(found[0]) == {"acc", "auc", "video_auc"}
    assert made_host.git(root, "status", "--porcelain") == before


def scored(detector: Detector, dataset: str) -> Evaluation:
    data = HostData.locate("json", rgb_dir="rgb")
    store = data.store(dataset)
    samples = data.samples(dataset, store, detector.settings)
    return evaluate(detector, samples, reader=make_stored_reader(detector, {dataset: store}), plots=False)


@pytest.mark.host
def test_deepfakebenchs_training_script_trains_alone_and_in_two_processes(tmp_path: Path) -> None:
    root = real_checkout()
    write_yaml(tmp_path / "clip.yaml", tiny.CLIP_YAML, nEpochs=1)
    write_dataset(tmp_path, "UADFV", suffix=".png", frames=8)
    before = made_host.git(root, "status", "--porcelain")
    options = ("host", "run", "--rgb_dir", "rgb", "--dataset_json_folder", "json")
    script = (
        "training/train.py",
        "--detector_path",
        "clip.yaml",
        "--train_dataset",
        "UADFV",
        "--test_dataset",
        "UADFV",
    )
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2")
    for log_dir, module, more in (("alone", (), ()), ("two", torchrun, ("--ddp",))):
        done = run(root, *options, "--log_dir", log_dir, *script, *more, python=made_host.HOST_PYTHON, module=module)
        assert done.returncode == 0, done.stderr[-3000:]
        (saved,) = Path(log_dir).glob("huggingface_clip_*/test/UADFV/ckpt_best.pth")
        detector = load_detector("clip.yaml", str(saved), device="cpu", dtype="float32")
        assert detector.report.head_trained and not detector.report.missing
        if not more:  # the figure by which its trainer called this checkpoint the best
            best = pickle.loads((saved.parent / "metric_dict_best.pickle").read_bytes())
            assert scored(detector, "UADFV").figures["frame_auc"].value == pytest.approx(best["auc"], abs=1e-6)
    assert made_host.git(root, "status", "--porcelain") == before


@pytest.mark.host
@pytest.mark.parametrize("takes", ["frame", "clip"])
def test_what_we_train_scores_in_deepfakebenchs_test_script_as_it_scores_here(tmp_path: Path, takes: str) -> None:
    root = real_checkout()
    if takes == "frame":
        made_training.data(tmp_path)
        base = tiny.CLIP_YAML
    else:
        moving.shuffled_pairs(tmp_path / "train", 4, seed=1)
        moving.shuffled_pairs(tmp_path / "val", 3, seed=2)
        base = {**tiny.VIDEOMAE_YAML, "video_mode": True, "clip_size": 4}
    made_training.write_yaml(tmp_path / "c.yaml", made_training.values(base=base, epochs=1))
    trained = made_training.run(tmp_path, "--detector_config", "c.yaml", "--output_dir", "run")
    assert trained.returncode == 0, trained.stderr
    write_dataset(tmp_path, "UADFV", suffix=".png", frames=8)
    options = ("--rgb_dir", "rgb", "--dataset_json_folder", "json", "--set", "workers=0")
    script = ("training/test.py", "--detector_path", "run/best/detector.yaml", "--test_dataset", "UADFV")
    weights = ("--weights_path", "run/best/best.pth")
    done = run(root, "host", "run", *options, *script, *weights, python=made_host.HOST_PYTHON)
    assert done.returncode == 0, done.stderr[-3000:]
    detector = load_detector("run/best/detector.yaml", "run/best", device="cpu", dtype="float32")
    assert scored(detector, "UADFV").figures[f"{takes}_auc"].value == pytest.approx(
        figures(done.stdout)["auc"], abs=1e-6
    )
