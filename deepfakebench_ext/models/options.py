"""Which detector is asked for, by the names of the command line. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepfakebench_ext.models.config import DetectorConfig, load_config

if TYPE_CHECKING:
    from deepfakebench_ext.models.base import Detector
    from deepfakebench_ext.models.runtimes.exported import ExportedDetector


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorOptions:
    """Which detector is asked for.

    Attributes:
        detector_config: Name or path of a detector's YAML; None goes by the weights.
        weights: Path or hub id; None takes the config's own.
        fake_index, require_trained_head, device, dtype, runtime: As `load_detector`.
    """

    detector_config: str | None = None
    weights: str | None = None
    fake_index: tuple[int, ...] | None = None
    require_trained_head: bool = False
    device: str = "auto"
    dtype: str = "auto"
    runtime: str | None = None

    def settings(self) -> DetectorConfig:
        """Return the detector's config.

        Raises:
            ConfigError: No such config, or a wrong one.
            WeightsError: The weights that it depends on cannot be had.
        """
        from deepfakebench_ext.models.built_from import config_for

        return load_config(self.detector_config or config_for(self.weights))

    def load(self, settings: DetectorConfig) -> Detector | ExportedDetector:
        """Return the detector, ready to score.

        Raises:
            ConfigError, WeightsError, HostError, MissingExtraError: As `load_detector`.
        """
        from deepfakebench_ext.models.loading import load_detector

        return load_detector(
            settings,
            self.weights,
            device=self.device,
            dtype=self.dtype_meant,
            fake_index=self.fake_index,
            require_trained_head=self.require_trained_head,
            runtime=self.runtime_meant,
        )

    @property
    def dtype_meant(self) -> str:
        """The `dtype` that the detector is loaded in."""
        return self.dtype

    @property
    def runtime_meant(self) -> str | None:
        """What computes."""
        return self.runtime
