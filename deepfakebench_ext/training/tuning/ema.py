"""An exponential moving average of the parameters that are trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

_UPDATES = "updates"


class Ema:
    """Averages of trained parameters, to be validated and saved in their place.

    After n updates the decay is the smaller of `decay` and (1 + n) / (10 + n), so that a short training does not end
    near its first parameters (as TensorFlow's `ExponentialMovingAverage` with `num_updates`). A parameter that is
    unfrozen later joins at its value then. Buffers are not averaged.
    """

    def __init__(self, decay: float) -> None:
        """Start without averages.

        Args:
            decay: In (0, 1), such as 0.999.
        """
        self.decay = decay
        self.updates = 0
        self._averages: dict[str, Tensor] = {}

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Move the averages towards the trained parameters; after every optimizer step, the module unwrapped."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        for name, parameter in module.named_parameters():
            if not parameter.requires_grad:
                continue
            if name not in self._averages:
                self._averages[name] = parameter.detach().clone()
            else:
                average = self._averages[name] = self._averages[name].to(parameter.device)
                average.lerp_(parameter, 1 - decay)

    @contextmanager
    def swapped_in(self, module: nn.Module) -> Iterator[None]:
        """Let the module have the averages inside the context, and its own parameters after it, whatever happens."""
        own: dict[str, Tensor] = {}
        parameters = dict(module.named_parameters())
        try:
            with torch.no_grad():
                for name, average in self._averages.items():
                    own[name] = parameters[name].detach().clone()
                    parameters[name].copy_(average)
            yield
        finally:
            with torch.no_grad():
                for name, value in own.items():
                    parameters[name].copy_(value)

    def state_dict(self) -> dict[str, Tensor]:
        """Return a copy of the averages and, under `updates`, their number."""
        copies = {name: average.clone() for name, average in self._averages.items()}
        return {**copies, _UPDATES: torch.tensor(self.updates)}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state_dict` returned."""
        self.updates = int(state[_UPDATES])
        self._averages = {name: average.clone() for name, average in state.items() if name != _UPDATES}
