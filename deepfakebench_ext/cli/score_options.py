"""Options of the verbs that work from scores alone: what columns are called, how intervals are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deepfakebench_ext.cli.command import Option, option
from deepfakebench_ext.cli.inputs import columns_named, runs_in
from deepfakebench_ext.cli.values import Whole
from deepfakebench_ext.common.numbers import MOST_SEED

if TYPE_CHECKING:
    from deepfakebench_ext.metrics.bootstrap import Bootstrap
    from deepfakebench_ext.report.scores.score_files import ColumnNames

_MOST_RESAMPLES = 1_000_000
_ROLES = ("label", "score", "key", "video", "dataset", "method", "status", "index")
NO_COLUMNS: dict[str, Any] = dict.fromkeys(f"{role}_column" for role in _ROLES)
"""What these options say where a verb has none of them; a file's columns are then named beside it."""


def _column(role: str) -> Option:
    several = "; of several detectors, each column: a,b,c" if role == "score" else ""
    return option(
        f"--{role}_column",
        group="input",
        everyday=role in ("label", "score"),
        metavar="NAME",
        help=f"What a CSV calls the {role}{several}.",
    )


COLUMNS = tuple(map(_column, _ROLES))
BOOTSTRAP = (
    option(
        "--bootstrap",
        group="figures",
        type=Whole(0, _MOST_RESAMPLES),
        default=2000,
        show_default=True,
        help="Resamples for intervals without a formula.",
    ),
    option(
        "--no_bootstrap",
        group="figures",
        everyday=True,
        is_flag=True,
        help="Leave the slow intervals out, which a million rows want.",
    ),
    option("--seed", group="figures", type=Whole(0, MOST_SEED), default=0, show_default=True, help="Of --bootstrap."),
)


def scores_at(texts: Sequence[str], said: dict[str, Any], *, several: bool = True) -> list[tuple[str, dict[str, Any]]]:
    """Return the files of scores that are meant, each with the options as they hold for it.

    A folder of runs is each of them, as is a pattern that matches runs or their files; `theirs.csv:label=is_fake` names
    a column of one file.

    Args:
        texts: As typed.
        said: The options.
        several: Whether one text may mean several files.

    Raises:
        ConfigError: A role of a column that is not known, or a column that the file has not.
    """
    from deepfakebench_ext.report.scores.score_files import check_columns

    found = []
    for path, names in (columns_named(text, _ROLES) for text in texts):
        own = {**said, **{f"{role}_column": name for role, name in names.items()}}
        for each in _runs_at(path) if several else [path]:
            check_columns(each, names.values())
            found.append((each, own))
    return found


def _runs_at(text: str) -> list[str]:
    """The runs in a folder, or that a pattern matches; else what was typed, which is then one table."""
    from deepfakebench_ext.common.run_names import SCORES_CSV, SCORES_PARQUET, VIDEOS_CSV
    from deepfakebench_ext.report.scores.parts import is_pattern, matches

    if not is_pattern(text):
        return runs_in(text, SCORES_CSV)
    found = matches(text)
    are_runs = all(path.is_dir() or path.name in (SCORES_CSV, SCORES_PARQUET, VIDEOS_CSV) for path in found)
    return [run for path in found for run in runs_in(str(path), SCORES_CSV)] if are_runs else [text]


def given_columns(said: dict[str, Any]) -> dict[str, str]:
    """Return those of these options that were given: `label_column` and so on to the name."""
    return {f"{role}_column": name for role in _ROLES if (name := said[f"{role}_column"]) is not None}


def column_names(said: dict[str, Any], header: Sequence[str] | None = None) -> ColumnNames:
    """Return what these options say; of one of several files, which has the columns `header`, as far as it has them."""
    from deepfakebench_ext.report.scores.score_files import ColumnNames

    given = given_columns(said)
    names = {role: given.get(f"{role}_column") for role in _ROLES}
    return ColumnNames(**{role: name for role, name in names.items() if header is None or name in header})


def score_columns(said: dict[str, Any], header: Sequence[str]) -> list[str]:
    """Return which columns of a file with this header `--score_column` names; none where it was not given.

    Raises:
        ConfigError: No name between two commas, or one twice.
    """
    from deepfakebench_ext.common.errors import ConfigError

    given = said["score_column"]
    if given is None or given in header:  # a column's name may hold a comma
        return [] if given is None else [given]
    names = [name.strip() for name in given.split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise ConfigError(f"--score_column {given!r} must name columns, each once, with commas between them: a,b,c")
    return names


def bootstrap_of(said: dict[str, Any]) -> Bootstrap | None:
    """Return how intervals are drawn, as these options say; None for closed formulas only.

    Raises:
        ConfigError: A number that no bootstrap takes.
    """
    from deepfakebench_ext.common.errors import ConfigError
    from deepfakebench_ext.metrics.bootstrap import Bootstrap

    resamples, seed = said["bootstrap"], said["seed"]
    try:
        return Bootstrap(resamples, seed) if resamples and not said["no_bootstrap"] else None
    except ValueError as error:
        raise ConfigError(f"--bootstrap {resamples} is not allowed: {error}") from error
