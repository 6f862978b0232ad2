"""A timeline as one page: the viewer of the service, with the timeline and its pictures inside. Nothing is fetched."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from deepfakebench_ext.analysis.timeline import Timeline
from deepfakebench_ext.common.wording import printable
from deepfakebench_ext.report.page_parts import digest_of, one_script, one_style

_VIEWER = Path(__file__).parent / "viewer"


def timeline_page(
    timeline: Timeline, document: Mapping[str, Any], pictures: Mapping[str, bytes], worth: str, damage: str
) -> str:
    """The page as HTML.

    Args:
        timeline: All of it.
        document: It as `timeline.json` has it.
        pictures: JPEGs of the keyframes by their files.
        worth: What the marks are worth, in a sentence.
        damage: What is amiss with the file; empty where nothing is.
    """
    script, style = f"\n{one_script(_VIEWER / 'report.js')}", f"\n{one_style(_VIEWER / 'viewer.css')}"
    shown = [_data_url(pictures[frame.file]) for frame in timeline.keyframes]
    data = json.dumps({"timeline": document, "pictures": shown, "damage": damage}, allow_nan=False)
    policy = (
        f"default-src 'none'; script-src '{digest_of(script)}'; style-src '{digest_of(style)}'; img-src data:; "
        "media-src blob:; base-uri 'none'; form-action 'none'"
    )
    title = _text(timeline.video.file)
    said = "\n".join(f"<p>{_text(text)}</p>" for text in _words(timeline, worth, damage))
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{said}\n</main>\n"
        # No `<` of a name or a reason ends the element.
        f'<script type="application/json" id="data">{data.replace("<", chr(92) + "u003c")}</script>\n'
        f'<script type="module">{script}</script>\n</body>\n</html>\n'
    )


def _words(timeline: Timeline, worth: str, damage: str) -> Iterator[str]:
    """What is said where no script may run; the viewer says it, and the rest, in its place."""
    yield f"{timeline.decision.word}: {timeline.decision.reason}."
    if not timeline.detector["head_trained"]:
        yield "the detector's head did not come from its weights: every score here is noise"
    yield worth
    if damage:
        yield damage
    yield "The film's scores over time are drawn by the script of this page, which nothing is fetched for."


def _data_url(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}"


def _text(text: str) -> str:
    return escape(printable(text), quote=True)
