"""A report as one HTML file: pictures inside, no scripts, nothing fetched from anywhere, light and dark, printable."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import singledispatch
from html import escape

from deepfakebench_ext.common.wording import printable
from deepfakebench_ext.report.document import (
    Block,
    Code,
    Document,
    Gallery,
    Heading,
    Paragraph,
    Picture,
    Pictures,
    Points,
    Table,
    Thumb,
    Warnings,
)

# The browser itself refuses scripts and anything that would have to be fetched, whatever a file name holds.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1e21; --soft: #5d646d; --page: #ffffff; --line: #d9dde2; --band: #f4f6f8;
  --warn: #8a4b00; --warn-band: #fff4e0; --severe: #a1001c; --severe-band: #ffe8ea; --mark: #fff1c9; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ea; --soft: #a0a7b0; --page: #16181b; --line: #363b42;
  --band: #1f2226; --warn: #ffc46b; --warn-band: #33270f; --severe: #ff8f9c; --severe-band: #3a1419;
  --mark: #3d3515; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 68rem; color: var(--ink); background: var(--page);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.25; overflow-wrap: anywhere; } h2 { margin-top: 2.5rem; font-size: 1.3rem; }
h3 { margin-top: 1.75rem; font-size: 1.05rem; } p { max-width: 46rem; } p, h2, h3 { overflow-wrap: anywhere; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .92rem; margin: .75rem 0; }
caption { text-align: left; color: var(--soft); padding-bottom: .35rem; }
th, td { text-align: left; padding: .32rem .9rem .32rem .4rem; border-bottom: 1px solid var(--line);
  vertical-align: top; }
td { overflow-wrap: anywhere; min-width: 14rem; } td.short { white-space: nowrap; min-width: 0; }
.scroll:focus-visible { outline: 2px solid var(--soft); }
th { background: var(--band); font-weight: 600; } td { font-variant-numeric: tabular-nums; }
td:first-child { min-width: 9rem; } tr.marked td { background: var(--mark); font-weight: 600; }
.warning { margin: 1rem 0; padding: .6rem 1rem; border-left: 4px solid var(--warn); background: var(--warn-band);
  color: var(--warn); } .severe { border-color: var(--severe); background: var(--severe-band); color: var(--severe);
  font-weight: 600; } .warning p { margin: .25rem 0; max-width: none; overflow-wrap: anywhere; }
.row { display: flex; flex-wrap: wrap; gap: 1rem; } figure { margin: 0; }
.picture img { width: 100%; max-width: 30rem; background: #fff; border: 1px solid var(--line); border-radius: 6px; }
.thumb { width: 10rem; font-size: .82rem; overflow-wrap: anywhere; color: var(--soft); }
.thumb img, .thumb .none { width: 10rem; height: 10rem; object-fit: contain; background: var(--band);
  border: 1px solid var(--line); border-radius: 6px; } .thumb .none { display: grid; place-items: center; }
.thumb b { color: var(--ink); font-weight: 600; } pre { padding: .75rem 1rem; background: var(--band); overflow-x: auto;
  white-space: pre-wrap; overflow-wrap: anywhere; border-radius: 6px; font-size: .84rem; }
summary { cursor: pointer; color: var(--soft); } li { max-width: 60rem; overflow-wrap: anywhere; }
@media print { :root { --ink: #000; --page: #fff; --band: #f4f4f4; --line: #bbb; --soft: #333; --mark: #f4eecb; }
  body { max-width: none; padding: 0; font-size: 11pt; } figure, tr, .warning { break-inside: avoid; }
  .scroll { overflow: visible; } table { font-size: 9pt; } th, td { padding-right: .4rem; }
  th { overflow-wrap: anywhere; } td, td.short { min-width: 0 !important; white-space: normal; }
  h2, h3 { break-after: avoid; } }
"""

SHORT = 28
"""Characters of a cell up to which it stays on one line."""


def to_html(document: Document) -> str:
    """Return the report as one HTML file. File names and all other text are escaped."""
    title = _text(document.title)
    body = "\n".join(map(_block, [Heading(document.title, 1), *document.blocks]))
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _text(text: str) -> str:
    return escape(printable(text), quote=True)


@singledispatch
def _block(block: Block) -> str:
    raise TypeError(f"{type(block).__name__} is no block of a report")


@_block.register
def _(block: Heading) -> str:
    return f"<h{block.depth}>{_text(block.text)}</h{block.depth}>"


@_block.register
def _(block: Paragraph) -> str:
    return f"<p>{_text(block.text)}</p>"


@_block.register
def _(block: Warnings) -> str:
    if not block.texts:
        return ""
    kind = "warning severe" if block.severe else "warning"
    return f'<div class="{kind}" role="note">' + "".join(f"<p>{_text(text)}</p>" for text in block.texts) + "</div>"


@_block.register
def _(block: Points) -> str:
    return "<ul>" + "".join(f"<li>{_text(text)}</li>" for text in block.texts) + "</ul>"


@_block.register
def _(block: Table) -> str:
    caption = f"<caption>{_text(block.caption)}</caption>" if block.caption else ""
    rows = "\n".join(_row(row, is_marked=number in block.marked) for number, row in enumerate(block.rows))
    label = _text(block.caption or ", ".join(block.header))
    head = "".join(f'<th scope="col">{_text(name)}</th>' for name in block.header)
    table = f"<table>{caption}<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table>"
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{label}">{table}</div>'


@_block.register
def _(block: Pictures) -> str:
    return '<div class="row">' + "\n".join(map(_picture, block.pictures)) + "</div>"


@_block.register
def _(block: Gallery) -> str:
    return '<div class="row">' + "\n".join(map(_thumb, block.thumbs)) + "</div>"


@_block.register
def _(block: Code) -> str:
    code = "<pre>" + "\n".join(_text(line) for line in block.text.splitlines()) + "</pre>"
    return f"<details><summary>{_text(block.summary)}</summary>{code}</details>" if block.summary else code


def _row(cells: Sequence[str], *, is_marked: bool) -> str:
    begin = '<tr class="marked">' if is_marked else "<tr>"
    return begin + "".join(f"<td{_kept_whole(cell)}>{_text(cell)}</td>" for cell in cells) + "</tr>"


def _kept_whole(cell: str) -> str:
    """Return the class of a cell that is not broken into lines, such as an interval."""
    return ' class="short"' if len(cell) <= SHORT else ""


def _picture(picture: Picture) -> str:
    source = _data("image/png", picture.png)
    return f'<figure class="picture"><img alt="{_text(picture.text)}" src="{source}"></figure>'


def _thumb(thumb: Thumb) -> str:
    shown = (
        '<div class="none">no picture</div>'
        if thumb.jpeg is None
        else f'<img alt="" src="{_data("image/jpeg", thumb.jpeg)}">'
    )
    lines = "<br>".join(map(_text, thumb.lines))
    return f'<figure class="thumb">{shown}<figcaption><b>{_text(thumb.caption)}</b><br>{lines}</figcaption></figure>'


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
