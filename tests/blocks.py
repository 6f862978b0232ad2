"""One block of each kind of a report, with a file name in it that would do harm where it is not escaped."""

from __future__ import annotations

from deepfakebench_ext.report.document import (
    Code,
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

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;\n\u202e.png"
EVERY_BLOCK = [
    Heading(HOSTILE),
    Paragraph(HOSTILE),
    Warnings([HOSTILE], severe=True),
    Points([HOSTILE]),
    Table([HOSTILE], [[HOSTILE]], frozenset({0}), HOSTILE),
    Pictures([Picture("roc", HOSTILE, b"\x89PNG")]),
    Gallery([Thumb(HOSTILE, [HOSTILE], b"\xff\xd8"), Thumb(HOSTILE, [HOSTILE], None)]),
    Code(HOSTILE, HOSTILE),
    Code(HOSTILE),
]
