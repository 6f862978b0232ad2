"""A detector of DeepfakeBench's, built from its YAML without its pretrained files, or the reason why it cannot be."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from deepfakebench_ext.common.errors import ConfigError, ExtError, HostError, MissingExtraError
from deepfakebench_ext.host import torchvision_ops
from deepfakebench_ext.host.blank import blank, working_like_its_scripts
from deepfakebench_ext.host.foreign import FOREIGN
from deepfakebench_ext.host.packages import mount
from deepfakebench_ext.host.pip_names import is_own, pip_name

_FOREIGN_BUILD = (*FOREIGN, ImportError, RuntimeError, ValueError)
# What train.py adds to a YAML and a constructor reads (train.py:233, 256; iid_detector.py:73).
_OF_THE_SCRIPTS = {"ddp": False, "local_rank": 0}


def construct(
    checkout: Path,
    name: str,
    config: Mapping[str, Any],
    *,
    architecture: Mapping[str, Any] | None,
    fetch_config: Callable[[str], Mapping[str, Any]],
) -> nn.Module:
    """Return a detector of DeepfakeBench's with random parameters, its module imported alone.

    Args:
        checkout: Its root.
        name: In its registry.
        config: The detector's YAML; left unchanged.
        architecture: As for `blank`.
        fetch_config: As for `blank`.

    Raises:
        ConfigError: A key that the constructor needs is missing.
        HostError: Its code fails here.
        MissingExtraError: A package that it imports is not installed.
    """
    values = {**_OF_THE_SCRIPTS, **copy.deepcopy(dict(config))}
    values["pretrained"] = values.get("pretrained") or "nothing"  # tall_detector.py:768 does not survive null
    with working_like_its_scripts(checkout):
        cls = _imported(checkout, name)
        try:
            with blank(architecture, fetch_config):
                model: nn.Module = cls(values)
        except ExtError:
            raise
        except KeyError as error:
            raise ConfigError(
                f"DeepfakeBench's {name} looks for {error} and does not find it{_where(error)}; is it missing from the "
                f"detector YAML?"
            ) from error
        except _FOREIGN_BUILD as error:
            raise _build_error(name, error) from error
    return model


def in_words(error: BaseException) -> str:
    """Return an error of code that is not ours, with the line that raised it."""
    return f"{type(error).__name__}: {error}{_where(error)}"


def _imported(checkout: Path, name: str) -> Any:
    try:
        torchvision_ops.make_importable()
        return mount(checkout).DETECTOR[name]
    except ExtError:
        raise
    except _FOREIGN_BUILD as error:
        raise _build_error(name, error) from error


def _build_error(name: str, error: BaseException) -> ExtError:
    if isinstance(error, ModuleNotFoundError) and error.name and not is_own(error.name):
        module = error.name.split(".")[0]
        return MissingExtraError(
            f"DeepfakeBench's {name} needs the package {module}, which is not installed: pip install {pip_name(module)}"
        )
    return HostError(f"DeepfakeBench's {name} cannot be built here: {in_words(error)}")


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f" ({Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})" if trace is not None else ""
