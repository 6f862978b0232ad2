"""What is to be scored, as a CSV or Parquet manifest lists it, or DFDC's metadata.json."""

from __future__ import annotations

import codecs
import csv
import difflib
import os
import stat
from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from deepfakebench_ext.common.csv_files import OURS, Rows, csv_header, csv_text, from_utf8
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.json_text import parse_json
from deepfakebench_ext.common.parquet import open_parquet
from deepfakebench_ext.common.paths import is_outside, manifest_entry, missing_path, named_file, path_key
from deepfakebench_ext.common.regular_files import regular
from deepfakebench_ext.common.suffixes import is_image_name
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.common.urls import folder_of, is_url, joined, without_secrets
from deepfakebench_ext.common.wording import printable
from deepfakebench_ext.data.samples.kinds import Kind
from deepfakebench_ext.data.samples.label_text import label_of_text
from deepfakebench_ext.data.samples.packed import PackedSamples
from deepfakebench_ext.remote.fetching import at_hand_as_asked
from deepfakebench_ext.remote.states import forget
from deepfakebench_ext.remote.typed import known


class _Row(NamedTuple):
    """The columns of a manifest."""

    path: str
    label: str
    video: str = ""
    dataset: str = ""
    method: str = ""


_CALLED_PATH = ("path", "image", "file", "filename")
"""What other tools head the column of paths with; the first of them that is there is meant."""


def read_manifest(csv_path: Path | str, *, kind: Kind) -> Sequence[Sample]:
    """The samples that a CSV or Parquet file lists, in its order; or the metadata.json that DFDC has beside its videos.

    Columns: `path`, `image`, `file` or `filename` (required; relative ones start at the manifest's folder, `\\` is read
    as `/`), `label` (0, 1, real, fake or a synonym, or empty), `video`, `dataset`, `method`; others are ignored. Files
    that do not exist are listed all the same, so that they are reported as not scored. The manifest may be a URL, as
    `typed.place` gives it, and so may what it lists.

    Raises:
        ConfigError: No such file, no text, no rows, a column missing or misspelt, or a line with an unknown label, a
            path that came before, or a path of the wrong kind; the message names the line.
        FetchError: A store that cannot be asked.
    """
    if isinstance(csv_path, str):
        with at_hand_as_asked(csv_path) as path:
            try:
                return _read(path, csv_path, kind)
            except ConfigError as error:
                raise ConfigError(str(error).replace(str(path), csv_path)) from error
    if not csv_path.exists():
        raise missing_path(csv_path)
    return _read(csv_path, None, kind)


def _read(csv_path: Path, url: str | None, kind: Kind) -> Sequence[Sample]:
    """As `read_manifest`, of a file on this machine, which lies at a URL, where there is one."""
    place, rows = _form(csv_path)
    files, folder, name = array("q"), csv_path.parent, str(csv_path)

    def each() -> Iterator[Sample]:
        for line, row in rows(csv_path):
            sample = _sample(row, folder if url is None else folder_of(url), f"{name}, {place} {line}", kind)
            files.append(hash(_file(sample.key, folder)))
            yield sample

    samples = PackedSamples(each())
    if (twice := _first_twice(files, samples, folder)) is not None:
        (first, _), (line, row) = (next(islice(rows(csv_path), number, None)) for number in twice)
        raise ConfigError(
            f"{csv_path}, {place} {line}: {without_secrets(row.path)} was already listed in {place} {first}"
        )
    if not samples:
        raise ConfigError(f"{csv_path} lists no samples; it needs a row for each under the header path,label")
    forget(sample.file for sample in samples if is_url(sample.file))
    return samples


def _first_twice(files: array[int], samples: Sequence[Sample], folder: Path) -> tuple[int, int] | None:
    """The numbers of the first file that was listed before, and of where it was; `files` are hashes of `_file`.

    A set of the files of a million samples would take 100 MB.
    """
    ordered = np.sort(np.frombuffer(files, np.int64))
    doubtful = set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())
    seen: dict[str, int] = {}
    for number, value in enumerate(files) if doubtful else ():
        if value in doubtful:
            file = _file(samples[number].key, folder)
            if file in seen:
                return seen[file], number
            seen[file] = number
    return None


def _file(key: str, folder: Path) -> str:
    """What is equal for two keys exactly where their file is the same."""
    return named_file(key, folder) if is_outside(key) else key


def _form(path: Path) -> tuple[str, Callable[[Path], Iterator[tuple[int, _Row]]]]:
    """What a row of a file is called, and what reads its rows: by how its content begins."""
    try:
        with regular(path).open("rb") as file:
            start = file.read(64).removeprefix(codecs.BOM_UTF8).lstrip()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    if start.startswith(b"PAR1"):
        return "row", _parquet_rows
    return ("entry", _json_rows) if start.startswith((b"{", b"[")) else ("line", _rows)


