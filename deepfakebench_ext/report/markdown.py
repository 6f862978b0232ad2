"""A report as Markdown, with its pictures as files beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import singledispatch

from deepfakebench_ext.common.wording import printable
from deepfakebench_ext.report.document import (
    Block,
    Code,
    Document,
    Gallery,
    Heading,
    Paragraph,
    Pictures,
    Points,
    Table,
    Warnings,
)

_SPECIAL = re.compile(r"([\\`*_\[\]#|~$])")


def to_markdown(document: Document, *, prefix: str = "") -> str:
    """Return the report as Markdown that GitHub and others render.

    Args:
        document: The report.
        prefix: Before the names of the pictures' files: `figures/` for `figures/roc.png`.
    """
    blocks = [Heading(document.title, 1), *document.blocks]
    parts = [_pictures(block, prefix) if isinstance(block, Pictures) else _block(block) for block in blocks]
    return "\n\n".join(part for part in parts if part) + "\n"


def escaped(text: str) -> str:
    """The text on one line, with what Markdown or HTML would take for a sign made harmless."""
    safe = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", safe)


@singledispatch
def _block(block: Block) -> str:
    raise TypeError(f"{type(block).__name__} is no block of a report")


@_block.register
def _(block: Heading) -> str:
    return f"{'#' * block.depth} {escaped(block.text)}"


@_block.register
def _(block: Paragraph) -> str:
    return escaped(block.text)


@_block.register
def _(block: Warnings) -> str:
    return "\n>\n".join(f"> **Warning:** {escaped(text)}" for text in block.texts)


@_block.register
def _(block: Points) -> str:
    return "\n".join(f"- {escaped(text)}" for text in block.texts)


@_block.register
def _(block: Table) -> str:
    lines = [_line(block.header), _line(["---"] * len(block.header), plain=True)]
    for number, row in enumerate(block.rows):
        cells = [escaped(cell) for cell in row]
        lines.append(_line([f"**{cell}**" if cell and number in block.marked else cell for cell in cells], plain=True))
    return "\n".join([*([f"{escaped(block.caption)}\n"] if block.caption else []), *lines])


@_block.register
def _(block: Gallery) -> str:
    return "\n".join(f"- {escaped(thumb.caption)}: {escaped(', '.join(thumb.lines))}" for thumb in block.thumbs)


@_block.register
def _(block: Code) -> str:
    lines = [printable(line) for line in block.text.splitlines()]
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([*([f"{escaped(block.summary)}:\n"] if block.summary else []), fence, *lines, fence])


def _pictures(block: Pictures, prefix: str) -> str:
    return "\n".join(f"![{escaped(picture.text)}]({prefix}{picture.name}.png)" for picture in block.pictures)


def _line(cells: Sequence[str], *, plain: bool = False) -> str:
    return "| " + " | ".join(cells if plain else map(escaped, cells)) + " |"
