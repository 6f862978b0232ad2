"""Options of the verbs that work from scores alone: what columns are called, how intervals are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from deepfakebench_ext.metrics.bootstrap import Bootstrap
    from deepfakebench_ext.report.scores.score_files import ColumnNames

_MOST_RESAMPLES = 1_000_000
_ROLES = ("label", "score", "key", "video", "dataset", "method", "status", "index")


def column_options(command: Any) -> Any:
    """Add `--label_column` and the like to a command."""
    for role in reversed(_ROLES):
        command = click.option(
            f"--{role}_column", help=f"Name of the {role} column, in a CSV that calls it otherwise."
        )(command)
    return command


def column_names(said: dict[str, Any]) -> ColumnNames:
    """Return what these options say."""
    from deepfakebench_ext.report.scores.score_files import ColumnNames

    return ColumnNames(**{role: said[f"{role}_column"] for role in _ROLES})


def bootstrap_options(command: Any) -> Any:
    """Add `--bootstrap`, `--no_bootstrap` and `--seed` to a command."""
    for option in (
        click.option("--seed", default=0, show_default=True, help="Of the bootstrap."),
        click.option("--no_bootstrap", is_flag=True, help="Leave these intervals out, which a million rows want."),
        click.option("--bootstrap", default=2000, show_default=True, help="Resamples for intervals without a formula."),
    ):
        command = option(command)
    return command


def bootstrap_of(said: dict[str, Any]) -> Bootstrap | None:
    """Return how intervals are drawn, as these options say; None for closed formulas only.

    Raises:
        ConfigError: A number that no bootstrap takes.
    """
    from deepfakebench_ext.common.errors import ConfigError
    from deepfakebench_ext.common.numbers import check_count, check_seed
    from deepfakebench_ext.metrics.bootstrap import Bootstrap

    resamples, seed = said["bootstrap"], said["seed"]
    check_seed("--seed", seed)
    check_count("--bootstrap", resamples, least=0, most=_MOST_RESAMPLES)
    try:
        return Bootstrap(resamples, seed) if resamples and not said["no_bootstrap"] else None
    except ValueError as error:
        raise ConfigError(f"--bootstrap {resamples} is not allowed: {error}") from error
