"""What an export is asked: a detector, a format, a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from deepfakebench_ext.common.atomic_files import check_new
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.models.config import DetectorConfig
from deepfakebench_ext.models.export.record import RUN_HERE, ExportRecord, Format
from deepfakebench_ext.models.options import DetectorOptions

if TYPE_CHECKING:
    from deepfakebench_ext.models.base import Detector


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest(DetectorOptions):
    """What an export is asked.

    Attributes:
        format: Of what is written.
        output_dir: A folder that is absent or empty.
        int8: Quantise it, where labelled samples score as before.
        calibrate_on: A folder or manifest of samples to quantise on; where no others are named, half of them for that.
        gate_on: Labelled samples, others, that have to score as before.
    """

    format: Format | None = None
    output_dir: str
    int8: bool = False
    calibrate_on: str | None = None
    gate_on: str | None = None

    def __post_init__(self) -> None:
        """Pass a format that is known, and options that go together.

        Raises:
            ConfigError: Another format; samples without int8, int8 without samples, or in a format that has none.
        """
        if self.format not in (None, *get_args(Format)):
            raise ConfigError(f"--format {self.format!r} is not known; allowed are {', '.join(get_args(Format))}")
        if not self.int8 and (self.calibrate_on or self.gate_on):
            raise ConfigError("--calibrate_on and --gate_on mean nothing without --int8")
        if self.int8 and self.calibrate_on is None:
            raise ConfigError(
                "--int8 needs labelled samples: --calibrate_on DIR (half of them pass or refuse it), or another set "
                "for that by --gate_on DIR"
            )
        if self.int8 and self.format not in (None, *RUN_HERE):
            raise ConfigError(f"--int8 is for --format {' or '.join(RUN_HERE)}, not {self.format}")

    @property
    def format_meant(self) -> Format:
        """The format, said or not."""
        return self.format or ("openvino" if self.int8 else "onnx")

    def settings(self) -> DetectorConfig:
        """Return the detector's config.

        Raises:
            ConfigError: The folder holds something; or as `DetectorOptions`.
            WeightsError: As `DetectorOptions`.
        """
        check_new(Path(self.output_dir))
        return DetectorOptions.settings(self)

    def load(self, settings: DetectorConfig) -> Detector:
        """Return the detector, in float32 on the CPU, whatever it is scored in.

        Raises:
            ConfigError: One of DeepfakeBench's own detectors, or one that is exported already.
            WeightsError, MissingExtraError: As `load_detector`.
        """
        from deepfakebench_ext.models.loading import load_torch_detector

        if settings.host is not None:
            raise ConfigError(
                f"{settings.model_name} is one of DeepfakeBench's own detectors, whose code is not exported; allowed "
                "are the detectors of this package, such as huggingface_clip"
            )
        return load_torch_detector(
            settings,
            self.weights,
            device="cpu",
            dtype="float32",
            fake_index=self.fake_index,
            require_trained_head=self.require_trained_head,
        )

    def export(self, detector: Detector) -> ExportRecord:
        """Write what is asked for, and return what its `detector.yaml` says of it.

        Raises:
            ConfigError, ModelError, MissingExtraError, OutputError: As `export_detector`.
        """
        from deepfakebench_ext.exporting.int8 import export_int8
        from deepfakebench_ext.models.export.export import export_detector

        folder = Path(self.output_dir)
        if not self.int8:
            return export_detector(detector, folder, self.format_meant)
        return export_int8(detector, folder, self.format_meant, *self._samples(detector))

    def _samples(self, detector: Detector) -> tuple[Sequence[Sample], Sequence[Sample]]:
        """Return what is calibrated on, and what passes or refuses it."""
        from deepfakebench_ext.engine.file_inputs import gather_given
        from deepfakebench_ext.exporting.apart import split

        given = gather_given(paths=(str(self.calibrate_on),), takes=detector.takes).samples
        if self.gate_on is None:
            return split([sample for sample in given if sample.label is not None])
        gated = gather_given(paths=(self.gate_on,), takes=detector.takes).samples
        return given, [sample for sample in gated if sample.label is not None]


def export(
    weights: str | None = None,
    output_dir: str | Path = "exported",
    *,
    format: Format | None = None,
    int8: bool = False,
    calibrate_on: str | Path | None = None,
    gate_on: str | Path | None = None,
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
        format: `onnx`, `openvino`, `torch_export`, `state_dict` or `torchscript`; None is `onnx`, in int8 `openvino`.
        int8, calibrate_on, gate_on: As `ExportRequest`.
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
        int8=int8,
        calibrate_on=None if calibrate_on is None else str(calibrate_on),
        gate_on=None if gate_on is None else str(gate_on),
    )
    return request.export(request.load(request.settings()))
