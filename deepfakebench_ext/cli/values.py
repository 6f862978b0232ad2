"""What an option takes, checked before anything heavy is imported. Imports nothing heavy."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args

import click

from deepfakebench_ext.cli.command import Command
from deepfakebench_ext.cli.mistypes import near
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.tar_names import shard_names
from deepfakebench_ext.common.urls import checked, is_url, shown

Callback = Callable[[click.Context, click.Parameter, Any], Any]


class OneOf(click.Choice):  # type: ignore[type-arg, unused-ignore]
    """One of some words, shown as such; a mistyped one is answered with the nearest.

    A word `topk:K` stands for `topk:` and a whole number, `cuda:N` likewise.
    """

    def __init__(self, choices: object, *, others: dict[str, str] | None = None) -> None:
        """Take the words of a `Literal` or a sequence; `others` are words that other tools use, to ours."""
        words = get_args(choices) or choices
        super().__init__([str(each) for each in words])  # type: ignore[attr-defined]
        self._others = others or {}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the word."""
        if any(_fits(str(value), str(word)) for word in self.choices):
            return value
        words = [str(each) for each in self.choices]
        meant = self._others.get(str(value).lower()) or near(str(value), words)
        hint = f"did you mean {meant}? " if meant else ""
        raise ConfigError(f"{_named(param)} {value!r} is not allowed; {hint}allowed are {', '.join(words)}")


def _fits(value: str, word: str) -> bool:
    stem, colon, _ = word.partition(":")
    return re.fullmatch(rf"{re.escape(stem)}:(0|[1-9]\d{{0,8}})", value) is not None if colon else value == word


def _named(param: click.Parameter | None) -> str:
    return param.opts[0] if param is not None and param.opts else "the value"


class Whole(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """A whole number from `least` to `most`, as people type it."""

    name = "n"

    def __init__(self, least: int = 1, most: int = 10**9) -> None:
        """Say the range."""
        self.least, self.most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number."""
        text = str(value).strip()
        if re.fullmatch(r"[+-]?\d{1,20}", text) and self.least <= int(text) <= self.most:
            return int(text)
        shown = text if len(text) < 40 else f"{text[:40]}..."
        raise ConfigError(
            f"{_named(param)} {shown} is not allowed: give {self.least} to {self.most:,}, or leave it out"
        )


class Real(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """A finite number, above or from `least`, to `most`; or the word `word`, where there is one."""

    name = "x"

    def __init__(self, least: float, most: float = math.inf, *, above: bool = False, word: str | None = None) -> None:
        """Say the range; `above` leaves `least` itself out."""
        self.least, self.most, self.above, self.word = least, most, above, word

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, or the word."""
        if value == self.word:
            return value
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        is_least = number > self.least if self.above else number >= self.least
        if is_least and number <= self.most and math.isfinite(number):
            return number
        start = f"above {self.least:g}" if self.above else f"from {self.least:g}"
        other = f", {self.word}" if self.word else ""
        end = "" if math.isinf(self.most) else f" to {self.most:g}"
        raise ConfigError(f"{_named(param)} {value} is not allowed: give a number {start}{end}{other}, or leave it out")


def _is_checked(ctx: click.Context, value: str | None) -> bool:
    is_lenient = isinstance(ctx.command, Command) and ctx.command.is_lenient
    return value is not None and not ctx.resilient_parsing and not is_lenient


def there(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Pass, as a callback, a path at which something lies."""
    if not _is_checked(ctx, value):
        return value
    if not str(value).strip():
        raise ConfigError(f"{_named(param)} is empty ({value!r}), maybe by a variable without a value; here is .")
    if is_url(str(value)):
        raise ConfigError(f"{_named(param)} {shown(str(value))} is a URL, and a path on this machine is wanted")
    if not all(Path(each).exists() for each in shard_names(str(value))):
        from deepfakebench_ext.common.paths import missing_path

        raise ConfigError(f"{_named(param)} {missing_path(Path(str(value)))}")
    return value


def on_this_machine(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Pass, as a callback, a path to which something will be written."""
    if _is_checked(ctx, value) and not str(value).strip():
        raise ConfigError(f"{_named(param)} is empty ({value!r}), maybe by a variable without a value; give a folder")
    if value is not None and is_url(value):
        raise ConfigError(
            f"{_named(param)} {shown(value)} is a URL, and results are written to this machine; give a folder"
        )
    return value


def there_or_url(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Pass, as a callback, a path at which something lies, or a URL of a kind that is read."""
    if value is None or not is_url(value) or not _is_checked(ctx, value):
        return there(ctx, param, value)
    checked(value)
    return value


def all_there(ctx: click.Context, param: click.Parameter, value: Sequence[str]) -> Sequence[str]:
    """Pass, as a callback, paths at each of which something lies."""
    for each in value:
        there(ctx, param, each)
    return value


def weights(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Pass, as a callback, an existing path or what may be a hub id."""
    if value is not None and _is_checked(ctx, value):
        from deepfakebench_ext.models.weights.source import parse_weights

        parse_weights(value)
    return value


def detector_config(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Pass, as a callback, the name or path of a detector's YAML that can be read."""
    if value is not None and _is_checked(ctx, value):
        from deepfakebench_ext.models.config import load_config

        load_config(value)
    return value


def listed(words: Sequence[str]) -> Callback:
    """Return a callback that passes words with commas between them, each one of some."""
    one = OneOf(words)

    def check(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
        for word in () if value is None else value.split(","):
            one.convert(word.strip(), param, ctx)
        return value

    return check
