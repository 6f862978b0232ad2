"""JSON in which a key of an object stands once, or not at all."""

from __future__ import annotations

import pytest

from deepfakebench_ext.common.json_text import DoubledKeyError, parse_json


def test_a_document_of_any_kind_is_given_back() -> None:
    assert parse_json(b'{"a": {"b": [1, null]}, "b": {"a": 2}}') == {"a": {"b": [1, None]}, "b": {"a": 2}}
    assert parse_json("[]") == []


@pytest.mark.parametrize("text", ['{"a": 1, "b": 2, "a": 1}', '[{"x": {"a": 1, "a": 2}}]'])
def test_a_key_that_stands_twice_in_one_object_is_named(text: str) -> None:
    with pytest.raises(DoubledKeyError, match="the key 'a' stands twice in one object"):
        parse_json(text)


def test_of_a_long_key_or_one_of_control_characters_no_more_is_said_than_fits_a_line() -> None:
    key = "\\u001b" + "k" * 1000
    with pytest.raises(DoubledKeyError) as caught:
        parse_json('{"%s": 1, "%s": 2}' % (key, key))  # noqa: UP031 - braces
    assert "\x1b" not in str(caught.value) and len(str(caught.value)) < 200


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 200_000])
def test_what_is_no_json_is_an_error_of_one_kind(content: bytes) -> None:
    with pytest.raises(ValueError):
        parse_json(content)
