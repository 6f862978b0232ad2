"""From what a user writes after `--weights` to files on this machine.

One grammar: an existing path, or a hub id `org/name[@revision]`. What looks like a path never reaches the network.
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from deepfakebench_ext.common.digests import sha256_of
from deepfakebench_ext.common.errors import WeightsError
from deepfakebench_ext.common.json_files import read_object
from deepfakebench_ext.common.wording import cut, printable
from deepfakebench_ext.models.weights import hub

WEIGHT_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt")
# What save_pretrained writes, in the order in which transformers itself prefers it.
STANDARD_WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
# What `dfb-ext export` writes instead, to the files that go with each; the first are those that a runtime scores with.
EXPORTED = {
    "model.onnx": ("model.onnx.data",),
    "model.xml": ("model.bin",),
    "model.pt2": (),
    "model.torchscript": (),
}
_EXPORTED_SUFFIXES = (".onnx", ".xml", ".pt2", ".torchscript")
# What `dfb-ext train` writes beside the weights, how they are to be scored, and the key of config.json that names it.
DETECTOR_YAML, NAMES_YAML = "detector.yaml", "detector_yaml"
PROCESSOR_FILES = ("processor_config.json", "preprocessor_config.json", "video_preprocessor_config.json")

EXPORT_AGAIN = "write it with: dfb-ext export --weights W --format onnx --output_dir DIR"

_LONGEST_NAME = 80
_HUB_ID = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?", re.ASCII)
_HUB_PAGE = re.compile(
    r"https?://(?:www\.)?(?:huggingface\.co|hf\.co)/([\w.-]+/[\w.-]+)(?:/(?:tree|blob)/([\w.-]+))?", re.ASCII
)
_PATH_LIKE = re.compile(r"[./~]|[A-Za-z]:[\\/]|.*\\")
_SPELLINGS = (
    "Weights are an existing folder (save_pretrained), an existing file "
    f"({', '.join(WEIGHT_SUFFIXES)}), a folder of dfb-ext export, or a hub id such as org/name or org/name@revision"
)


@dataclass(frozen=True, slots=True)
class HubId:
    """A repository of the hub and, if one was named, its branch, tag or commit."""

    repo: str
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Weights found and lying on this machine.

    Attributes:
        spec: What was asked for.
        kind: `hub`, `folder` or `file`; `random` where an architecture was given and no weights at all.
        folder: The `save_pretrained` folder with `config.json` and the processor's JSON; None for a lone file.
        files: Weight files in reading order: one, or the shards.
        revision: Commit of the hub repository, else None.
    """

    spec: str
    kind: Literal["hub", "folder", "file", "random"]
    folder: Path | None
    files: tuple[Path, ...]
    revision: str | None = None

    @property
    def is_exported(self) -> bool:
        """Whether it is a network of `dfb-ext export`, which a runtime scores with."""
        return bool(self.files) and self.files[0].name in EXPORTED

    def sha256(self) -> str:
        """Return the SHA-256 over the bytes of the weight files, in order, as hex digits."""
        return sha256_of(*self.files)


def parse_weights(spec: str) -> Path | HubId:
    """Return the existing path or the hub id that `spec` means.

    Raises:
        WeightsError: It looks like a path and nothing is there, or it is neither; the message shows near spellings.
            Or it may not be read.
    """
    # Not the methods of Path: these raise for an unknown `~user` and for a name too long to exist.
    path = Path(os.path.expanduser(spec))  # noqa: PTH111
    if spec and os.path.exists(path):  # noqa: PTH110
        if not os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
            raise WeightsError(f"{path} cannot be read: permission denied")
        return path
    match = _HUB_ID.fullmatch(spec)
    first = spec.split("/")[0]
    has_suffix = path.suffix.lower() in (*WEIGHT_SUFFIXES, *_EXPORTED_SUFFIXES)
    # `checkpoints/clip` beside a folder `checkpoints` is a typo, not a repository; `checkpoints/clip@main` is one.
    in_local_folder = "@" not in spec and os.path.isdir(first)  # noqa: PTH112
    if page := _HUB_PAGE.match(spec):
        raise WeightsError(f"{spec!r} is a page of the hub; type {page[1]}{f'@{page[2]}' if page[2] else ''}")
    if match is None or _PATH_LIKE.match(spec) or has_suffix or in_local_folder:
        raise WeightsError(f"there are no weights at {spec!r}.{_near(path)} {_SPELLINGS}")
    return HubId(match["repo"], match["revision"])


def resolve_weights(spec: str) -> Source:
    """Return the weights meant by `spec`, downloaded if they are on the hub.

    Raises:
        WeightsError: Not found, not reachable, gated, or a folder without weights.
    """
    parsed = parse_weights(spec)
    if isinstance(parsed, HubId):
        return _resolve_hub(spec, parsed)
    if parsed.is_dir():
        return Source(spec, "folder", parsed, _weight_files_of(parsed))
    if not parsed.is_file():
        raise WeightsError(f"{parsed} is a pipe or a device, not a file. {_SPELLINGS}")
    if parsed.suffix.lower() in _EXPORTED_SUFFIXES:
        return Source(spec, "folder", parsed.parent, _exported(parsed))
    if (parsed.parent / "config.json").is_file() and parsed.name in STANDARD_WEIGHTS:
        # A file of a save_pretrained folder: its config and processor lie beside it.
        return Source(spec, "folder", parsed.parent, _shards(parsed))
    return Source(spec, "file", None, (parsed,))


