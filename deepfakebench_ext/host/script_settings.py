"""What the command line says over DeepfakeBench's own YAMLs, put in as its scripts read them.

Its scripts read the detector's YAML and then their own, training/config/test_config.yaml or train_config.yaml, whose
values win (training/test.py:150-154, training/train.py:226-232); of most of these there is no option.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from deepfakebench_ext.common.errors import ConfigError, HostError
from deepfakebench_ext.common.yaml_files import assignments, overridden

OWN_YAMLS: Final = {"test.py": "training/config/test_config.yaml", "train.py": "training/config/train_config.yaml"}
"""The scripts that read a detector's YAML and load frames, and the YAML of their own."""

PATHS: Final = ("rgb_dir", "lmdb_dir", "dataset_json_folder", "log_dir")
_JSON_FOLDER: Final = "dataset_json_folder"
_READ_FROM: Final = ("rgb_dir", "lmdb_dir", _JSON_FOLDER)


@dataclass(slots=True)
class ScriptSettings:
    """Values that replace those of the YAMLs.

    Attributes:
        said: Key -> value; `a.b` means `b` within `a`. Paths are absolute.
        user_dir: Where the user is, and where logs go.
        json_folder_of_yaml: What the script's own YAML says of the dataset JSONs, once it was read.
    """

    said: Mapping[str, Any]
    user_dir: Path
    json_folder_of_yaml: str | None = field(default=None, init=False)

    @classmethod
    def of(cls, options: Mapping[str, str | None], texts: Sequence[str], user_dir: Path) -> ScriptSettings:
        """Return the settings that a command line says.

        Args:
            options: `rgb_dir`, `lmdb_dir`, `dataset_json_folder`, `log_dir`; None where not given.
            texts: `key=value`, the value in YAML; these win.
            user_dir: Relative paths begin here.

        Raises:
            ConfigError: Both kinds of frames, or an assignment that is none.
        """
        if options.get("rgb_dir") and options.get("lmdb_dir"):
            raise ConfigError("--rgb_dir and --lmdb_dir are both given; frames come from one of them")
        said: dict[str, Any] = {name: options[name] for name in PATHS if options.get(name)}
        if "rgb_dir" in said or "lmdb_dir" in said:
            said["lmdb"] = "lmdb_dir" in said
        said.update(assignments(texts, "nEpochs=2 or --set frame_num.test=8"))
        for name in PATHS:
            if said.get(name):
                said[name] = str(user_dir / Path(said[name]).expanduser())
        return cls(said, user_dir)

    def check(self, known: Iterable[str]) -> None:
        """Pass keys that someone reads.

        Args:
            known: The keys of the YAMLs at hand, and those that our detectors read.

        Raises:
            ConfigError: A key that nobody knows.
        """
        keys = sorted({*known})
        for key in self.said:
            if (top := key.split(".")[0]) not in keys:
                near = difflib.get_close_matches(top, keys, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise ConfigError(f"--set {key}: neither DeepfakeBench's YAMLs nor ours know {top!r}{hint}")

    def check_folders(self) -> None:
        """Pass folders to read from that are there.

        Raises:
            HostError: One is not.
        """
        for name in _READ_FROM:
            if self.said.get(name) and not Path(self.said[name]).is_dir():
                raise HostError(f"--{name}: {self.said[name]} is not a folder")

    def merged(self, detector: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a script will see of its two YAMLs, given as they stand in the files; its own wins."""
        return {**overridden(detector, self.said), **self._over_own(own)}

    @contextmanager
    def in_yamls(self, root: Path, detector: Path | None) -> Iterator[None]:
        """Let `yaml.safe_load` give these values for the detector's YAML and the scripts' own, inside the context.

        Args:
            root: The checkout.
            detector: The detector's YAML, where the script takes one.
        """
        original = yaml.safe_load
        own = {(root / name).resolve() for name in OWN_YAMLS.values()}

        @functools.wraps(original)
        def safe_load(stream: Any) -> Any:
            values = original(stream)
            name = getattr(stream, "name", None)
            file = Path(name).resolve() if isinstance(name, str) else None
            if isinstance(values, dict) and file in own:
                return self._for_own(values)
            if isinstance(values, dict) and detector is not None and file == detector.resolve():
                return self._for_detector(values)
            return values

        yaml.safe_load = safe_load
        try:
            yield
        finally:
            yaml.safe_load = original

    def json_folders(self, of_script: str) -> list[str]:
        """Return the folders in which a dataset's JSON may lie, the wanted first.

        Args:
            of_script: The one that the script would take: in LMDB mode train.py takes preprocessing/dataset_json_v3,
                which does not exist, whatever its YAML says (training/train.py:244-245).
        """
        folders = (self.said.get(_JSON_FOLDER), of_script, self.json_folder_of_yaml)
        return list(dict.fromkeys(str(folder) for folder in folders if folder))

    def _for_detector(self, values: dict[str, Any]) -> dict[str, Any]:
        """The values of the detector's YAML; a model folder is meant as the user sees it."""
        result = overridden(values, self.said)
        model = result.get("huggingface_model_name")
        if isinstance(model, str) and (self.user_dir / model).exists():
            result["huggingface_model_name"] = str(self.user_dir / model)
        return result

    def _for_own(self, values: dict[str, Any]) -> dict[str, Any]:
        """The values of a script's own YAML: logs go to the user, not into the checkout (training/train.py:249-253)."""
        self.json_folder_of_yaml = values.get(_JSON_FOLDER)
        if values.get("log_dir"):
            values = {**values, "log_dir": str(self.user_dir / values["log_dir"])}
        return self._over_own(values)

    def _over_own(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return overridden(values, {key: value for key, value in self.said.items() if key.split(".")[0] in values})
