"""`write_view`: a folder with a page on which samples of runs are looked at. It needs no server and can be published.

A browser opens `index.html` as a file: modules and `fetch` do not work there, so everything is a plain script. What the
page holds of names is text to it, and its policy lets nothing in from elsewhere.
"""

from __future__ import annotations

import json
import shutil
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from deepfakebench_ext.common.atomic_files import atomic_writer
from deepfakebench_ext.common.errors import ConfigError, OutputError
from deepfakebench_ext.common.wording import printable
from deepfakebench_ext.comparison.joined import ABSENT, Joined, Rows
from deepfakebench_ext.comparison.sheets import ACROSS, EACH, FOLDER, SIDE, write_sheets
from deepfakebench_ext.metrics.score_table import UNKNOWN, Column
from deepfakebench_ext.report.page_parts import one_script, one_style
from deepfakebench_ext.report.scores.score_files import refuse_run_directory

MOST = 300_000
"""Samples of a page: with more, the grid is higher on a phone than browsers make anything."""
PAGE, DATA = "index.html", "samples.js"
_VIEWER = Path(__file__).parent / "viewer"
_SCRIPT, _STYLE = "view.js", "view.css"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'"
)


def check_view_folder(folder: Path) -> None:
    """Pass a folder into which a view may be written: a new or empty one, or that of an earlier view.

    Raises:
        ConfigError: It holds something else.
    """
    refuse_run_directory(folder)
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file; give a folder with --output_dir")
    if folder.is_dir() and not (folder / DATA).is_file() and any(folder.iterdir()):
        raise ConfigError(f"{folder} holds something that is no view; give a new folder with --output_dir")


def write_view(folder: Path, joined: Joined, *, pictures: bool = True) -> int:
    """Write `index.html`, its script, style and data, and `pictures/`; return how many samples have a picture.

    Args:
        folder: Where they go; it is made where it is not there, and an earlier view in it replaced.
        joined: From `join`.
        pictures: Write small pictures of what was scored, where the files are still there.

    Raises:
        ConfigError: The folder holds something else, or there are more samples than a page shows.
        OutputError: A file cannot be written.
    """
    check_view_folder(folder)
    if len(joined) > MOST:
        raise ConfigError(
            f"{len(joined)} {joined.level}s are more than the {MOST} of a page; --level video shows "
            "frames and clips as their videos, or give runs of fewer"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / FOLDER).exists():
            shutil.rmtree(folder / FOLDER)
    except OSError as error:
        raise OutputError(f"a view cannot be written to {folder}: {error}; give another --output_dir") from error
    places = _pictures(folder, joined) if pictures else np.full(len(joined), ABSENT)
    script = f'(() => {{\n"use strict";\n{one_script(_VIEWER / _SCRIPT)}}})();\n'
    texts = {DATA: _data(joined, places), _SCRIPT: script, _STYLE: one_style(_VIEWER / _STYLE), PAGE: _page(joined)}
    for name, text in texts.items():
        with atomic_writer(folder / name) as file:
            file.write(text)
    return int((places != ABSENT).sum())


def _pictures(folder: Path, joined: Joined) -> Rows:
    """Write the pictures, the most wrong by the first run first, and return the place of each sample's.

    So those that are seen beside each other lie in few files; with each tile out of another, browsers stutter.
    """
    error = np.where(joined.labels == UNKNOWN, np.nan, np.abs(joined.scores[0] - joined.labels))
    order = np.argsort(-error, kind="stable")
    looks = joined.looks()
    missing = write_sheets(folder, [looks[at] for at in order.tolist()])
    places = np.argsort(order)
    places[order[missing]] = ABSENT
    return places


def _data(joined: Joined, places: Rows) -> str:
    """What the page shows, as a script: JSON in a string, which browsers read faster than the same as an expression."""
    told = {
        "runs": joined.runs,
        "names": joined.names,
        "labels": joined.labels.tolist(),
        "scores": [_numbers(own) for own in joined.scores],
        "statuses": [_column(own) for own in joined.statuses],
        "groups": {name: _column(column) for name, column in joined.groups.items()},
        "sheets": None
        if (places == ABSENT).all()
        else {"side": SIDE, "across": ACROSS, "each": EACH, "places": places.tolist()},
    }
    text = json.dumps(told, separators=(",", ":"), allow_nan=False)
    return "globalThis.samples = JSON.parse('{}');\n".format(text.replace("\\", "\\\\").replace("'", "\\'"))


def _numbers(scores: Any) -> list[float | None]:
    return [None if np.isnan(score) else score for score in scores.tolist()]


def _column(column: Column) -> dict[str, Any]:
    return {"names": column.names, "codes": column.codes.tolist()}


def _page(joined: Joined) -> str:
    title = escape(printable(f"Samples of {', '.join(joined.runs)}"), quote=True)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{title}</title>\n<link rel="stylesheet" href="{_STYLE}">\n'
        f'<script defer src="{DATA}"></script>\n<script defer src="{_SCRIPT}"></script>\n</head>\n'
        "<body><noscript>The samples are shown by the script of this page, which nothing is fetched for.</noscript>"
        "</body>\n</html>\n"
    )
