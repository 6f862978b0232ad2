"""Every command that README.md and docs/ show can be typed: its verb, its options, and what they choose from."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from deepfakebench_ext.cli.main import cli
from deepfakebench_ext.common.errors import ConfigError

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAMS = {
    "dfb-ext": [],
    "deepfakebench_ext": [],
    "perf_huggingface.py": ["evaluate"],
    "extract_frames.py": ["extract"],
    "scripts/train.py": ["train"],
    "scripts/analyze_video.py": ["analyze"],
}
_LAUNCHERS = ("torchrun", "accelerate", "python", "srun")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def typed(page: Path) -> list[list[str]]:
    """The words of each command of ours in the page's blocks, from its program on."""
    lines = []
    for language, block in _BLOCK.findall(page.read_text(encoding="utf-8")):
        for line in block.replace("\\\n", " ").splitlines():
            if language not in ("", "bash", "sh") or not any(program in line for program in PROGRAMS):
                continue
            words = shlex.split(line.removeprefix("$ "), comments=True)
            start = next((at for at, word in enumerate(words) if word.removeprefix("python ") in PROGRAMS), None)
            before = words[:start]
            if start is not None and "..." not in words and (not before or before[0] in _LAUNCHERS):
                lines.append(words[start:])
    return lines


COMMANDS = [pytest.param(words, id=f"{page.name}: {' '.join(words)}"[:120]) for page in PAGES for words in typed(page)]


def parsed(command: click.Command, ctx: click.Context, words: list[str]) -> None:
    """Hold each option to what the command knows; files need not be there."""
    given, _, _ = command.make_parser(ctx).parse_args(words)
    for parameter in command.params:
        value = given.get(parameter.name)
        if not isinstance(parameter.type, click.Path):
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, str):
                    parameter.type.convert(each, parameter, ctx)


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_of_the_pages_can_be_typed(words: list[str]) -> None:
    command: click.Command = cli
    words = [*PROGRAMS[words[0]], *words[1:]]
    ctx = click.Context(cli, info_name="dfb-ext")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name = words.pop(0)
        found = command.get_command(ctx, name)
        assert found is not None, f"{name} is no verb"
        command, ctx = found, click.Context(found, parent=ctx, info_name=name, **found.context_settings)
    parsed(command, ctx, words)


def test_the_pages_show_every_verb() -> None:
    shown = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [verb for verb in cli.list_commands(click.Context(cli)) if f"`{verb}`" not in shown] == []


def test_a_wrong_option_would_be_seen() -> None:
    with pytest.raises(click.NoSuchOption):
        test_a_command_of_the_pages_can_be_typed(["perf_huggingface.py", "--wheights", "w.pth"])
    with pytest.raises(ConfigError):
        test_a_command_of_the_pages_can_be_typed(["perf_huggingface.py", "--sampling", "none"])
