"""How numbers and reasons are said in messages. No I/O."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, noun: str) -> str:
    """Return `1 video`, `2 videos`: for nouns that take an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def rounded(value: float, decimals: int = 4) -> str:
    """Return the number with so many decimals, or more where these would make 0 or 1 of one between the two."""
    if 0 < value < 0.5 * 10**-decimals:
        return f"{value:.1g}"
    while value < 1 and float(f"{value:.{decimals}f}") == 1:
        decimals += 1
    return f"{value:.{decimals}f}"


def of_several(reasons: Sequence[str], total: int, noun: str) -> str:
    """Return the reasons of some of `total` things in a sentence: `no face found in 3 of 8 frames`; empty without any.

    Where they differ: the first, and how many more there are.
    """
    if not reasons or total == 1:
        return "".join(reasons)
    if len(set(reasons)) > 1:
        return f"{reasons[0]}; and {len(reasons) - 1} more of {total} {noun}"
    return f"{reasons[0]} in {len(reasons)} of {total} {noun}"


def cut(text: str, most: int) -> str:
    """The text, without its middle where it is longer than `most` characters."""
    if len(text) <= most:
        return text
    return f"{text[: most // 2]} ... ({len(text)} characters) ... {text[-most // 4 :]}"


def printable(text: str) -> str:
    r"""The text with line breaks and other unprintable characters as backslash escapes, such as `\n` and `\udcff`.

    File names may hold any of them, also bytes that are not valid Unicode. Letters of every script stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
