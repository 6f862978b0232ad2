"""The process that runs a user's function, or asks an API: `python -m deepfakebench_ext.engine.own.child`.

It reads lines of JSON: first what it is to be, then lists of paths, and answers each with one line. It imports nothing
heavy: what the user's module does not import is not there.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TextIO

from deepfakebench_ext.engine.own.answers import ProgramError, scores_of
from deepfakebench_ext.engine.own.api import UnreachableError, ask

Judge = Callable[[Sequence[str]], list[float | str]]


def main() -> None:
    """Answer until nobody asks any more."""
    questions, out = _lines()
    asked = json.loads(next(questions))
    judge = _ready(asked, out)
    if judge is None:
        return
    told = False
    for line in questions:
        try:
            said: dict[str, Any] = {"answers": judge(json.loads(line))}
        except UnreachableError as error:
            said = {"gone": str(error)}
        except ProgramError as error:
            said = {"refused": str(error)}
        except BaseException as error:  # whatever a user's program raises, `sys.exit` too, is its answer
            said = {"refused": _reason(error)}
            if not told:
                traceback.print_exc()
                told = True
        _say(out, said)


def _lines() -> tuple[Iterator[str], TextIO]:
    """What is asked, and where answers go; what the program itself prints goes to stderr, and it has no stdin."""
    stdin = os.fdopen(os.dup(0), encoding="utf-8")
    stdout = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    waiting: SimpleQueue[str | None] = SimpleQueue()

    def listen() -> None:
        for line in stdin:
            waiting.put(line)
        os._exit(0)  # whoever asked is gone, and a program that hangs would outlive it

    threading.Thread(target=listen, daemon=True).start()
    return iter(waiting.get, None), stdout


def _ready(asked: dict[str, Any], out: TextIO) -> Judge | None:
    try:
        judge = _of_api(asked) if asked["kind"] == "api" else _of_function(Path(asked["file"]), asked["name"])
    except ProgramError as error:
        _say(out, {"cannot": str(error)})
        return None
    except BaseException as error:
        traceback.print_exc()
        _say(out, {"cannot": _reason(error)})
        return None
    _say(out, {"ready": True})
    return judge


def _of_api(asked: dict[str, Any]) -> Judge:
    return lambda paths: [ask(asked["url"], path, asked["limit_s"]) for path in paths]


def _of_function(file: Path, name: str) -> Judge:
    sys.path.insert(0, str(file.parent.absolute()))
    spec = spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None  # the name ends with .py
    module = module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    function = getattr(module, name, None)
    if not callable(function):
        known = ", ".join(each for each, value in vars(module).items() if callable(value) and each[0] != "_")
        raise ProgramError(f"it has no function {name}; it has {known or 'none'}")
    return lambda paths: scores_of(function(list(paths)), len(paths))


def _reason(error: BaseException) -> str:
    """What it says, and the line that it comes from."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name} line {frames[-1].lineno})" if frames else ""
    return " ".join(f"{type(error).__name__}: {error}".split())[:500] + where


def _say(out: TextIO, said: dict[str, Any]) -> None:
    out.write(json.dumps(said) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
