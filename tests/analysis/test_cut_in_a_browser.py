"""The rule of `cut.py` as a page runs it. Node stands for the browser."""

import json
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from deepfakebench_ext.analysis.policy import Policy, with_onset

VECTORS = Path(__file__).parents[1] / "vectors" / "segments.json"
NODE = shutil.which("node")


def run(program):
    """What a program that follows the rule prints, as JSON."""
    if NODE is None:
        pytest.skip("node is not installed")
    rule = Path(str(files("deepfakebench_ext.analysis") / "viewer/cut.js")).as_uri()
    program = (
        f"import {{readFileSync}} from 'fs';\nimport {{cutSegments, withOnset}} from {json.dumps(rule)};\n{program}"
    )
    done = subprocess.run([NODE, "--input-type=module", "-"], input=program, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_page_cuts_the_segments_of_the_shared_file():
    cases = json.loads(VECTORS.read_text(encoding="utf-8"))["cases"]
    found = run(
        f"const cases = JSON.parse(readFileSync({json.dumps(str(VECTORS))})).cases;\n"
        "console.log(JSON.stringify(cases.map((one) => cutSegments(one.tracks, one.policy))));"
    )
    assert found == [case["segments"] for case in cases]


def test_a_page_moves_the_onset_as_we_do():
    onsets = [0.0, 0.05, 0.1, 0.3, 0.123456789, 0.7, 1 / 3, 1.0]
    policies = [Policy(), Policy(0.8, 0.55), Policy(0.6, 0.6)]
    said = [{"onset": each.onset, "offset": each.offset} for each in policies]
    found = run(
        f"const onsets = {json.dumps(onsets)};\n"
        f"console.log(JSON.stringify({json.dumps(said)}.map((one) => onsets.map((onset) => withOnset(one, onset)))));"
    )
    want = [[with_onset(policy, onset) for onset in onsets] for policy in policies]
    assert found == [[{"onset": each.onset, "offset": each.offset} for each in row] for row in want]
