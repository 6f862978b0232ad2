"""How equal an exported network is to torch in float32, on random, extreme and real inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch

from deepfakebench_ext.common.errors import ModelError
from deepfakebench_ext.data.preprocess.normalising import normalised
from deepfakebench_ext.data.preprocess.transform import PreprocessSpec, resize_and_crop
from deepfakebench_ext.models.export.record import Difference, Parity
from deepfakebench_ext.models.export.tracing import ScoringNetwork, input_shape
from deepfakebench_ext.models.probability import fake_probability
from deepfakebench_ext.models.runtimes.session import Array
from deepfakebench_ext.models.scoring import Rows

BATCHES = (1, 2, 7)
LARGEST = 1e-4
"""What a network in float32 may differ by."""
# Squares that are cut out of photographs, in pixels: their sides, and how far they move from one to the next.
_SIDES, _APART, _STEP = (400, 320, 240, 160, 100), 37, 4
_BLACK, _WHITE = 0, 255


def measure(
    network: ScoringNetwork, run: Callable[[Array], Array], *, runtime: str, precision: str = "float32"
) -> Parity:
    """Return how far what `run` gives is from what `network` gives.

    Args:
        network: In float32, on the CPU.
        run: The exported network.
        runtime: What runs it.
        precision: In what it computes.

    Raises:
        ModelError: Logits that are not finite.
    """
    inputs: dict[str, Difference] = {}
    for kind, batch in _batches(network):
        with torch.inference_mode():
            expected = network(torch.from_numpy(batch)).numpy()
        given = np.asarray(run(batch), dtype=np.float32)
        if given.shape != expected.shape or not np.isfinite(given).all():
            raise ModelError(
                f"{runtime} gives {list(given.shape)} logits, or such as are not finite, for {kind} inputs"
            )
        found = Difference(
            logits=_largest(given, expected), scores=_largest(fake_probability(given), fake_probability(expected))
        )
        known = inputs.get(kind, found)
        inputs[kind] = Difference(logits=max(known.logits, found.logits), scores=max(known.scores, found.scores))
    return Parity(batches=BATCHES, inputs=inputs, runtime=runtime, precision=precision)


def check(parity: Parity, source: str) -> None:
    """Pass an artefact in float32 that is equal to torch.

    Raises:
        ModelError: It is not; says by how much on what.
    """
    worst = parity.worst
    if max(worst.logits, worst.scores) <= LARGEST:
        return
    each = "; ".join(f"{kind}: {difference.text()}" for kind, difference in parity.inputs.items())
    raise ModelError(
        f"{source}: the exported network is not equal to torch in float32, in {parity.runtime}: {each}; allowed is "
        f"{LARGEST:g}. Nothing was written; another --format may be"
    )


def _largest(given: Rows, expected: Rows) -> float:
    return float(np.abs(given.astype(np.float64) - expected).max())


def _batches(network: ScoringNetwork) -> Iterator[tuple[str, Array]]:
    shape, spec = input_shape(network.detector), network.detector.preprocess
    generator = torch.Generator().manual_seed(0)
    real = _real(shape, spec, max(BATCHES))
    for size in BATCHES:
        yield "random", torch.randn(size, *shape, generator=generator).numpy()
        for value in (_BLACK, _WHITE):
            yield "extreme", normalised(np.full((size, *shape), value, np.uint8), spec)
        yield "real", real[:size]


def _real(shape: tuple[int, ...], spec: PreprocessSpec, number: int) -> Array:
    """Return normalised squares of two photographs; the frames of a clip move over them."""
    from sklearn.datasets import load_sample_images  # two photographs that scikit-learn brings

    photographs = load_sample_images().images
    frames = 1 if len(shape) == 3 else shape[0]
    clips = []
    for item in range(number):
        picture, side = photographs[item % len(photographs)], _SIDES[item % len(_SIDES)]
        top = (_APART * item) % (picture.shape[0] - side)
        lefts = [(_STEP * frame) % (picture.shape[1] - side) for frame in range(frames)]
        cuts = [picture[top : top + side, left : left + side] for left in lefts]
        clips.append(np.stack([resize_and_crop(each, spec) for each in cuts]))
    pixels = np.stack(clips)
    return normalised(pixels[:, 0] if len(shape) == 3 else pixels, spec)
