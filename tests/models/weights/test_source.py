"""What may stand after --weights: paths and hub ids, and that a mistyped path never becomes a request."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from deepfakebench_ext.common.errors import WeightsError
from deepfakebench_ext.models.weights import hub
from deepfakebench_ext.models.weights.source import (
    PROCESSOR_FILES,
    HubId,
    Source,
    parse_weights,
    read_json,
    resolve_config,
    resolve_weights,
)

SPELLINGS = "Weights are an existing folder"


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every look at the hub, which has nothing."""
    seen: list[str] = []

    def fetch(repo: str, filename: str, revision: str | None) -> None:
        seen.append(f"{repo}@{revision}/{filename}")

    monkeypatch.setattr(hub, "fetch", fetch)
    return seen


def write(path: Path, content: object = b"w") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


PATH_LIKE = [
    "model.pth",
    "training/weights/clip.pth",
    "weights/best.safetensors",
    "org/name.bin",
    "org/name.CKPT",
    "./clip",
    "./org/name",
    "./clip@main",
    ".hidden/clip",
    "../clip",
    "/nowhere/clip",
    "~/weights/clip",
    "~no-such-user-here/clip",
    "org/name/",
    "a/b/c",
    "C:\\models\\clip",
    "C:/models/clip",
    "C:clip",
    "models\\clip",
    "\\\\server\\share\\clip",
]
NEITHER = [
    "",
    " ",
    "clip",
    "org/",
    "/name",
    "org//name",
    "org/name@",
    "org/name@ main",
    "@main",
    "org/name@main@dev",
    "org/my name",
    "örg/nämé",
    "hf-hub:org/name",
    "org/name\n",
    "org/" + "n" * 5000 + ".pth",
    "n" * 5000,
    "nul\0byte",
]


def test_an_address_of_the_hub_is_answered_with_its_id(asked: list[str]) -> None:
    for look in (resolve_weights, resolve_config):
        with pytest.raises(WeightsError, match="is a page of the hub; type org/name"):
            look("https://huggingface.co/org/name")
    assert asked == []


@pytest.mark.parametrize("spec", [*PATH_LIKE, *NEITHER])
def test_what_is_neither_there_nor_a_hub_id_never_reaches_the_hub(spec: str, asked: list[str]) -> None:
    for look in (resolve_weights, resolve_config):
        with pytest.raises(WeightsError, match=SPELLINGS) as caught:
            look(spec)
        assert str(caught.value).startswith(f"there are no weights at {spec!r}.")
    assert asked == []


@pytest.mark.parametrize(
    ("spec", "repo", "revision"),
    [
        ("openai/clip-vit-large-patch14", "openai/clip-vit-large-patch14", None),
        ("org/name@main", "org/name", "main"),
        ("org/name@v1.0", "org/name", "v1.0"),
        ("org/name@refs/pr/3", "org/name", "refs/pr/3"),
        ("org/name@" + "0123456789" * 4, "org/name", "0123456789" * 4),
        ("Org_1/My.Model-2", "Org_1/My.Model-2", None),
        ("org/clip-0.1", "org/clip-0.1", None),
    ],
)
def test_a_hub_id_is_a_repository_and_perhaps_a_revision(
    spec: str, repo: str, revision: str | None, asked: list[str]
) -> None:
    assert parse_weights(spec) == HubId(repo, revision)
    assert asked == [], "reading the name asks nothing"
    with pytest.raises(WeightsError, match="has no config"):
        resolve_weights(spec)
    assert asked == [f"{repo}@{revision}/config.json"]


def test_a_path_beside_a_local_folder_of_its_first_part_is_a_typo(tmp_path: Path, asked: list[str]) -> None:
    write(tmp_path / "checkpoints/clip-large/config.json")
    with pytest.raises(WeightsError, match=r"Near it: checkpoints/clip-large\."):
        resolve_weights("checkpoints/clip-larg")
    assert asked == []


