"""What the rooms of docs/development.md promise and `lint-imports` cannot see."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from importlinter.api import read_configuration

ROOT = Path(__file__).parents[1] / "deepfakebench_ext"
ROOMS_OF_DEEPFAKEBENCH = ("host", "launcher")
# DeepfakeBench's own top-level modules; `metrics` is one of them, and so has to be told from ours by its whole name.
ITS_MODULE = re.compile(r"(dataset|detectors|logger|loss|metrics|networks|optimizor|trainer|training)(\.\w+)*")
ITS_PATH = re.compile(r"(training|preprocessing|datasets)(/[\w.]+)+")
READS_OR_WRITES = {"open", "read_text", "read_bytes", "write_text", "write_bytes", "iterdir", "stat", "is_file"}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for file in sorted(ROOT.rglob("*.py")):
        yield file.relative_to(ROOT).as_posix(), ast.parse(file.read_bytes())


def imported(tree: ast.Module) -> Iterator[str]:
    """The absolute names that a module imports anywhere, also by `import_module` and `sys.modules`."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(name), level=0):
                yield name
            case ast.Call(func=ast.Attribute(attr="import_module") | ast.Name(id="import_module" | "__import__")):
                yield from (word.value for word in node.args if isinstance(word, ast.Constant))
            case ast.Subscript(value=ast.Attribute(attr="modules"), slice=ast.Constant(value=str(name))):
                yield name


def is_said_to_be_pure(tree: ast.Module) -> bool:
    return re.search(r"\b(Pure\b|No I/O\b|no I/O\b)", ast.get_docstring(tree) or "") is not None


def test_host_alone_imports_and_names_deepfakebenchs_code() -> None:
    found = [
        f"{name}: {word}"
        for name, tree in modules()
        if not name.startswith(ROOMS_OF_DEEPFAKEBENCH)
        for word in [
            *filter(ITS_MODULE.fullmatch, imported(tree)),
            *(n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and ITS_PATH.fullmatch(str(n.value))),
        ]
    ]
    assert found == []


def test_launcher_starts_its_scripts_and_imports_none_of_its_modules() -> None:
    found = {name: [*filter(ITS_MODULE.fullmatch, imported(tree))] for name, tree in modules() if "launcher/" in name}
    assert set(map(len, found.values())) == {0}


def test_the_contract_of_purity_holds_every_module_that_says_it_is_pure() -> None:
    contracts = read_configuration(str(ROOT.parent / "pyproject.toml"))["contracts_options"]
    (held,) = [contract["source_modules"] for contract in contracts if "pure" in contract["name"]]
    said = [f"deepfakebench_ext.{name[:-3].replace('/', '.')}" for name, tree in modules() if is_said_to_be_pure(tree)]
    assert len(said) > 20
    assert [name for name in said if not any(f"{name}.".startswith(f"{room}.") for room in held)] == []


def test_what_says_it_is_pure_touches_no_file() -> None:
    found = [
        f"{name}:{node.lineno} {word}"
        for name, tree in modules()
        if is_said_to_be_pure(tree)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute | ast.Name)
        if (word := node.attr if isinstance(node, ast.Attribute) else node.id) in READS_OR_WRITES
    ]
    assert found == []


def test_every_file_that_the_developers_page_names_is_there() -> None:
    page = (ROOT.parent / "docs/development.md").read_text()
    named = re.findall(r"`((?:\w+/)+(?:\w+\.\w+)?)`", page)
    assert len(named) > 30
    # A room within a room is named alone, such as `tuning/`.
    absent = [name for name in named if not (ROOT.parent / name).exists() and not any(ROOT.glob(f"**/{name}"))]
    assert absent == []
