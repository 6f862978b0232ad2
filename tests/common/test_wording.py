import pytest

from deepfakebench_ext.common.wording import printable, rounded


@pytest.mark.parametrize("text", ["", "plain name.png", "換臉 è.png", r"C:\fake\a.png"])
def test_printable_text_stays_as_it_is(text):
    assert printable(text) == text


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "a\u2028b", "a\x0bb", "a\x85b", "a\udcffb", "a\x00b"])
def test_everything_becomes_one_line_of_valid_unicode(text):
    got = printable(text)
    assert got.splitlines() == [got]
    assert got.encode("utf-8").decode("utf-8") == got
    assert got.encode("ascii").decode("unicode_escape") == text


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0.5, 4, "0.5000"), (0.0, 4, "0.0000"), (1.0, 4, "1.0000"), (0.99994, 4, "0.9999"), (1.23456, 4, "1.2346"),
        (0.99996, 4, "0.99996"), (0.999, 2, "0.999"), (1 - 1e-12, 4, "0.999999999999"), (3e-9, 4, "3e-09"),
        (0.00005, 4, "0.0001"), (-0.25, 4, "-0.2500"),
    ],
)  # fmt: skip
def test_no_number_is_rounded_to_0_or_1_that_is_neither(value, decimals, text):
    assert rounded(value, decimals) == text