def resolve_config(spec: str) -> dict[str, Any]:
    """Return the `config.json` of a hub id or folder, without touching its weights.

    Raises:
        WeightsError: Not found, not reachable, not JSON, or part of an export.
    """
    parsed = parse_weights(spec)
    if isinstance(parsed, HubId):
        return read_json(hub.fetch_config(parsed.repo, parsed.revision)[0])
    folder = parsed if parsed.is_dir() else parsed.parent
    if not (folder / "config.json").is_file():
        _check_no_export(folder)
    return read_json(folder / "config.json")


def resolve_beside(spec: str, name: str) -> Path | None:
    """Return a file that lies beside the `config.json` of a hub id or folder, None where there is none.

    Raises:
        WeightsError: As `resolve_config`.
    """
    parsed = parse_weights(spec)
    if isinstance(parsed, HubId):
        return hub.fetch(parsed.repo, name, parsed.revision)
    path = (parsed if parsed.is_dir() else parsed.parent) / name
    return path if path.is_file() else None


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises:
        WeightsError: The file is absent or not a JSON object.
    """
    try:
        return read_object(path)
    except FileNotFoundError as error:
        raise WeightsError(f"{path.parent} has no {path.name}, so its architecture is unknown. {_SPELLINGS}") from error
    except (ValueError, OSError) as error:
        raise WeightsError(f"{path} is not readable JSON: {error}") from error


def _resolve_hub(spec: str, hub_id: HubId) -> Source:
    config, revision = hub.fetch_config(hub_id.repo, hub_id.revision)
    weights = None
    for name in STANDARD_WEIGHTS:
        if weights := hub.fetch(hub_id.repo, name, revision):
            break
    if weights is None:
        what = f"weights that can be read ({', '.join(STANDARD_WEIGHTS)})"
        raise WeightsError(hub.lacks(hub_id.repo, hub_id.revision, what))
    for shard in _shard_names(weights):
        if hub.fetch(hub_id.repo, shard, revision) is None:
            raise WeightsError(hub.lacks(hub_id.repo, hub_id.revision, f"{shard} (named by its {weights.name})"))
    for name in PROCESSOR_FILES:
        hub.fetch(hub_id.repo, name, revision)
    return Source(spec, "hub", config.parent, _shards(weights), revision)


def _weight_files_of(folder: Path) -> tuple[Path, ...]:
    for name in STANDARD_WEIGHTS:
        if (folder / name).is_file():
            return _shards(folder / name)
    for name in EXPORTED:
        if (folder / name).is_file():
            return _exported(folder / name)
    inside = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
    loose = [name for name in inside if name.lower().endswith(WEIGHT_SUFFIXES)]
    hint = f" It holds {', '.join(loose[:5])}: name that file itself." if loose else f" It holds: {inside[:8]}."
    raise WeightsError(f"the folder {folder} has none of {', '.join(STANDARD_WEIGHTS)}.{hint}")


def _check_no_export(folder: Path) -> None:
    """Pass a folder in which no network of an export lies.

    Raises:
        WeightsError: One does; says what else would have to.
    """
    for network in (folder / name for name in EXPORTED):
        if network.is_file():
            _exported(network)
            raise WeightsError(
                f"{folder} is an export without its config.json; copy the folder again, or {EXPORT_AGAIN}"
            )


def _exported(network: Path) -> tuple[Path, ...]:
    """Return the files of an exported network.

    Raises:
        WeightsError: It is none of ours, or code that loading would run.
    """
    described = (network.parent / DETECTOR_YAML).is_file()
    if described and network.name not in EXPORTED:
        names = ", ".join(EXPORTED)
        raise WeightsError(f"{network} has none of the names of an export, {names}; rename it, or {EXPORT_AGAIN}")
    if not described:
        raise WeightsError(
            f"{network} is a network without a {DETECTOR_YAML} beside it, which says how images are prepared and which "
            f"output is fake; {EXPORT_AGAIN}, and give DIR"
        )
    if network.suffix in (".pt2", ".torchscript"):
        raise WeightsError(
            f"{network} is for others to run: to load it is to run what it contains. To score with it here, "
            f"{EXPORT_AGAIN}, and give DIR"
        )
    beside = (network.parent / name for name in EXPORTED[network.name])
    return (network, *(path for path in beside if path.exists()))


def _shards(weights: Path) -> tuple[Path, ...]:
    if not weights.name.endswith(".index.json"):
        return (weights,)
    files = tuple(weights.parent / name for name in _shard_names(weights))
    absent = [path.name for path in files if not path.is_file()]
    if absent:
        raise WeightsError(f"{weights} names shards that are not there: {', '.join(absent)}")
    return files


def _shard_names(weights: Path) -> list[str]:
    if not weights.name.endswith(".index.json"):
        return []
    names = read_json(weights).get("weight_map")
    if not isinstance(names, dict) or not names:
        raise WeightsError(f"{weights} has no weight_map, so its shards are unknown")
    shards = sorted({str(name) for name in names.values()})
    # The hub's client prints the names of what it fetches as they are.
    odd = [name for name in shards if Path(name).name != name or not name.isprintable()]
    if odd:
        shown = ", ".join(cut(printable(name), _LONGEST_NAME) for name in odd[:3])
        raise WeightsError(f"{weights} names shards that are no files of its own folder: {shown}")
    return shards


def _near(path: Path) -> str:
    folder = path.parent
    try:
        names = [entry.name for entry in folder.iterdir()]
    except (OSError, ValueError):
        return f" The folder {str(folder)!r} is not there either."
    near = difflib.get_close_matches(path.name, names, n=3, cutoff=0.5)
    return f" Near it: {', '.join(str(folder / name) for name in near)}." if near else ""
