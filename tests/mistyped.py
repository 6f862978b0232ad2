"""Commands as they are mistyped, each with what the answer must say. Imports nothing heavy."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

FILES = ("photos/real/0.png", "videos/a.mp4", "w.pth", "m.csv", "run/scores.csv", "truth.json", "list.txt")
YAMLS = {
    "typo.yaml": "model_name: huggingface_clip\nuse_sdv: true\n",
    "lr.yaml": "model_name: huggingface_clip\ntraining: {learning_rate: 0.1}\n",
}
_W = ("--weights", "w.pth")

MISTYPED: list[tuple[tuple[str, ...], str]] = [
    # verbs
    (("evalute", "photos"), "Did you mean 'evaluate'?"),
    (("eval",), "Did you mean 'evaluate'?"),
    (("test",), "Did you mean 'evaluate'?"),
    (("predict", "a.jpg"), "Did you mean 'evaluate'?"),
    (("detect", "a.mp4"), "Did you mean 'analyze'?"),
    (("analyse",), "Did you mean 'analyze'?"),
    (("finetune",), "Did you mean 'train'?"),
    (("trian",), "Did you mean 'train'?"),
    (("benchmark",), "Did you mean 'bench'?"),
    (("timeline_metrics",), "Did you mean 'timeline-metrics'?"),
    (("extract_frames",), "Did you mean 'extract'?"),
    (("server",), "Did you mean 'serve'?"),
    (("help",), "Did you mean '--help'?"),
    (("xyzzy",), "The verbs are analyze, bench"),
    (("photo.jpg",), "The verb comes first: dfb-ext evaluate photo.jpg --weights W"),
    (("talk.mp4",), "dfb-ext analyze talk.mp4 --weights W"),
    (("--vesion",), "Did you mean --version?"),
    (("--weights", "w.pth", "photo.jpg"), "The verb comes first: dfb-ext evaluate --weights"),
    (("host", "instal"), "Did you mean 'install'?"),
    # options of other tools
    (("evaluate", "--model", "w.pth", "photos"), "No such option: --model. Type --weights."),
    (("evaluate", "--weights_path", "w.pth"), "Type --weights."),
    (("evaluate", "--checkpoint", "w.pth"), "Type --weights."),
    (("evaluate", "--detector_path", "x.yaml"), "Type --detector_config."),
    (("evaluate", "--config", "x.yaml"), "Type --detector_config."),
    (("evaluate", "--images", "photos"), "Type --image."),
    (("evaluate", "--image_dir", "photos"), "Type --image."),
    (("evaluate", "--input", "photos"), "Type --image."),
    (("evaluate", "--csv", "m.csv"), "Type --manifest."),
    (("evaluate", "--dataset", "UADFV"), "Type --test_dataset."),
    (("evaluate", "--gpu", "0"), "Type --device."),
    (("evaluate", "--fp16"), "Type --dtype."),
    (("evaluate", "--num_workers", "4"), "Type --workers."),
    (("evaluate", "--num-workers", "4"), "Type --workers."),
    (("evaluate", "--output", "out"), "Type --output_dir."),
    (("evaluate", "--max_samples", "4"), "Type --limit."),
    (("evaluate", "--epochs", "4"), "in dfb-ext train type --set training.epochs="),
    (("evaluate", "--learning_rate", "4"), "in dfb-ext train type --set training.lr="),
    (("train", "--epochs", "3"), "Type --set training.epochs="),
    (("train", "--lr", "1e-4"), "Type --set training.lr="),
    (("train", "--learning_rate", "1e-4"), "Type --set training.lr="),
    (("train", "--batch_size", "4"), "Type --set training.batch_size="),
    (("train", "--train_dir", "photos"), "Type --train."),
    (("train", "--model", "w.pth"), "Type --weights."),
    (("extract", "--input", "videos"), "Type --input_dir."),
    (("timeline-metrics", "run", "--ground_truth", "truth.json"), "Type --truth."),
    (("bench", "--detector", "a=b"), "Type --detectors."),
    (("analyze", "videos", "--model", "w.pth"), "Type --weights."),
    # options mistyped
    (("evaluate", "--weigths", "w.pth"), "Did you mean --weights?"),
    (("evaluate", "-weights", "w.pth"), "Type --weights, with two dashes."),
    (("evaluate", "--detector_confg", "x"), "Did you mean --detector_config?"),
    (("evaluate", "--landmark", "x.dat"), "Did you mean --landmark_model?"),
    (("analyze", "videos", "--treshold", "0.4"), "Did you mean --threshold?"),
    (("metrics", "run", "--threshold_form", "x"), "Did you mean --threshold_from?"),
    (("compare", "run", "--name", "a,b"), "Did you mean --names?"),
    (("serve", "--prot", "80"), "Did you mean --port?"),
    (("evaluate", "--zzzzz"), "--help_all shows every option."),
    (("evaluate", "--weights"), "requires an argument"),
    # values
    (("evaluate", "photos", "--dtype", "fp16"), "did you mean float16?"),
    (("evaluate", "photos", "--device", "gpu"), "did you mean cuda?"),
    (("evaluate", "photos", "--sampling", "unifrom"), "did you mean uniform?"),
    (("evaluate", "photos", "--aggregation", "topk"), "did you mean topk:K?"),
    (("evaluate", "photos", "--face_detector", "retinaface"), "allowed are none, dlib, yunet"),
    (("evaluate", "photos", "--no_face", "fullframe"), "did you mean full_frame?"),
    (("evaluate", "photos", "--protocol", "deepfake_bench"), "did you mean deepfakebench?"),
    (("evaluate", "photos", "--compression", "c32"), "allowed are c23, c40, raw"),
    (("evaluate", "photos", "--limit", "many"), "--limit many is not allowed: give 1 to 1,000,000,000"),
    (("evaluate", "photos", "--batch_size", "0"), "--batch_size 0 is not allowed: give 1 to"),
    (("evaluate", "photos", "--fps", "-1"), "--fps -1 is not allowed: give a number above 0"),
    (("evaluate", "photos", "--fake_index", "fake"), "is not an index such as 1"),
    (("evaluate", "photos", "--detector_config", "hugingface_clip"), "Did you mean 'huggingface_clip'?"),
    (("evaluate", "photos", "--weights", "v.pth"), "Near it: w.pth"),
    (("evaluate", "photos", "--landmark_model", "w.dat"), "--landmark_model w.dat does not exist"),
    (("evaluate", "photos", "--weights", "https://huggingface.co/org/vit"), "is a page of the hub; type org/vit"),
    (("evaluate", "photos", "--weights", "https://hf.co/org/vit/tree/v2/"), "is a page of the hub; type org/vit@v2"),
    (("evaluate", "--image", ""), "--image is empty (''), maybe by a variable without a value"),
    (("evaluate", "fotos"), "did you mean"),
    (("evaluate", "org/deepfake-vit"), "If it is a hub id, type --weights org/deepfake-vit"),
    (("evaluate", "w.pth"), "type --weights w.pth"),
    (("evaluate", "*.jpg"), "matches no file"),
    (("evaluate", "--image", "photo"), "did you mean"),
    (("evaluate",), "give one of --image"),
    (("evaluate", "photos", "--manifest", "m.csv"), "give one of --image"),
    (("evaluate", "photos", "--fps", "2"), "means nothing with --sampling uniform"),
    (("evaluate", "photos", "--no_face", "skip"), "--no_face means nothing here: without --face_detector"),
    (("evaluate", "photos", "--rgb_dir", "x"), "--rgb_dir means nothing without --test_dataset"),
    (("evaluate", "photos", "--coverage"), "--coverage means nothing without --test_dataset"),
    (("analyze", "videos", *_W, "--threshold", "50"), "--threshold 50 is not allowed: give a number from 0 to 1"),
    (("calibrate-timeline", "videos", "--false_alarms", "few"), "such as 1/min"),
    (("extract", "--output_dir", "o", "--split", "tset"), "did you mean test?"),
    (("extract", "--input_dir", "video", "--output_dir", "o"), "did you mean"),
    (("convert-timelines", "run", "--to", "activity", "--output", "x"), "did you mean activitynet?"),
    (("metrics", "run", "--calibrate", "temprature"), "did you mean temperature?"),
    (("metrics", "run:lable=x"), "'lable=x' names no column"),
    (("metrics", "ran"), "does not exist"),
    (("compare",), "Missing argument"),
    (("serve", "--port", "http"), "--port http is not allowed: give 0 to 65,535"),
    (("serve", "--keep", "7"), "give a number and a unit"),
    # what has no place
    (("train", "photos"), "folders and manifests go to --train and --val"),
    (("train", "training.epochs=3"), "Keys of the YAML go to --set training.epochs=3"),
    (("extract", "videos", "--output_dir", "o"), "a folder of videos goes to --input_dir"),
    # keys of a YAML
    (("evaluate", "photos", "--detector_config", "typo.yaml"), "did you mean 'use_svd'?"),
    (("train", "--train", "photos", "--detector_config", "clip_probe", "--set", "lr=1"), "did you mean training.lr?"),
    (("train", "--train", "photos", "--set", "training.epoch=3"), "did you mean 'epochs'?"),
    (("train", "--train", "photos", "--set", "training.learning_rate=3"), "did you mean 'lr'?"),
    (("train", "--train", "photos", "--detector_config", "lr.yaml"), "did you mean 'lr'?"),
    (("train", "--train", "photos", "--set", "epochs"), "is not key=value"),
    (("train", "--train", "photos", "--set", "tuning.mode=lorra"), "'lora'"),
]


def made() -> None:
    """Put the files that the commands name into the working directory."""
    for name in FILES:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    for name, text in YAMLS.items():
        Path(name).write_text(text)


def answer(words: tuple[str, ...]) -> tuple[int, str]:
    """Exit code, and all that is said."""
    from deepfakebench_ext.cli.main import cli
    from deepfakebench_ext.common.errors import ExtError

    result = CliRunner().invoke(cli, list(words))
    if isinstance(result.exception, ExtError):
        return result.exception.exit_code, str(result.exception)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def main() -> None:
    """Type them all; names those after which torch was there."""
    import sys

    made()
    for words, _ in MISTYPED:
        answer(words)
        if loaded := {"torch", "transformers"} & set(sys.modules):
            raise SystemExit(f"{' '.join(words)}: {loaded} was imported")


if __name__ == "__main__":
    main()
