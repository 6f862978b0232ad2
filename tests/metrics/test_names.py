import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepfakebench_ext.metrics.names import Names

TEXTS = st.lists(
    st.one_of(st.sampled_from(["", "a", "b", "a/b/c.png", "12345678", "123456789"]), st.text(max_size=20)), max_size=40
)


def one_by_one(texts):
    numbers = {}
    return [numbers.setdefault(text, len(numbers)) for text in texts], list(numbers)


@given(TEXTS)
@settings(max_examples=60, deadline=None)
def test_texts_come_back_one_by_one_and_in_parts(texts):
    names = Names.of(texts)
    assert list(names) == [names[place] for place in range(len(names))] == list(names.compact()) == texts
    assert list(names[1:4].compact()) == texts[1:4]
    assert list(names[::2].take(np.flatnonzero(names[::2].lengths))) == list(filter(None, texts[::2]))


@given(TEXTS)
@settings(max_examples=60, deadline=None)
def test_numbers_are_those_in_which_texts_first_come(texts):
    codes, first = Names.of(texts).first_seen()
    numbers, distinct = one_by_one(texts)
    assert codes.tolist() == numbers
    assert [texts[place] for place in first] == distinct


@pytest.mark.parametrize("bits", [lambda names: names.lengths.astype(np.uint64), lambda names: names.lengths * 0])
def test_texts_of_the_same_bits_stay_apart(bits, monkeypatch):
    monkeypatch.setattr(Names, "bits", lambda names: bits(names).astype(np.uint64))
    texts = ["ab", "cd", "ab", "ab", "a", "cd", "e"] * 3
    codes, first = Names.of(texts).first_seen()
    assert (codes.tolist(), [texts[place] for place in first]) == one_by_one(texts)


@given(TEXTS)
@settings(max_examples=60, deadline=None)
def test_the_last_byte_of_a_kind_is_found(texts):
    names = Names.of(texts)
    assert names.last_of(b"/").tolist() == [text.encode().rfind(b"/") for text in texts]
    ends = names.cut(names.last_of(b"/") + 1, names.lengths)
    assert list(ends) == [text.rpartition("/")[2] for text in texts]


def test_what_is_no_text_comes_back():
    assert list(Names.of(["byte\udcff.png", "ü"])) == ["byte\udcff.png", "ü"]
