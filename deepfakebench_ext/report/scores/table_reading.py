"""Files of scores as a `ScoreTable`: ours, and any whose columns are named."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from itertools import islice

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.csv_files import OURS, is_number
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.metrics.score_table import ScoreTable
from deepfakebench_ext.report.scores.csv_cells import BadRowError, check_rows
from deepfakebench_ext.report.scores.pieces import EXTRA, HEAD, Source, gather, table_of

KEYLESS = Notice("keyless", "rows have no key and go by their place, which matters where files are compared")
_LOOKED_AT = 1000


@dataclass(frozen=True, slots=True)
class ColumnNames:
    """What a file calls its columns; None is the attribute's own name, where the file has such a column.

    Attributes:
        label: 0 or real, 1 or fake, or a synonym; empty where unknown.
        score: P(fake) in [0, 1]; empty where there is none.
        key: Identity of a row; several frames of a video may share it where `index` numbers them. Else `path`; else,
            also where these two columns were said to be something else, the place of the row.
        video: Video that an image was taken from.
        dataset: Dataset.
        method: Manipulation method.
        status: `ok`, or why there is no score.
        index: Number of the frame or clip, from 0.
    """

    label: str | None = None
    score: str | None = None
    key: str | None = None
    video: str | None = None
    dataset: str | None = None
    method: str | None = None
    status: str | None = None
    index: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TableScores:
    """What a file with columns holds.

    Attributes:
        table: The scores, at level `frame`.
        columns: The names of all its columns.
        is_ours: Whether it is our `scores.csv` or `videos.csv`.
        level: What a row stands for, None where the file does not say.
        heads: Which heads gave the scores, where the file says it: `trained`, `untrained`.
        has_keys: Whether rows have an identity beyond their place.
    """

    table: ScoreTable
    columns: tuple[str, ...]
    is_ours: bool
    level: Level | None
    heads: tuple[str, ...]
    has_keys: bool


def read_table(source: Source, names: ColumnNames, *, keep: Iterable[str] = ()) -> TableScores:
    """Read the scores of a file with columns.

    Args:
        source: The file.
        names: What its columns are called.
        keep: Further columns to read as text, where the file has them.

    Raises:
        ConfigError: A column missing, a row without a usable label or score, a key that comes twice, or one with two
            labels; the message names the line.
    """
    header = source.header
    with rows_named(source):
        columns = roles_of(source, names)
        extra = sorted({name for name in keep if name in header} - set(columns))
        wanted = columns | {EXTRA + name: name for name in extra} | ({HEAD: "head"} if "head" in header else {})
        found = gather(source, wanted)
        heads = tuple(filter(None, found.texts.pop(HEAD).column()[1])) if HEAD in found.texts else ()
        table = table_of(found, extra)
        check_rows(table, columns.get("key", ""))
    level: Level | None = level_said(header) or ("clip" if found.is_timed else None)
    return TableScores(table, tuple(header), set(header) >= OURS, level, heads, "key" in columns)


def level_said(header: Sequence[str]) -> Level | None:
    """Return `video` of the columns of our `videos.csv`; None of others, which do not say what a row stands for."""
    return "video" if set(header) >= {*OURS, "units_scored"} else None


@contextmanager
def rows_named(source: Source) -> Iterator[None]:
    """Say of a row that cannot be used where in its file it stands.

    Raises:
        ConfigError: The block met one.
    """
    try:
        yield
    except BadRowError as error:
        place, *earlier = map(source.place_of, error.rows)
        before = f" (first in {_after(earlier[0], place)})" if earlier else ""
        raise ConfigError(f"{place}: {error}{before}") from error


def _after(place: str, other: str) -> str:
    """A place as it is called after one in the same file: without the file."""
    file, comma, row = place.rpartition(", ")
    return row if comma and other.startswith(f"{file}, ") else place


def roles_of(source: Source, names: ColumnNames) -> dict[str, str]:
    """Return role to the name of its column.

    Raises:
        ConfigError: A column that was named is not there, or there is none of labels or scores.
    """
    header, path = source.header, source.path
    found = {}
    for role in (each.name for each in fields(ColumnNames)):
        given = getattr(names, role)
        default = _key_column(header, names) if role == "key" else role
        if given is not None and given not in header:
            raise ConfigError(f"{path} has no column {given!r}{_meant(given, header)}, as --{role}_column says")
        if given is not None or (default and default in header):
            found[role] = given or default
    for role in ("label", "score"):
        if role not in found:
            several = _probabilities(source, set(found.values())) if role == "score" else []
            if len(several) > 1:
                raise ConfigError(
                    f"{path} has no column 'score', and several that hold numbers from 0 to 1; name one, or several "
                    f"detectors' with commas: --score_column {','.join(several)}"
                )
            raise ConfigError(f"{path} has no column {role!r}{_meant(role, header)}; name it: --{role}_column NAME")
    return found


def _probabilities(source: Source, taken: Collection[str]) -> list[str]:
    """The columns whose cells are numbers from 0 to 1 or empty, and not only 0 and 1, as the first rows have them."""
    names = [name for name in source.header if name and name not in taken]
    piece = next(iter(source.pieces(names)), None)
    return [
        name
        for name in names
        if piece is not None and _are_probabilities(set(islice(piece.texts(name), _LOOKED_AT)) - {""})
    ]


def _are_probabilities(cells: Collection[str]) -> bool:
    return all(is_number(cell) and 0 <= float(cell) <= 1 for cell in cells) and any(float(cell) % 1 for cell in cells)


def _key_column(header: Sequence[str], names: ColumnNames) -> str:
    """Where keys are unless it is said: in `key`, else `path`; not in a column that was said to be something else."""
    others = {getattr(names, each.name) for each in fields(names)}
    return next((name for name in ("key", "path") if name in header and name not in others), "")


def _meant(name: str, header: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, header, n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else f" (it has {', '.join(map(repr, header))})"
