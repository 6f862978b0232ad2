"""An exported network is equal to torch in every family, and scores by `--weights` like what it was made of."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import exports
import numpy as np
import pytest
import tiny
import torch
import yaml
from click.testing import CliRunner

from deepfakebench_ext import evaluate, gather_samples
from deepfakebench_ext.cli.evaluate import evaluate as evaluate_command
from deepfakebench_ext.common.errors import ConfigError, ModelError, OutputError, WeightsError
from deepfakebench_ext.engine.file_inputs import make_reader
from deepfakebench_ext.evaluation import finished
from deepfakebench_ext.models.built_from import config_for
from deepfakebench_ext.models.export import formats, parity
from deepfakebench_ext.models.export.export import export_detector
from deepfakebench_ext.models.loading import load_detector

FAMILIES = {"clip": "onnx", "image": "onnx", "videomae": "openvino", "video": "openvino"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Of each family the detector, and the folder that it was exported into; made when it is first asked for."""
    known = {}

    def of(family):
        if family not in known:
            folder = tmp_path_factory.mktemp(family)
            detector = getattr(exports, family)(folder)
            export_detector(detector, folder / "exported", FAMILIES[family])
            known[family] = detector, folder / "exported"
        return known[family]

    return of


def loaded(folder: Path, **how):
    return load_detector(config_for(str(folder)), str(folder), **{"device": "cpu", "dtype": "float32", **how})


def copied(made, family, tmp_path):
    return Path(shutil.copytree(made(family)[1], tmp_path / "copy"))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_equal_for_any_batch(made, family):
    detector, folder = made(family)
    again = loaded(folder)
    assert type(again) is not type(detector)
    for batch in (1, 3, 8):
        pixels = tiny.pixels(batch, seed=batch, frames=4 if detector.takes == "video" else None)
        with torch.no_grad():
            expected = detector({"image": pixels})["cls"].numpy()
        np.testing.assert_allclose(again.session(pixels.numpy()), expected, atol=1e-5)
        levels = np.random.default_rng(batch).integers(0, 256, pixels.shape, np.uint8)
        by_both = [each.logits(levels, detector.preprocess) for each in (detector, again)]
        np.testing.assert_allclose(*by_both, atol=1e-5)
    assert (again.takes, again.clip_len, again.report.head_trained) == (detector.takes, detector.clip_len, True)
    assert again.report.sha256 == again.source.sha256()
    assert again.preprocess.to_dict() | {"source": ""} == detector.preprocess.to_dict() | {"source": ""}


@pytest.mark.parametrize("family", FAMILIES)
def test_parity_on_all_inputs_is_part_of_the_folder(made, family):
    record = yaml.safe_load((made(family)[1] / "detector.yaml").read_text())["export"]
    first = record["parity"][0]
    assert (first["precision"], first["batches"]) == ("float32", [1, 2, 7])
    assert set(first["inputs"]) == {"random", "extreme", "real"}
    assert all(each["logits"] <= 1e-4 and each["scores"] <= 1e-4 for each in first["inputs"].values())
    assert record["weights"]["sha256"] == made(family)[0].report.sha256
    assert record["outputs"] == {"logits": ["real", "fake"]}
    card = (made(family)[1] / "README.md").read_text()
    assert "random inputs" in card
    assert "noise" not in card
    assert ("--video films/" in card) == (made(family)[0].takes == "video")


def test_what_is_not_equal_is_refused_with_the_figures_and_leaves_nothing(made, tmp_path, monkeypatch):
    monkeypatch.setattr(parity, "LARGEST", 0.0)
    detector = exports.clip(tmp_path)
    monkeypatch.setattr(detector, "forward", _drawn_anew(detector.forward))
    before = set(tmp_path.iterdir())
    with pytest.raises(ModelError, match=r"not equal to torch.*random: \d.*real: .*allowed is"):
        export_detector(detector, tmp_path / "exported", "torchscript")
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize("format_", ["onnx", "torchscript", "state_dict"])
def test_a_network_that_does_not_compute_is_refused_in_a_sentence(tmp_path, monkeypatch, format_):
    detector = exports.clip(tmp_path)
    monkeypatch.setattr(detector, "classifier", lambda features: torch.nn.Linear(7, 2)(features))
    before = set(tmp_path.iterdir())
    with pytest.raises(ModelError, match=rf"clip\.pth cannot be exported as {format_}: (?!ModelError)\w+: "):
        export_detector(detector, tmp_path / "exported", format_)
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize("format_", ["onnx", "openvino", "torch_export", "torchscript", "state_dict"])
def test_a_disk_that_is_full_is_said_and_nothing_is_left(tmp_path, format_):
    resource = pytest.importorskip("resource")
    detector = exports.clip(tmp_path)
    before = set(tmp_path.iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))  # the network takes more
    try:
        with pytest.raises(OutputError, match="exported"):
            export_detector(detector, tmp_path / "exported", format_)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert set(tmp_path.iterdir()) == before


