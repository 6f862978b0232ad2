"""The commands themselves: options in groups, everyday ones first, and mistypes answered. Imports nothing heavy."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click

from deepfakebench_ext.cli import mistypes
from deepfakebench_ext.cli.terminal import LOUDNESS
from deepfakebench_ext.common.errors import ExtError
from deepfakebench_ext.common.urls import is_url, shown, without_secrets
from deepfakebench_ext.common.version import __version__

logger = logging.getLogger(__name__)

GROUPS = {
    "input": "Input",
    "detector": "Detector",
    "video": "Video",
    "faces": "Faces",
    "training": "Training",
    "figures": "Figures",
    "serving": "Serving",
    "running": "Running",
    "output": "Output",
    "": "Options",
}
"""The headings of `--help`, in their order."""

_LONGEST_SUMMARY = 400
Option = Callable[[Any], Any]

CONTEXT: dict[str, Any] = {
    "help_option_names": ["-h", "--help"],
    "max_content_width": 100,
    # DeepfakeBench writes its options with underscores; dashes are taken too.
    "token_normalize_func": lambda name: name.replace("-", "_"),
}


class GroupedOption(click.Option):
    """An option under a heading; `--help` shows those of every day, `--help_all` all."""

    def __init__(self, *args: Any, group: str = "", everyday: bool = False, **attrs: Any) -> None:
        """As click's, with one of `GROUPS`."""
        self.group, self.everyday = group, everyday
        super().__init__(*args, **attrs)


def option(*names: str, group: str = "", everyday: bool = False, **attrs: Any) -> Option:
    """Return a decorator that gives a command an option under a heading."""
    return click.option(*names, cls=GroupedOption, group=group, everyday=everyday, **attrs)


class Command(click.Command):
    """A command with its options under headings, which answers what is mistyped.

    Each has `--help_all`, `--version`, `--quiet` and `--verbose`.
    """

    def __init__(self, *args: Any, is_lenient: bool = False, **attrs: Any) -> None:
        """As click's.

        Args:
            args: Of click.
            is_lenient: What options name may be missing: the command itself says so.
            attrs: Of click.
        """
        super().__init__(*args, **attrs)
        self.is_lenient = is_lenient
        self.params += _everywhere()
        self.params.append(_help_all())

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Answer what is mistyped."""
        typed = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise mistypes.answered(error, self, typed) from error

    def invoke(self, ctx: click.Context) -> Any:
        """Run it; of an error that is said in a line, `--verbose` says where it came from."""
        try:
            return super().invoke(ctx)
        except ExtError:
            logger.debug("where the error came from", exc_info=True)
            raise

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Say of a script which verb it is."""
        super().format_usage(ctx, formatter)
        if (ctx.info_name or "").endswith(".py"):
            formatter.write_text(f"The same as: dfb-ext {self.name}")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of every day under their headings, or all of them."""
        shows_all = bool(ctx.meta.get(_ALL))
        shown = [each for each in self.get_params(ctx) if shows_all or _is_everyday(each)]
        for group, heading in GROUPS.items():
            own = [each for each in shown if isinstance(each, click.Option) and getattr(each, "group", "") == group]
            records = [record for each in own if (record := each.get_help_record(ctx)) is not None]
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)


class SpacedCommand(Command):
    """A command whose repeatable options take several values after one name, as DeepfakeBench's do: `--x A B`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option's name before each of its values."""
        return super().parse_args(ctx, self._spread(args))

    def _spread(self, args: Sequence[str]) -> list[str]:
        repeatable = {each.opts[0] for each in self.params if isinstance(each, click.Option) and each.multiple}
        spread: list[str] = []
        current, has_value = None, False
        for arg in args:
            if arg.startswith("-") and arg != "-":
                current, has_value = "--" + arg.lstrip("-").replace("-", "_"), False
            elif current in repeatable and has_value:
                spread.append(str(current))
            else:
                has_value = True
            spread.append(arg)
        return spread


class VerbGroup(click.Group):
    """A group of verbs, each with the whole of its summary, which answers a mistyped one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the verb that is meant by its exact name."""
        if self.get_command(ctx, args[0]) is None:
            said = mistypes.verb_instead(args[0], self.list_commands(ctx))
            raise click.UsageError(f"No such command {args[0]!r}. {said}", ctx=ctx)
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Answer an option before the verb."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            said = mistypes.verb_instead(error.option_name, self.list_commands(ctx))
            raise click.UsageError(f"No such option: {error.option_name}. {said}", ctx=ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the summaries."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.summary(ctx, name)) for name in self.list_commands(ctx)])

    def summary(self, ctx: click.Context, name: str) -> str:
        """Return what a verb does, in a sentence."""
        command = self.get_command(ctx, name)
        return "" if command is None else command.get_short_help_str(limit=_LONGEST_SUMMARY)


_ALL = "deepfakebench_ext.help_all"


def _is_everyday(param: click.Parameter) -> bool:
    return not isinstance(param, GroupedOption) or param.everyday or param.required


def _show_all(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        ctx.meta[_ALL] = True
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()


def _help_all() -> click.Option:
    return click.Option(
        ["--help_all"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_show_all,
        help="Show every option, also --quiet, --verbose and --version.",
    )


def _loudness(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        logger, level = logging.getLogger("deepfakebench_ext"), {"quiet": logging.WARNING, "verbose": logging.DEBUG}
        ctx.meta[LOUDNESS] = param.name
        logger.setLevel(level[str(param.name)])
        ctx.call_on_close(lambda: logger.setLevel(logging.NOTSET))


def _everywhere() -> Iterator[click.Option]:
    """The options that every command has."""
    for name, text in (
        ("quiet", "Print results, warnings and errors alone."),
        ("verbose", "Print what is logged for finding faults, too."),
    ):
        yield GroupedOption([f"--{name}"], is_flag=True, expose_value=False, callback=_loudness, help=text)
    yield _version()


def _version() -> click.Option:
    return GroupedOption(
        ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_say_version, help="Print the version."
    )


def _say_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(f"deepfakebench_ext {__version__}")
        ctx.exit()


def options(*groups: tuple[Option, ...]) -> Option:
    """Return a decorator that gives a command the options of these groups, in their order."""

    def decorate(command: Any) -> Any:
        for each in reversed([each for group in groups for each in group]):
            command = each(command)
        return command

    return decorate


def command_line() -> str:
    """Return this command as it would be typed, for a run's record: without its program's folder and URLs' secrets."""
    import shlex
    from pathlib import Path

    program = Path(sys.argv[0]).name
    return shlex.join(["dfb-ext" if program == "__main__.py" else program, *map(_without_secrets, sys.argv[1:])])


def _without_secrets(word: str) -> str:
    option, equals, value = word.partition("=")
    if option.startswith("-") and is_url(value):
        return f"{option}{equals}{shown(value)}"
    return shown(word) if is_url(word) else without_secrets(word)
