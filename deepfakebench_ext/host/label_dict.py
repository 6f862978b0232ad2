"""What a checkout calls real and fake: the table to which its maintainers add the labels of a dataset of their own."""

from __future__ import annotations

from pathlib import Path

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.yaml_files import read_mapping
from deepfakebench_ext.host.script_settings import OWN_YAMLS

LABELS_OF_TESTS = OWN_YAMLS["test.py"]
"""The YAML of which test.py takes `label_dict`, whatever the detector's says.

Source: DeepfakeBench training/test.py:150-156.
"""


def labels_of(checkout: Path) -> dict[str, object]:
    """Return the `label_dict` by which a checkout tests; empty where it has none.

    Raises:
        ConfigError: Its YAML cannot be read, or says something else under that key.
    """
    file = checkout / LABELS_OF_TESTS
    if not file.is_file():
        return {}
    found = read_mapping(file).get("label_dict") or {}
    if not isinstance(found, dict):
        raise ConfigError(f"{file}: label_dict maps names to 0 (real) or 1 (fake), got {type(found).__name__}")
    return {str(name): value for name, value in found.items()}
