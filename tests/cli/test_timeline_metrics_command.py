import json
import subprocess
import sys

import pytest

from deepfakebench_ext.cli.main import cli, run


@pytest.fixture
def command(capsys):
    """Run the command; gives exit code, stdout, stderr."""

    def _run(*arguments):
        with pytest.raises(SystemExit) as exit_:
            run(lambda: cli(["timeline-metrics", *map(str, arguments)]))
        return int(exit_.value.code or 0), *capsys.readouterr()

    return _run


@pytest.fixture
def truth(tmp_path):
    path = tmp_path / "segments.json"
    segments = [{"start_s": 1.0, "end_s": 2.0}]
    videos = [{"file": "a.mp4", "segments": segments}, {"file": "b.mp4", "duration_s": 9.0, "segments": []}]
    path.write_text(json.dumps({"videos": videos}), encoding="utf-8")
    return path


@pytest.fixture
def timeline(tmp_path):
    row = {"start_s": 1.0, "end_s": 2.0, "score": 0.9, "track": 1}
    path = tmp_path / "runs" / "a" / "timeline.json"
    path.parent.mkdir(parents=True)
    document = {
        "schema_version": 1,
        "video": {"file": "films/a.mp4", "duration_s": 5.0},
        "detector": {"head_trained": True},
        "policy": {"calibrated": False},
        "segments": [row],
        "proposals": [row],
        "scores": [row],
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_figures_are_printed_with_what_to_beware(command, timeline, truth):
    code, out, err = command(timeline.parents[1], "--truth", truth, "--bootstrap", "100")
    assert code == 0, err
    assert "WARNING: 1 timeline not calibrated" in out
    assert "WARNING: 1 video without a timeline, such as b.mp4" in out
    assert "segment_ap_at_iou_0.95       1.0000" in out


def test_the_same_timeline_named_twice_counts_once_and_json_is_the_same_bytes(command, timeline, truth):
    once = command(timeline, "--truth", truth, "--json")
    twice = command(timeline, timeline.parent, "--truth", truth, "--json")
    assert once[:2] == twice[:2]
    assert json.loads(once[1])["figures"]["segment_found"]["value"] == 1


def test_a_mistake_is_one_message_and_exit_code_2(command, timeline, truth):
    code, _, err = command(timeline, "--truth", timeline)
    assert code == 2
    assert err.startswith("error: truth ")
    assert "of no format known here" in err
    assert command("nowhere", "--truth", truth)[0] == 2
    assert command(timeline)[0] == 2


def test_no_torch_is_imported(timeline, truth):
    code = (
        "import sys; from deepfakebench_ext.cli.main import cli\n"
        f"cli(['timeline-metrics', {str(timeline)!r}, '--truth', {str(truth)!r}], standalone_mode=False)\n"
        "assert 'torch' not in sys.modules and 'cv2' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=120)
