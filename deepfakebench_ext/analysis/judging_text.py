"""Figures of timelines as lines for the terminal, and as JSON: the same figures give the same bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from deepfakebench_ext.analysis.judging import TimelineFigures
from deepfakebench_ext.common.wording import counted, printable
from deepfakebench_ext.metrics.figure import Figure, with_interval
from deepfakebench_ext.report.metrics_json import figures_json

SCHEMA_VERSION = 1
_WIDTH = 28


def figure_lines(judged: TimelineFigures) -> Iterator[str]:
    """Yield notices, what was judged, each figure with its interval, and what other evaluators would print."""
    for notice in judged.notices:
        yield f"WARNING: {printable(notice.text)}"
    yield (
        f"{counted(judged.real, 'real video')}, {judged.manipulated} manipulated; manipulated stretches: "
        f"{judged.stretches}; timelines: {judged.analysed}"
    )
    for name, figure in judged.figures.items():
        yield _line(name, figure)
    for peer, values in judged.peers.items():
        for name, value in values.items():
            shown = "undefined (no manipulated stretch)" if value is None else f"{value:.4f}"
            yield f"{f'{peer} {name}':<{_WIDTH}} {shown}"


def figures_text(judged: TimelineFigures) -> str:
    """Return all of it as JSON."""
    drawn = judged.bootstrap
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "videos": {
            "real": judged.real,
            "manipulated": judged.manipulated,
            "analysed": judged.analysed,
            "stretches": judged.stretches,
        },
        "figures": figures_json(judged.figures),
        "peers": judged.peers,
        "notices": [notice.text for notice in judged.notices],
        "bootstrap": None if drawn is None else {"resamples": drawn.resamples, "seed": drawn.seed},
    }
    return json.dumps(document, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _line(name: str, figure: Figure) -> str:
    value = f"undefined ({figure.reason})" if figure.value is None else with_interval(figure)
    return f"{name:<{_WIDTH}} {value}" + (f"  ! {figure.warning}" if figure.warning else "")
