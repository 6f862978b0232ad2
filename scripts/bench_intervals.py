"""How often the bootstrap's 95 % intervals hold the truth, in draws from two normal distributions.

python scripts/bench_intervals.py --reals 60 --fakes 60 --draws 1000
"""

from __future__ import annotations

import argparse

import numpy as np

from deepfakebench_ext.metrics.bootstrap import Bootstrap
from deepfakebench_ext.metrics.detailed import detailed_figures

LIFTS = (0.5, 1.0, 1.8, 2.6)
"""How far the fakes' mean lies above the reals', in standard deviations: AUCs of 0.64, 0.76, 0.90, 0.97."""
TRUTH_SIZE = 2_000_000


def drawn(generator: np.random.Generator, reals: int, fakes: int, lift: float) -> tuple[np.ndarray, np.ndarray]:
    """Labels and scores of samples whose logits are normal."""
    logits = np.concatenate([generator.normal(size=reals), generator.normal(lift, size=fakes)])
    return np.repeat([0, 1], [reals, fakes]), 1 / (1 + np.exp(-logits))


def main() -> None:
    """Print, for each lift and figure, the true value and the share of draws whose interval holds it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("reals", 60), ("fakes", 60), ("draws", 1000), ("resamples", 400)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--figures", nargs="*", default=["auc", "ap", "partial_auc_mcclish_fpr_0.1", "eer"])
    given = parser.parse_args()
    share = TRUTH_SIZE / (given.reals + given.fakes)
    for lift in LIFTS:
        generator = np.random.default_rng(0)
        many = drawn(generator, int(share * given.reals), int(share * given.fakes), lift)
        truth = {name: figure.value for name, figure in detailed_figures(*many, level="video").items()}
        held = dict.fromkeys(given.figures, 0)
        for seed in range(given.draws):
            few = drawn(generator, given.reals, given.fakes, lift)
            figures = detailed_figures(*few, level="video", bootstrap=Bootstrap(given.resamples, seed))
            for name in given.figures:
                figure = figures[f"video_{name}"]
                low, high = (0, 1) if figure.low is None else (figure.low, figure.high)
                held[name] += low <= truth[f"video_{name}"] <= high
        shares = ", ".join(f"{name} {truth[f'video_{name}']:.3f}: {held[name] / given.draws:.3f}" for name in held)
        print(f"lift {lift}: {shares}", flush=True)


if __name__ == "__main__":
    main()
