"""`merge`: what the shards of a run scored, into the run that one command would have written."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.errors import ConfigError, OutputError
from deepfakebench_ext.common.locked_folder import read_settings
from deepfakebench_ext.common.run_names import METRICS_JSON, PARTS, SETTINGS
from deepfakebench_ext.common.wording import counted
from deepfakebench_ext.engine.part_files import PartFile, is_part_name, journal_of
from deepfakebench_ext.engine.parts import Parts
from deepfakebench_ext.engine.run_directory import RunDirectory, is_complete
from deepfakebench_ext.evaluation.finished import evaluation_of
from deepfakebench_ext.evaluation.outcome import Evaluation
from deepfakebench_ext.evaluation.sharing import SHARDS, ShardRecord, check_reported, clear_shared

logger = logging.getLogger(__name__)

_FEW = 5


def merge(folders: Sequence[Path], target: Path) -> Evaluation:
    """Write the run that shards are of, and return its figures: byte for byte the scores and figures of one command.

    Args:
        folders: Run directories of the shards; one, where all wrote to the same disk.
        target: The run directory to write; may be one of them. The parts in it are removed once all is written, those
            of other folders stay. Where the run is there and its parts are not, it is not written again.

    Raises:
        ConfigError: No shards, one of other settings, some that are missing or not finished, or a run whose parts are
            gone and that was reported otherwise.
        OutputError: Files that are damaged or contradict each other, or results that cannot be written.
    """
    settings = _settings(folders)
    has_run = _has_run(target, settings)
    if has_run and not any((folder / PARTS).exists() for folder in folders):
        logger.info("merged before: %s", target)
        clear_shared(target)
        return evaluation_of(target)
    records = [ShardRecord.read(path) for folder in folders for path in sorted(folder.glob(SHARDS))]
    if not records:
        raise ConfigError(f"{_listed(folders)}: no shard wrote here; score with --shard 1/2 and --shard 2/2 first")
    if any(_asked(record) != _asked(records[0]) for record in records):
        raise ConfigError(
            f"{_listed(folders)}: the shards were asked for different reports or numbers of shards; run them again "
            "with the same options, and --shard alone different"
        )
    paths = _parts(folders, settings["fingerprint"])
    is_own = any(folder.resolve() == target.resolve() for folder in folders)
    if has_run and is_own and len(paths) < records[0].parts:  # its own are gone, or some where it was killed
        check_reported(target, records[0].report)
        clear_shared(target)
        return evaluation_of(target)
    _check_whole(records, paths)
    ordered = [paths[number] for number in range(records[0].parts)]
    with RunDirectory(target, settings) as run:
        run.fill(journal_of(ordered))
        samples = [sample for path in ordered for sample in PartFile.read(path).samples]
        size = int(settings["batch_size"])
        run.resume(samples, size, Parts.of(samples, size))
        merged = records[0].report.write(target, samples, run.predictions)
        clear_shared(target)
    return merged


def _has_run(target: Path, settings: Mapping[str, Any]) -> bool:
    """Whether the run is there, whole, with its figures; its parts are removed once it is."""
    said = read_settings(target) or {}
    is_same = said.get("fingerprint") == settings["fingerprint"]
    return is_same and is_complete(target) and (target / METRICS_JSON).is_file()


def _settings(folders: Sequence[Path]) -> Mapping[str, Any]:
    """The settings that all have.

    Raises:
        ConfigError: A folder that is no run's, or one of other settings, by what is different.
    """
    first: Mapping[str, Any] | None = None
    for folder in folders:
        settings = read_settings(folder)
        if settings is None or "fingerprint" not in settings:
            raise ConfigError(f"{folder} is no run directory: it has no {SETTINGS}; give those that --shard wrote")
        first = first or settings
        if settings["fingerprint"] != first["fingerprint"]:
            differ = sorted(name for name in {*first, *settings} if first.get(name) != settings.get(name))
            names = ", ".join(name for name in differ if name not in _NOT_SETTINGS)
            raise ConfigError(
                f"{folder} is of other settings than {folders[0]}: {names}. Merge shards of one command, on machines "
                "with the same versions and files"
            )
    assert first is not None
    return first


_NOT_SETTINGS = ("fingerprint", "command", "begun", "asked")


def _asked(record: ShardRecord) -> tuple[Any, ...]:
    return record.shard.count, record.parts, record.report


def _parts(folders: Iterable[Path], fingerprint: str) -> dict[int, Path]:
    """The file of each part of the run that is there, by its number; others are named, and left alone.

    Raises:
        OutputError: Two of one part that are not the same.
    """
    found: dict[int, Path] = {}
    for folder in dict.fromkeys(folders):
        for path in sorted((folder / PARTS).glob("*.jsonl")):
            part = PartFile.read(path) if is_part_name(path.name) else None
            if part is None or part.fingerprint != fingerprint:
                logger.warning("%s is no part of this run, and is left out", path)
                continue
            known = found.setdefault(part.number, path)
            if known.read_bytes() != path.read_bytes():
                raise OutputError(
                    f"{known} and {path} are the same part with other scores: the machines compute differently. Remove "
                    "the one that you do not trust, and merge again"
                )
    return found


def _check_whole(records: Sequence[ShardRecord], paths: Mapping[int, Path]) -> None:
    """Pass parts of which none is missing.

    Raises:
        ConfigError: Names the shards that did not run, and those that did not finish.
    """
    count, parts = records[0].shard.count, records[0].parts
    missing = [number for number in range(parts) if number not in paths]
    if not missing:
        return
    begun = {record.shard.number for record in records}
    lacking = sorted({number % count + 1 for number in missing})
    shards = ", ".join(f"{number}/{count}{' (not finished)' if number in begun else ''}" for number in lacking[:_FEW])
    more = f" and {len(lacking) - _FEW} more" if len(lacking) > _FEW else ""
    raise ConfigError(
        f"{counted(len(missing), 'part')} of {parts} are missing, of the shards {shards}{more}: run these with "
        "--shard, or name their folders too, and merge again"
    )


def _listed(folders: Sequence[Path]) -> str:
    return ", ".join(map(str, folders[:_FEW]))
