"""The strings of the page: each language has all of them, with the same values in them, and none is for nothing."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import deepfakebench_ext

ROOMS = Path(deepfakebench_ext.__file__).parent
VIEWER, PAGE = ROOMS / "analysis/viewer", ROOMS / "service/page"
MODULES = [path for folder in (VIEWER, PAGE) for path in sorted(folder.glob("*.js"))]
MADE = re.compile(r"""\bt\(`([a-z_.]+)\$\{[^}]*\}([a-z_.]*)`""")


@pytest.fixture(scope="module")
def languages() -> dict[str, dict[str, str]]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    program = f"""
      import {{LANGUAGES}} from {json.dumps((VIEWER / "words.js").as_uri())};
      const words = Object.entries(LANGUAGES).map(([code, language]) => [code, language.words]);
      console.log(JSON.stringify(Object.fromEntries(words)));
    """
    done = subprocess.run([node, "--input-type=module", "-"], input=program, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_every_language_says_everything(languages: dict[str, dict[str, str]]) -> None:
    english = languages["en"]
    assert len(languages) > 1
    for words in languages.values():
        assert list(words) == list(english)
        assert all(words.values())
        for key, text in words.items():
            assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", english[key])), key


def test_every_string_is_said_somewhere_and_no_other(languages: dict[str, dict[str, str]]) -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in MODULES if path.stem not in ("english", "german"))
    literal = set(re.findall(r'"([a-z_]+(?:\.[a-z_0-9]+)*)"', sources))
    made = [re.compile(re.escape(first) + r"[a-z_]+" + re.escape(last)) for first, last in MADE.findall(sources)]
    made += [re.compile(r"marks\.(one|other)"), re.compile(r"option\.[a-z_]+(\.does)?")]
    unsaid = [key for key in languages["en"] if key not in literal and not any(each.fullmatch(key) for each in made)]
    assert not unsaid
    said = {key for key in re.findall(r'(?:\bt|\bsaid|"[a-z]+")\("([a-z_.]+)"', sources)}
    assert said <= set(languages["en"])
