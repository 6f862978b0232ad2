import json
import sys

import pytest
from made_timelines import made

from deepfakebench_ext.analysis.formats.activitynet import results_of
from deepfakebench_ext.analysis.formats.avdeepfake1m import proposals_of
from deepfakebench_ext.analysis.formats.timeline_reading import read_timeline
from deepfakebench_ext.analysis.formats.truth import read_truth
from deepfakebench_ext.cli.convert_timelines import convert_timelines
from deepfakebench_ext.cli.main import run

TRUTH = {
    "videos": [
        {"file": "a.mp4", "duration_s": 10.0, "segments": [{"start_s": 1.0, "end_s": 2.04}]},
        {"file": "b.mp4", "duration_s": 9.0, "segments": []},
        {"file": "c.mp4", "duration_s": 8.0, "segments": []},
    ]
}


@pytest.fixture
def command(capsys, tmp_path):
    def _run(*arguments):
        with pytest.raises(SystemExit) as exit_:
            run(lambda: convert_timelines([str(argument) for argument in arguments]))
            sys.exit(0)
        return int(exit_.value.code or 0), capsys.readouterr().err

    proposals = [(1.0, 2.0, 0.25), (3.0, 4.0, 0.9)]
    for name, found in (("a", proposals), ("b", [])):
        (tmp_path / "runs" / name).mkdir(parents=True)
        document = json.dumps(made(f"films/{name}.mp4", sha256=name * 64, proposals=found))
        (tmp_path / "runs" / name / "timeline.json").write_text(document)
    (tmp_path / "segments.json").write_text(json.dumps(TRUTH))
    return _run


@pytest.mark.parametrize(("to", "read"), [("avdeepfake1m", proposals_of), ("activitynet", results_of)])
def test_proposals_of_timelines_come_back_from_either_file(command, tmp_path, to, read):
    boxes = read_timeline(tmp_path / "runs/a/timeline.json").boxes
    assert command("runs", "--to", to, "--output", "out.json") == (0, "")
    assert read(json.loads((tmp_path / "out.json").read_text())) == {"films/a.mp4": boxes, "films/b.mp4": ()}
    assert command("runs", "--to", to, "--truth", "segments.json", "--output", "out.json")[0] == 0
    named = read(json.loads((tmp_path / "out.json").read_text()))
    assert named == {"a.mp4": boxes, "b.mp4": (), "c.mp4": ()}


def test_predictions_of_one_are_those_of_the_other(command, tmp_path):
    command("runs/a/timeline.json", "--to", "avdeepfake1m", "--output", "one.json")
    command("one.json", "--to", "activitynet", "--output", "other.json")
    command("other.json", "--to", "avdeepfake1m", "--output", "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "one.json").read_bytes()


@pytest.mark.parametrize("to", ["avdeepfake1m", "activitynet"])
def test_a_truth_comes_back_from_either_file(command, tmp_path, to):
    assert command("segments.json", "--to", to, "--output", "theirs.json")[0] == 0
    assert read_truth(tmp_path / "theirs.json") == read_truth(tmp_path / "segments.json")


def test_mistakes_are_said(command, tmp_path):
    (tmp_path / "no.json").write_text('{"a": 1}')
    (tmp_path / "runs/b/timeline.json").write_text(json.dumps(made("films/a.mp4")))
    for arguments, named in (
        (
            ("segments.json", "--to", "voc", "--output", "o"),
            "--to 'voc' is not allowed; allowed are avdeepfake1m, activitynet",
        ),
        (("segments.json", "--to", "activitynet", "--truth", "segments.json", "--output", "o"), "leave it out"),
        (("no.json", "--to", "activitynet", "--output", "o"), "no.json holds neither a timeline nor predictions"),
        (("runs", "--to", "activitynet", "--output", "o"), "'films/a.mp4' has two timelines"),
        (("nowhere", "--to", "activitynet", "--output", "o"), "nowhere"),
    ):
        code, err = command(*arguments)
        assert (code, named in err) == (2, True), err
    assert not (tmp_path / "o").exists()
