"""A checkout is cloned whole or not at all, at the commit that is tested, or linked."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_host import git, make_host

from deepfakebench_ext.common.errors import HostError
from deepfakebench_ext.host.checkout import find_checkout
from deepfakebench_ext.launcher.install import clone, link_local


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return make_host(tmp_path / "remote", commit=True)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("DEEPFAKEBENCH_ROOT", raising=False)
    return tmp_path / "vendors/DeepfakeBench"


def test_a_clone_lies_at_the_commit_and_is_found(remote: Path, place: Path) -> None:
    commit = git(remote, "rev-parse", "HEAD")
    (remote / "later.txt").touch()
    git(remote, "add", ".")
    git(remote, "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "-m", "later")
    assert commit in clone(place, url=str(remote), commit=commit)
    assert git(place, "rev-parse", "HEAD") == commit and not (place / "later.txt").exists()
    assert find_checkout() == place
    assert "already" in clone(place, url="unused", commit=commit)


def test_a_failed_clone_leaves_nothing_behind_and_says_why(remote: Path, place: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.txt").touch()
    git(other, "init", "--quiet")
    git(other, "add", ".")
    git(other, "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "-m", "other")
    wrong = (
        (tmp_path / "nowhere", "HEAD", r"nowhere cannot be cloned: .*does not exist.* --path DIR"),
        (remote, "f" * 40, r"remote has no commit f{40}: .* --commit"),
        (other, "HEAD", r"is not a DeepfakeBench checkout: .*is another repository"),
    )
    for url, commit, message in wrong:
        with pytest.raises(HostError, match=message):
            clone(place, url=str(url), commit=commit)
        assert list(place.parent.iterdir()) == []


def test_what_is_there_already_is_not_touched(remote: Path, place: Path, tmp_path: Path) -> None:
    place.mkdir(parents=True)
    (place / "mine.txt").touch()
    with pytest.raises(HostError, match="is there already"):
        clone(place, url=str(remote), commit="HEAD")
    with pytest.raises(HostError, match="is there already"):
        link_local(remote, place)
    assert [path.name for path in place.iterdir()] == ["mine.txt"]


def test_a_local_checkout_is_linked_once_and_another_folder_never(remote: Path, place: Path, tmp_path: Path) -> None:
    link_local(Path("remote"), place)
    assert place.is_symlink() and find_checkout() == place
    assert "already" in link_local(remote, place)
    with pytest.raises(HostError, match="is not a DeepfakeBench checkout"):
        link_local(tmp_path, tmp_path / "vendors/Other")
    assert not (tmp_path / "vendors/Other").exists()
