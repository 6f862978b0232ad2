"""How numbers and reasons are said in messages. No I/O."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Literal


def counted(number: int, noun: str) -> str:
    """Return `1 video`, `2 videos`: for nouns that take an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def noun_of(level: str, levels: Container[str]) -> str:
    """Return what is counted at one of a run's levels: a photo, which no video has frames of, is an image."""
    return "image" if level == "frame" and "video" not in levels else level


def rounded(value: float, digits: int = 4, form: Literal["f", "g"] = "f") -> str:
    """Return the number with so many digits, or more where these would make 0 or 1 of one between the two.

    Args:
        value: Any number.
        digits: After the point; with `g` in all.
        form: `f`: `0.5000`; `g`: `0.5`.
    """
    text = f"{value:.{digits}{form}}"
    if not 0 < value < 1 or 0 < float(text) < 1:
        return text
    return f"{value:.1g}" if value < 0.5 else rounded(value, digits + 1, form)


def clock_time(seconds: float) -> str:
    """Return `1:05`, `2:01:05`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def percent(share: float) -> str:
    """Return `15.7 %`: 0 % and 100 % are none and all."""
    return f"{100 * float(rounded(share, 3)):g} %"


def of_several(reasons: Sequence[str], total: int, noun: str) -> str:
    """Return the reasons of some of `total` things in a sentence: `no face found in 3 of 8 frames`; empty without any.

    Where they differ: the first, and how many more there are.
    """
    if not reasons or total == 1:
        return "".join(reasons)
    if len(set(reasons)) > 1:
        return f"{reasons[0]}; and {len(reasons) - 1} more of {total} {noun}"
    return f"{reasons[0]} in {len(reasons)} of {total} {noun}"


def named(names: Sequence[str]) -> str:
    """Return `a.jpg`, or `a.jpg and 9 more`."""
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def cut(text: str, most: int) -> str:
    """The text, without its middle where it is longer than `most` characters."""
    if len(text) <= most:
        return text
    return f"{text[: most // 2]} ... ({len(text)} characters) ... {text[-most // 4 :]}"


def reason_of(error: BaseException, most: int) -> str:
    """What an error says, on one line, without its middle where it is longer than `most` characters."""
    return cut(printable(" ".join(str(error).split())), most)


def shortened(text: str, most: int) -> str:
    """The text on one line, without its beginning where it is longer: the end of a long name tells more."""
    line = printable(text)
    return line if len(line) <= most else "..." + line[3 - most :]


def printable(text: str) -> str:
    r"""The text with line breaks and other unprintable characters as backslash escapes, such as `\n` and `\udcff`.

    File names may hold any of them, also bytes that are not valid Unicode. Letters of every script stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
