#!/usr/bin/env python3
"""Videos to aligned crops, in the layout and with the JSON of DeepfakeBench: `extract_frames.py --help`."""

from deepfakebench_ext.cli.extract import extract
from deepfakebench_ext.cli.main import run

if __name__ == "__main__":
    run(extract)