def _json_rows(path: Path) -> Iterator[tuple[int, _Row]]:
    """Numbers of entries, and rows as `_rows` gives them, of `{"a.mp4": {"label": "FAKE", ...}, ...}`."""
    wanted = (
        f'{path} is JSON, and is read only in the form of DFDC, {{"a.mp4": {{"label": "FAKE"}}}}; write a CSV with the '
        f"header path,label"
    )
    try:
        entries = parse_json(path.read_bytes().removeprefix(codecs.BOM_UTF8))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} begins as JSON and cannot be read: {error}") from error
    if not isinstance(entries, dict):
        raise ConfigError(wanted)
    for number, (name, entry) in enumerate(entries.items(), start=1):
        if not isinstance(entry, dict) or not isinstance(entry.get("label"), str):
            raise ConfigError(f"{wanted}; {printable(name[:80])!r} holds no label")
        yield number, _Row(name, entry["label"])


def _rows(csv_path: Path) -> Iterator[tuple[int, _Row]]:
    """Line numbers and stripped cells of a manifest, under its checked header; absent cells are empty."""
    with csv_text(csv_path) as file:
        reader = csv.reader(file, strict=True)
        header = _with_path(csv_header(reader, csv_path))
        _check_header(header, csv_path)
        # What a row lacks is taken from one empty cell behind its last.
        places = [header.index(name) if name in header else len(header) for name in _Row._fields]
        shared: dict[str, str] = {}
        # scores.csv of a run may be listed anew.
        for cells in filter(any, Rows(reader, is_ours=set(header) >= OURS)):
            if len(cells) > len(header):
                raise ConfigError(
                    f"{csv_path}, line {reader.line_num}: {len(cells)} cells under a header of {len(header)}; "
                    "put a path with a comma in quotes"
                )
            cells += [""] * (len(header) + 1 - len(cells))
            path, *others = [cells[place].strip() for place in places]
            yield reader.line_num, _Row(path, *(shared.setdefault(text, text) for text in others))


def _parquet_rows(path: Path) -> Iterator[tuple[int, _Row]]:
    """Numbers of rows, from 1, and stripped cells of a Parquet file with a CSV's columns; null is an empty cell."""
    try:
        with open_parquet(path) as file:
            names: list[str] = file.schema_arrow.names
            header = _with_path(names)
            _check_header(header, path)
            wanted = {column: names[header.index(column)] for column in _Row._fields if column in header}
            shared: dict[str, str] = {}
            is_ours, numbers = set(header) >= OURS, count(1)
            for batch in file.iter_batches(columns=[*wanted.values()]):
                columns = {column: batch.column(name).to_pylist() for column, name in wanted.items()}
                for cells in zip(*columns.values(), strict=True):
                    texts = {column: _text(cell, is_ours) for column, cell in zip(columns, cells, strict=True)}
                    said = {name: shared.setdefault(text, text) for name, text in texts.items() if name != "path"}
                    yield next(numbers), _Row(texts["path"], **{"label": "", **said})
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} begins as Parquet and cannot be read: {error}") from error


def _text(cell: object, is_ours: bool) -> str:
    text = "" if cell is None else str(int(cell) if isinstance(cell, bool) else cell).strip()
    return from_utf8(text) if is_ours else text


def _with_path(header: Sequence[str]) -> list[str]:
    """The header, with `path` for what another tool calls it."""
    names = list(header)
    found = next((name for name in _CALLED_PATH if name in names), None)
    return ["path" if at == names.index(found) else name for at, name in enumerate(names)] if found else names


def _check_header(header: Sequence[str], csv_path: Path) -> None:
    """Accept a header with `path` and without what looks like a misspelt column of ours."""
    absent = [column for column in _Row._fields if column not in header]
    for name in header:
        meant = difflib.get_close_matches(name.lower(), absent, n=1, cutoff=0.8)
        if meant:
            raise ConfigError(f"{csv_path} has a column {name!r}; did you mean {meant[0]!r}?")
    if "path" in absent:
        raise ConfigError(
            f"{csv_path} has no column 'path' (nor image, file or filename); its first line must name the columns, "
            "separated by commas, such as "
            f"path,label; it is {','.join(header)!r}"
        )


def _sample(row: _Row, folder: Path | str, where: str, kind: Kind) -> Sample:
    if not row.path:
        raise ConfigError(f"{where}: the path is empty")
    key, path = _entry(row.path, folder, where)
    if kind == "video" and is_image_name(os.path.basename(path)) and (is_url(path) or stat.S_ISREG(_mode(path))):  # noqa: PTH119
        name = without_secrets(row.path)
        raise ConfigError(f"{where}: {name} is one image; a video detector takes videos and folders of frames")
    return Sample(
        key, path, label_of_text(row.label, where), row.video or None, row.dataset or None, row.method or None
    )


def _entry(text: str, folder: Path | str, where: str) -> tuple[str, str]:
    """Key and path of what is listed by a manifest in a folder, or at a URL."""
    if isinstance(folder, Path) and not is_url(text):
        return manifest_entry(text, folder)
    try:
        url = known(text) if is_url(text) else joined(str(folder), text.replace("\\", "/"))
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
    start = f"{folder}/"
    return (path_key(url.removeprefix(start)) if isinstance(folder, str) else url), url


def _mode(path: str) -> int:
    """The file's mode bits, 0 where there is none to be had."""
    try:
        return os.stat(path).st_mode  # noqa: PTH116 (a million names)
    except (OSError, ValueError):
        return 0
