"""An exported network as a detector that scores. Knows no torch."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.digests import sha256_of
from deepfakebench_ext.common.errors import ConfigError, WeightsError
from deepfakebench_ext.common.types import LabelOrder, WeightsReport
from deepfakebench_ext.common.version import installed
from deepfakebench_ext.data.preprocess.normalising import Pixels, normalised
from deepfakebench_ext.data.preprocess.spec import PreprocessSpec
from deepfakebench_ext.models.built_from import decide_preprocess
from deepfakebench_ext.models.config import DetectorConfig
from deepfakebench_ext.models.export.record import ARTEFACTS, INPUT, LABELS, ExportRecord
from deepfakebench_ext.models.runtimes.onnx_file import check_onnx
from deepfakebench_ext.models.runtimes.onnx_session import OnnxSession
from deepfakebench_ext.models.runtimes.openvino_session import OpenVinoSession
from deepfakebench_ext.models.runtimes.session import RuntimeName, Session, is_installed
from deepfakebench_ext.models.scoring import Rows, Takes
from deepfakebench_ext.models.stored_thresholds import Stored
from deepfakebench_ext.models.weights.source import DETECTOR_YAML, EXPORT_AGAIN, Source

_DIGITS = 12


class ExportedDetector:
    """A network of an exported folder, whose files are those that its `detector.yaml` names.

    It gives two logits, 0 real and 1 fake, whatever the head of its source.

    Attributes:
        settings: Its config.
        source: Its files.
        stored_thresholds: Those of the weights that it was made of.
        session: What runs it.
    """

    def __init__(self, config: DetectorConfig, *, source: Source, runtime: str = "auto", dtype: str = "auto") -> None:
        """Check the files and open them.

        Args:
            config: Its `detector.yaml`, which has an `export` block.
            source: Its files.
            runtime: `auto` is that of its format, else the one that is installed.
            dtype: What OpenVINO computes in; `auto` is bfloat16 where the CPU has it, and float32 for an ONNX.

        Raises:
            ConfigError: A runtime or `dtype` that it cannot be run by.
            WeightsError: Files that are not those that were exported, or are none of this package's.
            MissingExtraError: The runtime is not installed.
        """
        self.settings, self.source = config, source
        record = self._record
        if not record.is_ours:
            raise WeightsError(f"{self._yaml}: `export` names other inputs or outputs than this package writes")
        _check_files(source, record)
        self.session = self._opened(runtime, dtype)
        self.stored_thresholds: Stored = config.thresholds

    @cached_property
    def report(self) -> WeightsReport:
        """What its files are, of which weights."""
        report = self._record.weights
        # A single file's was computed when it was opened, and a gigabyte takes more than a second.
        checked = list(self._record.files.values())
        return WeightsReport(
            source=self.source.spec,
            kind=self.source.kind,
            revision=self.source.revision,
            files=tuple(path.name for path in self.source.files),
            sha256=checked[0] if len(checked) == 1 else self.source.sha256(),
            matched=report.matched,
            renamed=(),
            folded=report.folded,
            missing=report.missing,
            ignored=(),
            head_trained=report.head_trained,
            label_order=LabelOrder((1,), 2, LABELS, "export"),
        )

    def _opened(self, runtime: str, dtype: str) -> Session:
        record = self._record
        path, shape = self.source.files[0], [int(size) for size in record.inputs[INPUT][1:]]
        name, is_int8 = _runtime_for(record, runtime), record.precision == "int8"
        if record.format == "onnx":
            check_onnx(path, frozenset(each.name for each in self.source.files[1:]))
        if name == "onnxruntime":
            return OnnxSession(path, shape, dtype=dtype, is_int8=is_int8)
        if record.format == "onnx" and dtype == "auto":
            dtype = "float32"  # what it was proven equal in
        return OpenVinoSession(path, shape, dtype=dtype, is_int8=is_int8)

    @property
    def _record(self) -> ExportRecord:
        if self.settings.export is None:
            raise WeightsError(f"{self._yaml} has no `export` block, which says what was exported; {EXPORT_AGAIN}")
        return self.settings.export

    @property
    def _yaml(self) -> Path:
        return self.source.files[0].parent / DETECTOR_YAML

    @cached_property
    def preprocess(self) -> PreprocessSpec:
        """What `detector.yaml` says."""
        return decide_preprocess(self.settings, self.source.folder, self.input_size)

    @property
    def takes(self) -> Takes:
        """Single frames, or clips."""
        return self._record.takes

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) that the network takes."""
        height, width = self._record.inputs[INPUT][-2:]
        return int(height), int(width)

    @property
    def clip_len(self) -> int:
        """Frames of one input."""
        return self._record.clip_len

    @property
    def computing(self) -> dict[str, Any]:
        """On what it computes: the device, the type of number, the runtime and its version."""
        name = self.session.runtime
        runtime = {"name": name, "version": installed(name), "format": self._record.format}
        return {"device": "cpu", "dtype": self.session.precision, "runtime": runtime}

    @property
    def at_a_time(self) -> int:
        """Batches that it computes at a time."""
        return self.session.at_a_time

    def logits(self, pixels: Pixels, preprocess: PreprocessSpec) -> Rows:
        """Return two-class logits (N, 2), as `ScoringDetector`."""
        return self.session(normalised(pixels, preprocess))


def _runtime_for(record: ExportRecord, asked: str) -> RuntimeName:
    """Return the runtime that opens a format.

    Raises:
        ConfigError: The one that is asked for does not.
    """
    if record.format == "openvino":
        if asked not in ("auto", "openvino"):
            raise ConfigError(f"--runtime {asked} does not open an OpenVINO network; leave it out")
        return "openvino"
    if asked == "torch":
        raise ConfigError("--runtime torch does not open an ONNX network; leave it out, or give the source's weights")
    if asked == "openvino" or (asked == "auto" and not is_installed("onnxruntime") and is_installed("openvino")):
        if record.precision == "int8":
            raise ConfigError(
                "an ONNX in int8 passed its gate in onnxruntime, and OpenVINO would round it otherwise: pip install "
                "onnxruntime and leave --runtime out, or export with --format openvino --int8"
            )
        return "openvino"
    return "onnxruntime"


def _check_files(source: Source, record: ExportRecord) -> None:
    """Pass files that are those of the record, whole.

    Raises:
        WeightsError: Others, or not all of them.
    """
    folder = source.files[0].parent
    allowed = ARTEFACTS[record.format]
    names = [path.name for path in source.files]
    if names[0] != allowed[0] or set(names) != set(record.files) or not set(names) <= set(allowed):
        raise WeightsError(
            f"{folder} holds {', '.join(names)}, and its {DETECTOR_YAML} names "
            f"{', '.join(sorted(record.files)) or 'none'} of a network in {record.format}; {EXPORT_AGAIN}"
        )
    for path in source.files:
        try:
            found = sha256_of(path)
        except OSError as error:
            raise WeightsError(f"{path} cannot be read: {error.strerror}") from error
        if found != record.files[path.name]:
            raise WeightsError(
                f"{path} is not the file that was exported: its SHA-256 is {found[:_DIGITS]}..., and {DETECTOR_YAML} "
                f"says {record.files[path.name][:_DIGITS]}...; copy the folder again, or {EXPORT_AGAIN}"
            )
