#!/usr/bin/env python3
"""Find the suspicious stretches of videos with a Hugging Face detector: `analyze_video.py --help`."""

from deepfakebench_ext.cli.analyze import analyze
from deepfakebench_ext.cli.main import run

if __name__ == "__main__":
    run(analyze)
