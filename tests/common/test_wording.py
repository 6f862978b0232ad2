import pytest

from deepfakebench_ext.common.wording import printable


@pytest.mark.parametrize("text", ["", "plain name.png", "換臉 è.png", r"C:\fake\a.png"])
def test_printable_text_stays_as_it_is(text):
    assert printable(text) == text


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "a\u2028b", "a\x0bb", "a\x85b", "a\udcffb", "a\x00b"])
def test_everything_becomes_one_line_of_valid_unicode(text):
    got = printable(text)
    assert got.splitlines() == [got]
    assert got.encode("utf-8").decode("utf-8") == got
    assert got.encode("ascii").decode("unicode_escape") == text
