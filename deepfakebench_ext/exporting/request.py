"""What an export is asked: a detector, a format, a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.models.config import DetectorConfig
from deepfakebench_ext.models.export.record import ExportRecord, Format
from deepfakebench_ext.models.options import DetectorOptions

if TYPE_CHECKING:
    from deepfakebench_ext.models.base import Detector


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest(DetectorOptions):
    """What an export is asked.

    Attributes:
        format: Of what is written.
        output_dir: A folder that is absent or empty.
    """

    format: Format
    output_dir: str

    def load(self, settings: DetectorConfig) -> Detector:
        """Return the detector, in float32 on the CPU, whatever it is scored in.

        Raises:
            ConfigError: One of DeepfakeBench's own detectors, or one that is exported already.
            WeightsError, MissingExtraError: As `load_detector`.
        """
        from deepfakebench_ext.models.loading import load_detector

        if settings.host is not None:
            raise ConfigError(
                f"{settings.model_name} is one of DeepfakeBench's own detectors, whose code is not exported; allowed "
                "are the detectors of this package, such as huggingface_clip"
            )
        detector = load_detector(
            settings,
            self.weights,
            device="cpu",
            dtype="float32",
            fake_index=self.fake_index,
            require_trained_head=self.require_trained_head,
        )
        if detector.source.is_exported:
            raise ConfigError(f"{detector.source.spec} is exported already; give --weights it was exported from")
        return detector

    def export(self, detector: Detector) -> ExportRecord:
        """Write what is asked for, and return what its `detector.yaml` says of it.

        Raises:
            ConfigError, ModelError, MissingExtraError, OutputError: As `export_detector`.
        """
        from deepfakebench_ext.models.export.export import export_detector

        return export_detector(detector, Path(self.output_dir), self.format)


def export(
    weights: str | None = None,
    output_dir: str | Path = "exported",
    *,
    format: Format = "onnx",
    detector_config: str | None = None,
    fake_index: tuple[int, ...] | None = None,
    require_trained_head: bool = False,
) -> ExportRecord:
    """Write a detector in a form that others run, proven equal to torch in float32, and return what is said of it.

    Example:
        >>> record = export("org/deepfake-vit", "exported", format="onnx")
        >>> record.parity[0].worst.scores < 1e-4
        True

    Args:
        weights: Path or hub id; None takes the config's own.
        output_dir: A folder that is absent or empty; it appears when all is proven.
        format: `onnx`, `openvino`, `torch_export`, `state_dict` or `torchscript`.
        detector_config: Name or path of a detector's YAML; None goes by the weights.
        fake_index, require_trained_head: As `load_detector`.

    Raises:
        ConfigError, WeightsError, ModelError, MissingExtraError, OutputError: As `ExportRequest`'s steps.
    """
    request = ExportRequest(
        weights=weights,
        detector_config=detector_config,
        fake_index=fake_index,
        require_trained_head=require_trained_head,
        format=format,
        output_dir=str(output_dir),
    )
    return request.export(request.load(request.settings()))
