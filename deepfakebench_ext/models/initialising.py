"""How a network starts: its random numbers, and what of them is not drawn because weights will fill it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch

from deepfakebench_ext.models.weights.state_files import StateDict


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Let torch's random numbers start from `seed` inside the context, the caller's state untouched."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def skeleton(state: StateDict) -> AbstractContextManager[Any]:
    """Return the context to build a network in: without the cost of initialising what `state` will fill."""
    if not state:
        return nullcontext()
    try:
        from transformers.initialization import no_init_weights
    except ImportError:  # transformers 4
        from transformers.modeling_utils import no_init_weights
    context: AbstractContextManager[Any] = no_init_weights()
    return context
