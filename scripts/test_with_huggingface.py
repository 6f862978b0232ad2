#!/usr/bin/env python3
"""Say which weights are used, from where, trained or not, and try one forward pass: `dfb-ext doctor --weights W`."""

from deepfakebench_ext.cli.doctor import doctor
from deepfakebench_ext.cli.main import run

if __name__ == "__main__":
    run(doctor)
