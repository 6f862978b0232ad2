"""The checkout's own table says what the labels of its datasets mean."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_host import make_host

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.host.checkout import find_checkout
from deepfakebench_ext.host.dataset_json_reading import LABELS
from deepfakebench_ext.host.label_dict import LABELS_OF_TESTS, labels_of


def test_the_labels_are_those_of_the_yaml_that_its_test_script_reads(tmp_path: Path) -> None:
    root = make_host(tmp_path / "host")
    assert labels_of(root) == {"DF_real": 0, "DF_fake": 1}
    (root / LABELS_OF_TESTS).write_text("label_dict: {my_real: 0, my_fake: 2}")
    assert labels_of(root) == {"my_real": 0, "my_fake": 2}


@pytest.mark.parametrize("text", ["mode: test", "label_dict:", None])
def test_a_checkout_without_such_a_table_says_nothing(text: str | None, tmp_path: Path) -> None:
    root = make_host(tmp_path / "host")
    (root / LABELS_OF_TESTS).unlink() if text is None else (root / LABELS_OF_TESTS).write_text(text)
    assert labels_of(root) == {}


@pytest.mark.parametrize(
    ("text", "message"), [("label_dict: [a]", "label_dict maps names to 0"), ("a: [", "not a readable YAML file")]
)
def test_a_table_that_cannot_be_read_names_its_file(text: str, message: str, tmp_path: Path) -> None:
    root = make_host(tmp_path / "host")
    (root / LABELS_OF_TESTS).write_text(text)
    with pytest.raises(ConfigError, match=rf"test_config\.yaml: .*{message}"):
        labels_of(root)


@pytest.mark.host
def test_our_own_table_is_that_of_the_checkout() -> None:
    root = find_checkout()
    if root is None:
        pytest.skip("no DeepfakeBench checkout: set DEEPFAKEBENCH_ROOT or put one at vendors/DeepfakeBench")
    assert dict(LABELS) == labels_of(root)
