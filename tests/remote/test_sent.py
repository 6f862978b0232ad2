"""What one process knows of URLs serves another: nothing is asked of the store again, and secrets still open it."""

from __future__ import annotations

import pickle
from pathlib import Path

import buckets
import pytest
import tiny

from deepfakebench_ext.remote import sent, typed
from deepfakebench_ext.remote.states import state_text


def test_states_are_not_asked_for_again(s3: buckets.S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.photo(tmp_path / "photos/a.png")
    s3.put("data", tmp_path / "photos")
    names = ["s3://data/a.png", "s3://data/none.png"]
    known = pickle.loads(pickle.dumps(sent.known_of(names)))
    said = [state_text(name) for name in names]
    buckets.ask_anew(monkeypatch)
    s3.requests.clear()
    sent.keep(known)
    assert [state_text(name) for name in names] == said
    assert said[0] != said[1] == "absent"
    assert s3.requests == []


def test_a_url_is_opened_as_it_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typed, "_typed", {})
    url = "https://127.0.0.1/a.png?X-Amz-Signature=hush"
    name = typed.known(url)
    assert "hush" not in name
    known = {name: (typed.typed(name), "absent")}
    monkeypatch.setattr(typed, "_typed", {})
    assert typed.typed(name) == name
    sent.keep(known)
    assert typed.typed(name) == url