def _drawn_anew(forward):
    """A network that is another each time it is asked, as one with dropout left on."""

    def drawn(data_dict, inference=False):
        output = forward(data_dict, inference)
        return {**output, "cls": output["cls"] + torch.randn_like(output["cls"])}

    return drawn


def test_a_folder_that_holds_something_is_left_alone(made):
    detector, folder = made("clip")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ConfigError, match=r"is there already; give another --output_dir"):
        export_detector(detector, folder, "state_dict")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_evaluator_scores_with_it_and_says_by_what(made, tmp_path):
    detector, folder = made("clip")
    samples = gather_samples(str(tiny.photos(tmp_path / "photos", 3)))
    runs = [evaluate(each, samples, plots=False) for each in (detector, loaded(folder))]
    tables = [csv.DictReader((run.folder / "scores.csv").read_text().splitlines()) for run in runs]
    scores = [[float(row["score"]) for row in table] for table in tables]
    np.testing.assert_allclose(*scores, atol=1e-5)
    said = json.loads((runs[1].folder / "run.json").read_text())
    assert (said["runtime"]["name"], said["dtype"]) == ("onnxruntime", "float32")
    assert runs[0].folder != runs[1].folder
    detector_in_openvino = load_detector(folder / "detector.yaml", device="cpu", runtime="openvino")
    assert detector_in_openvino.computing["dtype"] == "float32"  # in which alone an ONNX was proven equal
    assert evaluate(detector_in_openvino, samples, plots=False).folder not in {run.folder for run in runs}


def test_a_finished_run_is_asked_anew_where_its_runtime_is_another(made, tmp_path, monkeypatch):
    photos = str(tiny.photos(tmp_path / "photos", 2))
    words = ["--weights", str(made("clip")[1]), "--no_plots", "--image", photos]

    def typed():
        return CliRunner().invoke(evaluate_command, words, catch_exceptions=False).stderr

    assert "finished before" not in typed()
    assert "finished before" in typed()
    monkeypatch.setattr(finished, "installed", lambda name: "0.1")
    assert "finished before" not in typed()


def test_the_lines_of_the_page_score_as_the_evaluator_does(made, tmp_path):
    folder = copied(made, "image", tmp_path)
    samples = gather_samples(str(tiny.photo(tmp_path / "photo.jpg", size=(61, 40))))
    run = evaluate(loaded(folder), samples, plots=False)
    (row,) = csv.DictReader((run.folder / "scores.csv").read_text().splitlines())
    assert exports.Page(folder).score(tmp_path / "photo.jpg") == pytest.approx(float(row["score"]), abs=1e-5)


def test_a_clip_is_scored_with_it(made, tmp_path):
    detector, folder = made("videomae")
    for number in range(6):
        tiny.photo(tmp_path / "films/fake/one" / f"{number}.png", seed=number)
    samples = gather_samples(video=str(tmp_path / "films"))
    first, second = (
        evaluate(each, samples, reader=make_reader(each, num_clips=2), plots=False)
        for each in (detector, loaded(folder))
    )
    assert first.counts["clip"].scored == second.counts["clip"].scored == 2


def test_weights_too_large_for_one_file_lie_beside_it_and_are_checked(tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "EXTERNAL_ABOVE", 1000)
    detector, folder = exports.clip(tmp_path), tmp_path / "exported"
    record = export_detector(detector, folder, "onnx")
    assert set(record.files) == {"model.onnx", "model.onnx.data"}
    assert (folder / "model.onnx.data").stat().st_size > (folder / "model.onnx").stat().st_size
    pixels = tiny.pixels(3)
    for runtime in ("onnxruntime", "openvino"):
        with torch.no_grad():
            expected = detector({"image": pixels})["cls"].numpy()
        np.testing.assert_allclose(loaded(folder, runtime=runtime).session(pixels.numpy()), expected, atol=1e-5)
    content = bytearray((folder / "model.onnx.data").read_bytes())
    content[-1] ^= 1
    (folder / "model.onnx.data").write_bytes(content)
    with pytest.raises(WeightsError, match=r"model\.onnx\.data is not the file that was exported"):
        loaded(folder)
    (folder / "model.onnx.data").unlink()
    with pytest.raises(WeightsError, match=r"has no model\.onnx\.data, which its detector\.yaml names"):
        loaded(folder)


