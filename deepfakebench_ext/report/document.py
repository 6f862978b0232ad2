"""What a report is made of, before it is Markdown or HTML: a list of blocks. Text in them is plain, nothing escaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deepfakebench_ext.common.notices import Notice


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading.

    Attributes:
        text: What it says.
        depth: 1 for the report's own, 2 for a part, 3 for a part of a part.
    """

    text: str
    depth: int = 2


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of prose."""

    text: str


@dataclass(frozen=True, slots=True)
class Warnings:
    """Sentences that must not be overlooked.

    Attributes:
        texts: The sentences.
        severe: Whether they say that the figures are worth nothing.
    """

    texts: Sequence[str]
    severe: bool = False


@dataclass(frozen=True, slots=True)
class Points:
    """A list of sentences."""

    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        header: Names of the columns.
        rows: Cells, as many as the header has.
        marked: Numbers of rows that stand out, from 0.
        caption: What it shows; empty for none.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    marked: frozenset[int] = frozenset()
    caption: str = ""

    def __post_init__(self) -> None:
        """Refuse rows of another width than the header."""
        for row in self.rows:
            if len(row) != len(self.header):
                raise ValueError(f"{len(row)} cells under a header of {len(self.header)}: {list(row)!r}")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture.

    Attributes:
        name: Of its file without suffix; letters only.
        text: What it shows, for who cannot see it.
        png: The file.
    """

    name: str
    text: str
    png: bytes


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures side by side, as far as there is room."""

    pictures: Sequence[Picture]


@dataclass(frozen=True, slots=True)
class Thumb:
    """One sample.

    Attributes:
        caption: Its name.
        lines: What else is known of it, such as label and score.
        jpeg: A small picture of it; None where its file is not there or cannot be read.
    """

    caption: str
    lines: Sequence[str]
    jpeg: bytes | None


@dataclass(frozen=True, slots=True)
class Gallery:
    """Samples side by side."""

    thumbs: Sequence[Thumb]


@dataclass(frozen=True, slots=True)
class Code:
    """Text as it is, in letters of one width.

    Attributes:
        text: One or several lines.
        summary: Where it is folded away, what to call it; empty where it is open.
    """

    text: str
    summary: str = ""


Block = Heading | Paragraph | Warnings | Points | Table | Pictures | Gallery | Code


def warnings_of(notices: Sequence[Notice]) -> list[Block]:
    """Return the notices as blocks, the severe ones apart and first."""
    severe = [notice.text for notice in notices if notice.severity == "severe"]
    rest = [notice.text for notice in notices if notice.severity != "severe"]
    return [*([Warnings(severe, severe=True)] if severe else []), *([Warnings(rest)] if rest else [])]


@dataclass(frozen=True, slots=True)
class Document:
    """A report.

    Attributes:
        title: Its title, also the first heading.
        blocks: What follows.
    """

    title: str
    blocks: Sequence[Block]