def test_a_revision_says_that_a_repository_is_meant_although_a_folder_has_its_first_part(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    assert parse_weights("checkpoints/clip@main") == HubId("checkpoints/clip", "main")


def test_a_folder_that_is_there_comes_before_a_repository_of_that_name(tmp_path: Path, asked: list[str]) -> None:
    folder = write(tmp_path / "org/name/config.json", {}).parent
    write(folder / "model.safetensors")
    found = resolve_weights("org/name")
    assert (found.kind, found.folder, found.revision) == ("folder", Path("org/name"), None)
    assert asked == []


def test_a_typo_shows_the_spellings_near_it(tmp_path: Path) -> None:
    for name in ("videomae_best.pth", "clip_best.pth", "clip_last.pth", "notes.txt"):
        write(tmp_path / "runs" / name)
    with pytest.raises(WeightsError) as caught:
        parse_weights("runs/clip_bset.pth")
    assert "Near it: runs/clip_best.pth, runs/clip_last.pth" in str(caught.value)
    assert "notes.txt" not in str(caught.value)


def test_a_path_whose_folder_is_missing_says_that(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"The folder 'rnus' is not there either\."):
        parse_weights("rnus/clip.pth")


@pytest.mark.parametrize(
    "name", ["my weights/best one.pth", "gewichte/größe-été.pth", "模型/权重.safetensors", "-dash.pth", "a@b/c.pth"]
)
def test_names_with_spaces_and_other_letters_are_paths_like_any(name: str, tmp_path: Path) -> None:
    write(tmp_path / name)
    assert resolve_weights(name) == Source(name, "file", None, (Path(name),))
    assert resolve_weights(str(tmp_path / name)).files == (tmp_path / name,)


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    path = write(tmp_path / "home/weights/clip.pth")
    assert resolve_weights("~/weights/clip.pth").files == (path,)


@pytest.mark.parametrize("suffix", ["safetensors", "pth", "pt", "bin", "ckpt", "PTH", "tar", ""])
def test_any_file_that_is_there_is_taken_for_weights(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"epoch_3.{suffix}")
    assert resolve_weights(str(path)) == Source(str(path), "file", None, (path,))


ORDER = ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_folder_is_read_in_the_order_of_preference_of_transformers(count: int, tmp_path: Path) -> None:
    for name in ORDER[-count:]:
        write(tmp_path / "m" / name, {"weight_map": {"a": f"shard-of-{name}"}} if name.endswith("json") else b"w")
        write(tmp_path / "m" / f"shard-of-{name}")
    best = ORDER[-count]
    expected = tmp_path / "m" / (f"shard-of-{best}" if best.endswith("json") else best)
    assert resolve_weights(str(tmp_path / "m")) == Source(str(tmp_path / "m"), "folder", tmp_path / "m", (expected,))


@pytest.mark.parametrize("name", ORDER)
def test_a_file_of_a_save_pretrained_folder_brings_the_config_beside_it(name: str, tmp_path: Path) -> None:
    write(tmp_path / "config.json", {"model_type": "clip"})
    index = {"weight_map": {"x": "s2.bin", "y": "s1.bin"}}
    path = write(tmp_path / name, index if name.endswith("json") else b"w")
    shards = [write(tmp_path / "s1.bin"), write(tmp_path / "s2.bin")]
    found = resolve_weights(str(path))
    assert (found.kind, found.folder) == ("folder", tmp_path)
    assert found.files == (tuple(shards) if name.endswith("json") else (path,))
    assert resolve_config(str(path)) == {"model_type": "clip"}


def test_a_lone_file_takes_no_config_by_chance(tmp_path: Path) -> None:
    assert resolve_weights(str(write(tmp_path / "pytorch_model.bin"))).folder is None
    write(tmp_path / "config.json", {"model_type": "vit"})
    assert resolve_weights(str(write(tmp_path / "clip.pth"))).folder is None


def test_a_folder_without_weights_names_the_loose_files_in_it(tmp_path: Path) -> None:
    for name in ("ckpt_best.pth", "SWA.PT", "log.txt"):
        write(tmp_path / "run" / name)
    with pytest.raises(WeightsError, match=r"It holds SWA\.PT, ckpt_best\.pth: name that file itself") as caught:
        resolve_weights(str(tmp_path / "run"))
    assert "log.txt" not in str(caught.value)


def test_a_folder_without_weights_says_what_it_holds(tmp_path: Path) -> None:
    write(tmp_path / "m/config.json")
    (tmp_path / "m/checkpoint-500").mkdir()
    with pytest.raises(WeightsError, match=r"has none of model\.safetensors, .*checkpoint-500.*config\.json"):
        resolve_weights(str(tmp_path / "m"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(WeightsError, match=r"It holds: \[\]"):
        resolve_weights(str(tmp_path / "empty"))


def test_a_folder_of_weights_without_a_config_has_no_architecture(tmp_path: Path) -> None:
    write(tmp_path / "m/model.safetensors")
    with pytest.raises(WeightsError, match=r"m has no config\.json, so its architecture is unknown"):
        resolve_config(str(tmp_path / "m"))


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    write(tmp_path / "model.safetensors.index.json", {"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}})
    write(tmp_path / "one.safetensors")
    with pytest.raises(WeightsError, match=r"names shards that are not there: two\.safetensors$"):
        resolve_weights(str(tmp_path))


@pytest.mark.parametrize("index", [{}, {"weight_map": {}}, {"weight_map": ["one.safetensors"]}, {"weight_map": None}])
def test_an_index_without_shards_is_an_error(index: object, tmp_path: Path) -> None:
    write(tmp_path / "model.safetensors.index.json", index)
    with pytest.raises(WeightsError, match=r"index\.json has no weight_map"):
        resolve_weights(str(tmp_path))


@pytest.mark.parametrize("shard", ["../secret.bin", "/etc/passwd", "sub/one.bin"])
def test_an_index_reaches_no_file_outside_its_folder(shard: str, tmp_path: Path) -> None:
    write(tmp_path / "m/pytorch_model.bin.index.json", {"weight_map": {"a": shard}})
    write(tmp_path / "secret.bin")
    write(tmp_path / "m/sub/one.bin")
    with pytest.raises(WeightsError, match="names shards that are no files of its own folder"):
        resolve_weights(str(tmp_path / "m"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not readable JSON"),
        (b"{", "not readable JSON"),
        (b"<!DOCTYPE html><html>", "not readable JSON"),
        (b"\xff\xfe{}", "not readable JSON"),
        (b"version https://git-lfs.github.com/spec/v1\n", "not readable JSON"),
        (b"[1, 2]", "holds list, not a JSON object"),
        (b"null", "holds NoneType, not a JSON object"),
    ],
)
def test_a_config_that_is_no_json_object_names_the_file(content: bytes, message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "config.json", content)
    with pytest.raises(WeightsError, match=f"config.json.*{message}"):
        read_json(path)
    write(tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match=message):
        resolve_config(str(tmp_path))


def test_the_digest_is_that_of_the_bytes_of_all_shards_in_order(tmp_path: Path) -> None:
    shards = {"b.bin": b"second" * 1000, "a.bin": b"first" * 1000}
    for name, content in shards.items():
        write(tmp_path / name, content)
    write(tmp_path / "pytorch_model.bin.index.json", {"weight_map": {"y": "b.bin", "x": "a.bin", "z": "b.bin"}})
    found = resolve_weights(str(tmp_path))
    assert [path.name for path in found.files] == ["a.bin", "b.bin"]
    assert found.sha256() == hashlib.sha256(shards["a.bin"] + shards["b.bin"]).hexdigest()


def test_a_repositorys_files_are_asked_for_at_one_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = "c" * 40
    cache = tmp_path / "snapshots" / commit
    write(cache / "config.json", {})
    write(cache / "pytorch_model.bin")
    seen = []

    def fetch(repo: str, filename: str, revision: str | None) -> Path | None:
        seen.append((filename, revision))
        return cache / filename if (cache / filename).exists() else None

    monkeypatch.setattr(hub, "fetch", fetch)
    found = resolve_weights("org/name@main")
    assert found == Source("org/name@main", "hub", cache, (cache / "pytorch_model.bin",), commit)
    assert seen[0] == ("config.json", "main")
    assert {revision for _, revision in seen[1:]} == {commit}, "a branch that moves meanwhile must not mix two commits"
    assert {name for name, _ in seen} >= set(PROCESSOR_FILES)
