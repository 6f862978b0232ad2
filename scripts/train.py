#!/usr/bin/env python3
"""Fine-tune a detector, alone or under torchrun and accelerate launch: `train.py --help`."""

from deepfakebench_ext.cli.main import run
from deepfakebench_ext.cli.train import train

if __name__ == "__main__":
    run(train)
