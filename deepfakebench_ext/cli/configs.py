"""`dfb-ext configs`: which detector configs there are, what one says, and where each of its values comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import click

from deepfakebench_ext.cli.command import CONTEXT, SpacedCommand, VerbGroup, option, options
from deepfakebench_ext.cli.options import JSON
from deepfakebench_ext.cli.terminal import say, say_json

_EXAMPLES = """
\b
Examples:
  dfb-ext configs show clip_layernorm
  dfb-ext configs show clip_layernorm --set training.lr=1e-5 tuning.mode=lora

\b
What can be said in several places is decided in one order: command line, YAML, checkpoint, default.
"""
_SET = (
    option(
        "--set",
        "changes",
        group="training",
        everyday=True,
        multiple=True,
        metavar="KEY=VALUE...",
        help="Changes of the YAML, as for dfb-ext train.",
    ),
)


@click.group("configs", cls=VerbGroup, invoke_without_command=True, context_settings=CONTEXT)
@click.pass_context
def configs(ctx: click.Context) -> None:
    """List detector configs, and show what one says and where each value comes from."""
    if ctx.invoked_subcommand is None:
        _say_list()


@configs.command("list", cls=SpacedCommand, context_settings=CONTEXT)
def list_configs() -> None:
    """List the configs that ship, and those of a DeepfakeBench checkout."""
    _say_list()


@configs.command("show", cls=SpacedCommand, epilog=_EXAMPLES, context_settings=CONTEXT)
@click.argument("name")
@options(_SET, JSON)
def show(name: str, changes: tuple[str, ...], as_json: bool) -> None:
    """Show each value of a config (a name, or a YAML's path), and whether the YAML, --set or a default says it."""
    from deepfakebench_ext.models.config import find_config
    from deepfakebench_ext.training.recipe import Recipe, read_values

    path, before, after = find_config(name), read_values(name), read_values(name, changes)
    Recipe.of(after)  # refuses what would be refused
    found = list(_values(before, after))
    if as_json:
        values = {each.key: {"value": each.value, "from": each.origin} for each in found}
        return say_json(json.dumps({"file": str(path), "values": values}, indent=2, default=str, ensure_ascii=False))
    say(str(path))
    width = max(len(each.key) for each in found)
    for each in found:
        say(f"{each.key:<{width}}  {json.dumps(each.value, default=str, ensure_ascii=False)}  ({each.origin})")


class _Value(NamedTuple):
    """A value, and who says it."""

    key: str
    value: Any
    origin: str


def _values(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[_Value]:
    """The values of a config, ours and then DeepfakeBench's: of the YAML as it is, and with the changes."""
    from deepfakebench_ext.models.config import HOST_KEYS, DetectorConfig
    from deepfakebench_ext.training.config import TrainingConfig, TuningConfig

    inner = {"tuning", "training", "host", "checkout", "file"}
    yield from _block("", DetectorConfig, before, after, leave_out=inner)
    for name, block in (("tuning", TuningConfig), ("training", TrainingConfig)):
        if after.get(name) is not None:
            yield from _block(f"{name}.", block, before.get(name) or {}, after[name])
    for key in sorted(HOST_KEYS & after.keys()):
        yield _Value(key, after[key], f"{_origin(key, before, after)}, read by DeepfakeBench's scripts alone")


def _block(
    prefix: str, model: Any, before: Mapping[str, Any], after: Mapping[str, Any], leave_out: set[str] | None = None
) -> Iterator[_Value]:
    for key, field in model.model_fields.items():
        if key in (leave_out or ()):
            continue
        value = after[key] if key in after else field.get_default(call_default_factory=True)
        yield _Value(f"{prefix}{key}", value, _origin(key, before, after))


def _origin(key: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    if key not in after:
        return "default"
    return "YAML" if key in before and before[key] == after[key] else "--set"


def _say_list() -> None:
    from deepfakebench_ext.host.checkout import DETECTOR_YAMLS, find_checkout
    from deepfakebench_ext.models.config import config_names, find_config

    names = config_names()
    width = max(map(len, names))
    for name in names:
        say(f"{name:<{width}}  {_summary(find_config(name).read_text(encoding='utf-8'))}")
    if (checkout := find_checkout()) is not None:
        theirs = sorted(path.stem for path in (checkout / DETECTOR_YAMLS).glob("*.yaml"))
        say(f"of DeepfakeBench's at {checkout}: {', '.join(theirs)}")


def _summary(text: str) -> str:
    """The first sentence of the comment that a YAML begins with."""
    comment = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        comment.append(line.lstrip("# ").strip())
    return " ".join(comment).partition(". ")[0].rstrip(".")
