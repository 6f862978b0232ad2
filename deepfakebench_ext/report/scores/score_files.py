"""Files that hold scores, of any form we know: a run directory, our tables, the older tool's text, tables of others."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.csv_files import is_number
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.protocol import EvaluationProtocol
from deepfakebench_ext.common.run_names import JOURNAL, SCORES_CSV, SCORES_PARQUET, SETTINGS
from deepfakebench_ext.common.suffixes import is_image_name
from deepfakebench_ext.metrics.figure import LEVELS
from deepfakebench_ext.metrics.names import Names
from deepfakebench_ext.metrics.score_table import COMPRESSION, ScoreTable
from deepfakebench_ext.report.scores.csv_writing import EDGES, trained_of
from deepfakebench_ext.report.scores.parts import is_pattern, matches, open_source, parts_in
from deepfakebench_ext.report.scores.pieces import Source
from deepfakebench_ext.report.scores.run_facts import facts_beside
from deepfakebench_ext.report.scores.table_reading import KEYLESS, ColumnNames, TableScores, read_table
from deepfakebench_ext.report.scores.text_reading import is_results_text, read_results_text
from deepfakebench_ext.report.seen import Seen

__all__ = ["ColumnNames", "ScoreFile", "check_columns", "columns_of", "read_scores", "refuse_run_directory"]

ALWAYS_KEPT = (COMPRESSION, "split", "sha256")
"""Columns that are read where a file has them: a breakdown and warnings rest on them."""
_LOOKED_AT = ("frame", "frame_file", *EDGES)


@dataclass(frozen=True, slots=True, eq=False)
class ScoreFile:
    """Scores as a file holds them.

    Attributes:
        table: The scores, one row an image, frame, clip or video.
        path: The file that was read; of several parts the folder, or the pattern.
        title: What gave the scores: the weights where it is known, else the name of the file.
        trained: Whether the detector's head came from weights; None where the file does not say.
        aggregation: The rule by which the run came to the scores of its videos; None where it has none.
        notices: Warnings that belong to the scores.
        run: What `run.json` holds; empty where there is none.
        protocol: On what and how the run was made; None where that is not known.
        column: The column that the scores are of, where the file has those of several detectors.
    """

    table: ScoreTable
    path: Path
    title: str
    trained: bool | None = None
    aggregation: str | None = None
    notices: tuple[Notice, ...] = ()
    run: Mapping[str, Any] = field(default_factory=dict)
    protocol: EvaluationProtocol | None = None
    column: str = ""
    _paths: tuple[str, ...] = ()
    _source: Source | None = None
    _folder: Path = Path()

    def of_column(self, name: str) -> ScoreFile:
        """Return the same as the scores of one of several detectors, which is called as its column is."""
        return replace(self, title=name, column=name)

    def paths(self, rows: Sequence[int]) -> list[str]:
        """Return where the files of some rows lie, as far as is known; else empty texts. Reads the file once more.

        A relative path holds from the working directory; where nothing is there, from the folder of the scores.
        """
        return [_place(path, self._folder) for (path,) in self.cells(("path",), rows)]

    def looks(self, rows: Sequence[int]) -> list[Seen]:
        """Return what was scored in some rows, as far as is known. Reads the file once more."""
        return [_seen(cells, self._folder) for cells in self.cells(("path", *_LOOKED_AT), rows)]

    def cells(self, names: Sequence[str], rows: Sequence[int]) -> list[tuple[str, ...]]:
        """Return the cells of some columns in some rows, empty where there is none. Reads the file once more."""
        if self._source is None or not rows:
            known = [{"path": self._paths[row]} if self._paths else {} for row in rows]
            return [tuple(each.get(name, "") for name in names) for each in known]
        return self._source.pick(names, rows)


def read_scores(
    path: str | Path, *, columns: ColumnNames | None = None, keep: Iterable[str] = (), level: Level | None = None
) -> ScoreFile:
    """Read the scores of a run directory or a file; what it is, it says itself.

    Args:
        path: A run directory; a `scores.csv`, `scores.parquet` or `videos.csv`; an `inference_results*.txt` of the
            older tool or of ours; a CSV whose header names its columns, or a Parquet file; a folder or a pattern of
            such files, which are then one table in parts.
        columns: What a file calls its columns, where they are not called `label`, `score`, `key` and so on.
        keep: Further columns to read; each must be there.
        level: What a row stands for; None takes what the file says, or `frame`.

    Raises:
        ConfigError: Nothing there, no scores in it, or a line that cannot be used; says which, and what to type.
        MissingExtraError: It is Parquet, and pyarrow is not installed.
    """
    if level is not None and level not in LEVELS:
        raise ConfigError(f"--level {level!r} is not known; allowed are {', '.join(LEVELS)}")
    keep, (source, files) = tuple(keep), _opened(Path(path))
    if source is None:
        return _from_text(files[0], keep, level)
    found = read_table(source, columns or ColumnNames(), keep=(*keep, *ALWAYS_KEPT))
    for name in keep:
        if name not in found.columns and name not in ("method", "dataset", "video", "status"):
            raise ConfigError(f"{source.path} has no column {name!r}; it has {', '.join(found.columns)}")
    return _from_table(source, files, found, level)


def table_at(path: str | Path) -> Source | None:
    """Return the table that `read_scores` reads, opened and not read; None for a text.

    Raises:
        ConfigError: Nothing there, or no scores in it.
        MissingExtraError: It is Parquet, and pyarrow is not installed.
    """
    return _opened(Path(path))[0]


def columns_of(path: str | Path) -> tuple[str, ...]:
    """Return the names of the columns in the file that `read_scores` reads; none of a text.

    Raises:
        ConfigError: Nothing there, or no scores in it.
    """
    path, files = _files_of(Path(path))
    if _is_text(files) or any(_is_json(file) for file in files):
        return ()
    return tuple(open_source(path, files).header)


def check_columns(path: str | Path, names: Collection[str]) -> None:
    """Pass names of columns that a file of scores has.

    Raises:
        ConfigError: Another; says which there are.
    """
    known = columns_of(path) if names else ()
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ConfigError(f"{path} has no column {name!r}{hint}; it has {', '.join(known) or 'none'}")


def refuse_run_directory(folder: Path) -> None:
    """Pass a folder into which a report may be written.

    Raises:
        ConfigError: It is that of a run, whose own figures and report would be replaced.
    """
    if any((folder / name).exists() for name in (SETTINGS, SCORES_CSV)):
        raise ConfigError(f"{folder} is the directory of a run, whose report would be lost; give another --output_dir")


def _place(path: str, folder: Path) -> str:
    beside = os.path.join(folder, path)  # noqa: PTH118 - a million of them
    return beside if path and not os.path.exists(path) and os.path.exists(beside) else path  # noqa: PTH110


def _seen(cells: Sequence[str], folder: Path) -> Seen:
    path, frame, frame_file, *edges = cells
    is_box = all(map(is_number, edges))
    return Seen(
        _place(path, folder),
        int(frame) if frame.isdecimal() and len(frame) < 10 else None,
        frame_file,
        (float(edges[0]), float(edges[1]), float(edges[2]), float(edges[3])) if is_box else None,
    )


def _files_of(path: Path) -> tuple[Path, list[Path]]:
    """What is read, and the files that hold it: of a run directory its scores, of other folders and patterns parts."""
    if is_pattern(str(path)):
        files = [each for each in matches(str(path)) if each.is_file()]
        if not files:
            raise ConfigError(f"'{path}' matches folders only; a pattern is of files: '{path}/*.parquet'")
        return (files[0] if len(files) == 1 else path), files
    if path.is_file():
        return path, [path]
    if not path.is_dir():
        raise ConfigError(f"{path} does not exist; give a run directory, its {SCORES_CSV}, or a file of scores")
    if scores := _scores_of_run(path):
        return scores, [scores]
    if (path / JOURNAL).is_file():
        raise ConfigError(
            f"{path} is a run that was cut off; the command that began it ends it, and writes {SCORES_CSV}"
        )
    runs = sorted(each.parent.name for each in path.glob(f"*/{SCORES_CSV}"))
    if runs or not (files := parts_in(path)):
        inside = f"; the runs in it are {', '.join(runs[:5])}{', ...' if len(runs) > 5 else ''}" if runs else ""
        raise ConfigError(f"{path} holds no {SCORES_CSV}{inside}")
    return path, files


def _scores_of_run(folder: Path) -> Path | None:
    """The file of scores of a run: Parquet, which is read faster, where it is not older than the CSV and can be."""
    text, table = folder / SCORES_CSV, folder / SCORES_PARQUET
    if not text.is_file():
        return table if table.is_file() else None
    is_newer = table.is_file() and table.stat().st_mtime_ns >= text.stat().st_mtime_ns
    return table if is_newer and find_spec("pyarrow") else text


def _opened(path: Path) -> tuple[Source | None, list[Path]]:
    """What `_files_of` gives as one table, None for a text; and the files."""
    path, files = _files_of(path)
    if _is_text(files):
        return None, files
    _refuse_json(files)
    return open_source(path, files), files


def _is_text(files: Sequence[Path]) -> bool:
    return len(files) == 1 and is_results_text(files[0])


def _is_json(file: Path) -> bool:
    return file.suffix.lower() in (".json", ".jsonl")


def _refuse_json(files: Sequence[Path]) -> None:
    if json_files := [file for file in files if _is_json(file)]:
        raise ConfigError(_no_scores(json_files[0]))


def _no_scores(file: Path) -> str:
    if file.name == JOURNAL:
        return f"{file} is the journal of a run; give the run directory {file.parent}"
    return (
        f"{file} is JSON: it holds figures, and no scores to compute them from (nor do the older tool's "
        f"*_eval_*.json and evaluation_summary.json); give the {SCORES_CSV} or inference_results*.txt of the same run"
    )


def _from_text(file: Path, keep: Sequence[str], level: Level | None) -> ScoreFile:
    if keep:
        raise ConfigError(f"{file} has no columns, so none called {keep[0]!r}; give the {SCORES_CSV} of the same run")
    found = read_results_text(file)
    table = found.table if level is None else replace(found.table, level=level)
    trained = False if any(notice.kind == "untrained" for notice in found.notices) else None
    return ScoreFile(table, file, found.title or file.stem, trained, notices=found.notices, _paths=found.paths)


def _from_table(source: Source, files: Sequence[Path], found: TableScores, level: Level | None) -> ScoreFile:
    facts = facts_beside(source)
    level = level or found.level or facts.level or "frame"
    has_videos = level != "video" and (facts.has_videos or _has_videos(found))
    return ScoreFile(
        table=replace(found.table, level=level, has_videos=has_videos),
        path=source.path,
        title=facts.title,
        trained=trained_of(found.heads),
        aggregation=facts.aggregation,
        notices=facts.notices if found.has_keys else (*facts.notices, KEYLESS),
        run=facts.run,
        protocol=facts.protocol,
        _source=source,
        _folder=files[0].parent,
    )


def _has_videos(found: TableScores) -> bool:
    """Whether rows belong to videos: a column says so, or keys that are not of images."""
    if found.table.column("video") is not None:
        return True
    if found.table.index.any():
        return found.has_keys
    return found.is_ours and not all(is_image_name(f"image.{suffix}") for suffix in _suffixes(found.table.key.names))


def _suffixes(names: Sequence[str]) -> set[str]:
    """What stands behind the last point of each, or all of it."""
    if not isinstance(names, Names):
        return {name.rpartition(".")[2] for name in names}
    ends = names.cut(names.last_of(b".") + 1, names.lengths)
    return set(ends.take(ends.first_seen()[1]))
