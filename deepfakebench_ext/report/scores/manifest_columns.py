"""Further columns of a manifest, joined to the scores of its samples: to break figures down by what no score knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from deepfakebench_ext.common.csv_files import open_csv
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.paths import manifest_entry
from deepfakebench_ext.metrics.score_table import UNKNOWN, Coder, Column, ScoreTable


def with_manifest(table: ScoreTable, manifest: Path, names: Sequence[str]) -> ScoreTable:
    """Return the table with columns of the manifest that its samples came from.

    Samples are found by their key, which is the manifest's `path` as the run that scored them made it: relative to the
    manifest's folder, with `/`.

    Args:
        table: The scores.
        manifest: A CSV with the column `path`.
        names: Columns to join; those that the manifest has not are left out.

    Raises:
        ConfigError: No such file, no column `path`, or no sample of the table in it.
    """
    with open_csv(manifest) as (header, rows):
        if "path" not in header:
            raise ConfigError(
                f"{manifest} has no column 'path', by which samples are found; it has {', '.join(header)}"
            )
        places = {name: header.index(name) for name in names if name in header}
        path, width = header.index("path"), len(header)
        lines = {manifest_entry(row[path], manifest.parent)[0]: row for row in rows if len(row) == width}
    known = [lines.get(key) for key in table.key.names]
    if not any(known):
        raise ConfigError(
            f"{manifest} lists none of the samples, such as {table.key.names[0]!r}; give the manifest that was scored"
            if table.key.names
            else f"there are no samples to find in {manifest}"
        )
    columns = {
        name: _column(table, [None if row is None else row[place] for row in known]) for name, place in places.items()
    }
    return replace(table, columns={**table.columns, **columns})


def _column(table: ScoreTable, texts: Sequence[str | None]) -> Column:
    """The column that says for each row what `texts` says for its key."""
    coder = Coder()
    by_key = np.array([UNKNOWN if not text else coder[text] for text in texts], np.int32)
    return Column(by_key[table.key.codes], tuple(coder))