def test_a_config_of_another_detector_is_refused(made, tmp_path):
    folder = made("clip")[1]
    assert load_detector("huggingface_clip", str(folder)).report.head_trained
    with pytest.raises(
        ConfigError, match=r"leave --detector_config out \(in Python: load_detector\('.*detector.yaml'\)"
    ):
        load_detector("huggingface_image", str(folder))
    assert load_detector(folder / "detector.yaml").source.spec == str(folder)
    (tmp_path / "mine.yaml").write_text("model_name: huggingface_clip\nfake_index: 0\n")
    with pytest.raises(ConfigError, match="leave --detector_config out"):
        load_detector(tmp_path / "mine.yaml", str(folder))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"inputs": {"image": ["batch", 3, "height", "width"]}}, "names other inputs or outputs"),
        ({"inputs": {"image": []}}, "names other inputs or outputs"),
        ({"clip_len": 4}, "names other inputs or outputs"),
        ({"outputs": {"logits": ["fake", "real"]}}, "names other inputs or outputs"),
        ({"fake_index": 0}, "fake_index, in a detector.yaml or by --fake_index, is not for an exported network"),
    ],
)
def test_a_description_that_was_changed_is_refused(made, tmp_path, changed, said):
    folder = copied(made, "clip", tmp_path)
    file = folder / "detector.yaml"
    values = yaml.safe_load(file.read_text())
    (values if "fake_index" in changed else values["export"]).update(changed)
    file.write_text(yaml.safe_dump(values))
    with pytest.raises((ConfigError, WeightsError), match=said):
        loaded(folder)


@pytest.mark.parametrize("name", ["model.onnx", "model.xml", "model.bin"])
def test_a_file_that_is_cut_off_or_changed_is_refused_by_its_digest(made, tmp_path, name):
    folder = copied(made, "clip" if name.endswith("onnx") else "videomae", tmp_path)
    (folder / name).write_bytes((folder / name).read_bytes()[:-1])
    with pytest.raises(WeightsError, match=r"is not the file that was exported.*copy the folder again"):
        loaded(folder)


def test_a_lone_network_says_nothing_of_itself(made, tmp_path):
    lone = Path(shutil.copy(made("clip")[1] / "model.onnx", tmp_path / "model.onnx"))
    with pytest.raises(WeightsError, match=r"without a detector.yaml.*dfb-ext export --weights"):
        load_detector("huggingface_clip", str(lone))


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("model.onnx", "has no model.onnx, which its detector.yaml names; copy the folder again"),
        ("config.json", "is an export without its config.json; copy the folder again"),
        ("detector.yaml", "without a detector.yaml beside it"),
    ],
)
def test_a_file_that_is_gone_is_named_with_what_to_do(made, tmp_path, gone, said):
    folder = copied(made, "clip", tmp_path)
    (folder / gone).unlink()
    with pytest.raises(WeightsError, match=said):
        loaded(folder)


@pytest.mark.parametrize("name", [".", "model.onnx"])
def test_what_may_not_be_read_is_said(made, tmp_path, name):
    folder = copied(made, "clip", tmp_path)
    (folder / name).chmod(0)
    try:
        if os.access(folder / name, os.R_OK):
            pytest.skip("root may read everything")
        with pytest.raises(WeightsError, match=r"cannot be read: [Pp]ermission denied"):
            load_detector("huggingface_clip", str(folder))
    finally:
        (folder / name).chmod(0o755)


def test_weights_in_a_folder_with_nothing_but_a_network_are_said_to_lack_its_description(made, tmp_path):
    shutil.copy(made("clip")[1] / "model.onnx", tmp_path)
    with pytest.raises(WeightsError, match=r"without a detector\.yaml beside it"):
        loaded(tmp_path)


def test_a_network_under_another_name_is_told_its_own(made, tmp_path):
    folder = copied(made, "clip", tmp_path)
    (folder / "model.onnx").rename(folder / "net.onnx")
    with pytest.raises(WeightsError, match=r"net\.onnx has none of the names of an export, model\.onnx"):
        loaded(folder / "net.onnx")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"dtype": "bfloat16"}, "not for onnxruntime"),
        ({"device": "cuda"}, "which the CPU runs"),
        ({"runtime": "torch"}, "--runtime torch does not open"),
    ],
)
def test_what_it_cannot_be_run_by_is_said(made, how, said):
    with pytest.raises(ConfigError, match=said):
        loaded(made("clip")[1], **how)


def test_nothing_is_told_to_the_makers_of_openvino(tmp_path, monkeypatch):
    import openvino_telemetry  # comes with it, and sends without asking

    monkeypatch.setattr(openvino_telemetry.Telemetry, "init", lambda *_, **__: pytest.fail("would send"))
    monkeypatch.setattr(openvino_telemetry.Telemetry, "send_event", lambda *_, **__: pytest.fail("would send"))
    detector = exports.clip(tmp_path)
    export_detector(detector, tmp_path / "exported", "openvino")
