"""JSON files, read whole, with errors that say what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.paths import missing_path
from deepfakebench_ext.common.regular_files import regular


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        ConfigError: It is missing, unreadable, no JSON, or nested too deeply.
    """
    try:
        return json.loads(regular(path).read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise missing_path(path) from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from error
    except RecursionError as error:
        raise ConfigError(f"{path} is nested too deeply to be read") from error
    except ValueError as error:
        raise ConfigError(f"{path} is no JSON in UTF-8: {error}") from error
