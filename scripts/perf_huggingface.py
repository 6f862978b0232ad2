#!/usr/bin/env python3
"""Score images, clips or a manifest with a Hugging Face detector: `perf_huggingface.py --help`."""

from deepfakebench_ext.cli.evaluate import evaluate
from deepfakebench_ext.cli.main import run

if __name__ == "__main__":
    run(evaluate)
