"""The hub's protocol from end to end: our code in one process, a server that speaks it in another."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_server import Client, FakeHub

CONFIG = {"model_type": "clip_vision_model"}
FILES: dict[str, Any] = {"config.json": CONFIG, "model.safetensors": b"weights" * 100}


@pytest.fixture(scope="module")
def hub() -> Iterator[FakeHub]:
    with FakeHub() as server:
        yield server


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for the module; each test has a repository of its own."""
    return tmp_path_factory.mktemp("hub_home")


@pytest.fixture(scope="module")
def client(hub: FakeHub, home: Path) -> Iterator[Client]:
    with Client(hub.endpoint, home) as process:
        yield process


@pytest.fixture(scope="module")
def offline(hub: FakeHub, home: Path) -> Iterator[Client]:
    with Client(hub.endpoint, home, offline=True) as process:
        yield process


@pytest.fixture
def repo(request: pytest.FixtureRequest) -> str:
    return "org/" + hashlib.sha1(request.node.nodeid.encode()).hexdigest()[:12]


def sha256(*contents: bytes) -> str:
    return hashlib.sha256(b"".join(contents)).hexdigest()


@pytest.mark.parametrize("ref", [None, "dev", "v1.0", "refs/pr/1"], ids=["default", "branch", "tag", "pull request"])
def test_a_hub_id_is_resolved_at_the_revision_it_names(
    ref: str | None, hub: FakeHub, client: Client, repo: str
) -> None:
    commits = {
        name: hub.add(repo, {**FILES, "model.safetensors": name.encode()}, refs=(name,))
        for name in ("main", ref or "old")
    }
    answer = client.ask("resolve", f"{repo}@{ref}" if ref else repo)
    assert answer.error is None
    assert answer.result["kind"] == "hub"
    assert answer.result["revision"] == commits[ref or "main"]
    assert answer.result["sha256"] == sha256((ref or "main").encode())
    assert not answer.torch, "asking the hub must not cost the import of torch"


def test_a_full_commit_reaches_what_no_branch_points_to_any_more(hub: FakeHub, client: Client, repo: str) -> None:
    old = hub.add(repo, {**FILES, "model.safetensors": b"old"})
    new = hub.add(repo, {**FILES, "model.safetensors": b"new"})
    assert client.ask("resolve", f"{repo}@{old}").result["sha256"] == sha256(b"old")
    assert client.ask("resolve", repo).result["revision"] == new


def test_a_branch_that_moved_is_noticed_although_the_cache_is_warm(hub: FakeHub, client: Client, repo: str) -> None:
    hub.add(repo, {**FILES, "model.safetensors": b"old"})
    client.ask("resolve", repo)
    new = hub.add(repo, {**FILES, "model.safetensors": b"new"})
    answer = client.ask("resolve", repo)
    assert (answer.result["revision"], answer.result["sha256"]) == (new, sha256(b"new"))


def test_the_processors_files_come_with_the_weights(hub: FakeHub, client: Client, repo: str) -> None:
    processor = {
        "preprocessor_config.json": {"size": 32},
        "processor_config.json": {},
        "video_preprocessor_config.json": {},
    }
    hub.add(repo, {**FILES, **processor})
    assert client.ask("resolve", repo).result["folder"] == sorted([*FILES, *processor])


def test_nothing_is_downloaded_but_config_weights_and_processor(hub: FakeHub, client: Client, repo: str) -> None:
    others = ("pytorch_model.bin", "README.md", "optimizer.pt", "tf_model.h5", "tokenizer.json", "evil.py")
    hub.add(repo, {**FILES, **dict.fromkeys(others, b"unwanted")})
    client.ask("resolve", repo)
    fetched = [line for line in hub.asked(repo) if line.startswith("GET")]
    assert fetched == ["GET config.json", "GET model.safetensors"]


@pytest.mark.parametrize("stem", ["model", "pytorch_model"])
def test_every_shard_is_fetched_and_read_in_order(stem: str, hub: FakeHub, client: Client, repo: str) -> None:
    suffix = "safetensors" if stem == "model" else "bin"
    names = [f"{stem}-{number:05d}-of-00003.{suffix}" for number in (1, 2, 3)]
    index = {"metadata": {}, "weight_map": {"c": names[2], "a": names[0], "b": names[1], "d": names[0]}}
    shards = {name: name.encode() for name in names}
    hub.add(repo, {"config.json": CONFIG, f"{stem}.{suffix}.index.json": index, **shards})
    answer = client.ask("resolve", repo)
    assert answer.result["files"] == names
    assert answer.result["sha256"] == sha256(*shards.values())


def test_a_repository_of_one_bin_file_is_read(hub: FakeHub, client: Client, repo: str) -> None:
    hub.add(repo, {"config.json": CONFIG, "pytorch_model.bin": b"old format"})
    answer = client.ask("resolve", repo)
    assert (answer.result["files"], answer.result["sha256"]) == (["pytorch_model.bin"], sha256(b"old format"))


@pytest.mark.parametrize("weights", ["model.safetensors", "pytorch_model.bin"])
def test_a_full_commit_in_a_warm_cache_asks_nothing(weights: str, hub: FakeHub, client: Client, repo: str) -> None:
    commit = hub.add(repo, {"config.json": CONFIG, weights: b"w", "preprocessor_config.json": {}})
    first = client.ask("resolve", f"{repo}@{commit}")
    hub.requests.clear()
    again = client.ask("resolve", f"{repo}@{commit}")
    assert hub.requests == []
    assert again.log == []
    assert again.result == first.result


def test_a_branch_in_a_warm_cache_asks_once_whether_it_moved(hub: FakeHub, client: Client, repo: str) -> None:
    hub.add(repo, FILES)
    client.ask("resolve", repo)
    hub.requests.clear()
    assert client.ask("resolve", repo).error is None
    assert hub.asked(repo) == ["HEAD config.json"]


@pytest.mark.parametrize("ref", ["", "@v1", "@{commit}"], ids=["default", "tag", "commit"])
def test_offline_a_warm_cache_serves_and_the_hub_is_not_asked(
    ref: str, hub: FakeHub, client: Client, offline: Client, repo: str
) -> None:
    spec = repo + ref.format(commit=hub.add(repo, {**FILES, "preprocessor_config.json": {}}, refs=("main", "v1")))
    online = client.ask("resolve", spec)
    hub.requests.clear()
    answer = offline.ask("resolve", spec)
    assert answer.result == online.result
    assert hub.requests == []


@pytest.mark.parametrize("ref", ["", "@v1", "@" + "a" * 40], ids=["default", "tag", "commit"])
def test_offline_a_cold_cache_is_an_error_at_once_that_says_so(
    ref: str, hub: FakeHub, offline: Client, repo: str
) -> None:
    hub.add(repo, FILES)
    answer = offline.ask("resolve", repo + ref)
    assert answer.kind == "WeightsError"
    assert f"config.json of '{repo}{ref}' is not in the local cache" in answer.error
    assert "HF_HUB_OFFLINE is set; unset it" in answer.error
    assert answer.slept == 0
    assert hub.asked(repo) == []


def test_offline_weights_that_were_never_fetched_are_not_said_to_be_missing_on_the_hub(
    hub: FakeHub, client: Client, offline: Client, repo: str
) -> None:
    hub.add(repo, FILES)
    hub.repos[repo].faults["model.safetensors"] = "hang up"
    assert client.ask("resolve", repo).kind == "WeightsError"  # after config.json, as for a .pth that needs no more
    answer = offline.ask("resolve", repo)
    assert answer.kind == "WeightsError"
    assert "weights that can be read (model.safetensors, " in answer.error
    assert "is not in the local cache" in answer.error
    assert "HF_HUB_OFFLINE is set" in answer.error


def test_offline_a_shard_that_was_never_fetched_is_named(
    hub: FakeHub, client: Client, offline: Client, repo: str
) -> None:
    shard = "model-00001-of-00001.safetensors"
    hub.add(repo, {"config.json": CONFIG, "model.safetensors.index.json": {"weight_map": {"a": shard}}, shard: b"w"})
    hub.repos[repo].faults[shard] = "hang up"
    assert client.ask("resolve", repo).kind == "WeightsError"
    answer = offline.ask("resolve", repo)
    assert answer.kind == "WeightsError"
    assert answer.error.startswith(
        f"{shard} (named by its model.safetensors.index.json) of '{repo}' is not in the local cache"
    )


@pytest.fixture(scope="module")
def scorer(hub: FakeHub, home: Path) -> Iterator[Client]:
    """A process of its own for what imports torch."""
    with Client(hub.endpoint, home) as process:
        yield process


def test_a_pth_that_names_a_hub_id_downloads_its_config_and_nothing_else(
    hub: FakeHub, scorer: Client, repo: str, tmp_path: Path
) -> None:
    architecture = scorer.ask("make_clip", str(tmp_path)).result
    hub.add(repo, {**FILES, "config.json": architecture, "preprocessor_config.json": {}})
    config = {"model_name": "huggingface_clip", "huggingface_model_name": repo}
    made = scorer.ask("report", config, str(tmp_path / "detector.pth"))
    assert made.error is None
    assert (made.result["kind"], made.result["revision"], made.result["missing"]) == ("file", None, [])
    assert hub.asked(repo) == ["HEAD config.json", "GET config.json"]


def test_a_detector_filled_from_a_hub_id_reports_the_commit(
    hub: FakeHub, scorer: Client, repo: str, tmp_path: Path
) -> None:
    assert scorer.ask("make_clip", str(tmp_path)).error is None
    commit = hub.add(repo, {path.name: path.read_bytes() for path in tmp_path.iterdir()}, refs=("v1",))
    made = scorer.ask("report", "huggingface_clip", f"{repo}@v1")
    assert made.error is None
    assert (made.result["kind"], made.result["revision"]) == ("hub", commit)
    assert made.result["missing"] == ["head.weight", "head.bias"]


@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        (
            (403, "GatedRepo"),
            "the hub repository '{repo}' is gated: accept its terms on its page, then run `hf auth login`",
        ),
        ((404, "RepoNotFound"), "the hub has no repository '{repo}', or it is private"),
        ((404, "RevisionNotFound"), "the hub repository '{repo}' has no branch, tag or commit 'v9'"),
        ((401, ""), "config.json of '{repo}@v9' could not be fetched: "),
    ],
)
def test_a_refusal_says_what_to_do(
    refusal: tuple[int, str], message: str, hub: FakeHub, client: Client, repo: str
) -> None:
    hub.add(repo, FILES, refs=("main", "v9"))
    hub.repos[repo].refuses = refusal
    answer = client.ask("resolve", f"{repo}@v9")
    assert answer.kind == "WeightsError"
    assert answer.error.startswith(message.format(repo=repo))
    assert answer.slept == 0


def test_the_words_of_a_server_are_letters_alone_and_cut(hub: FakeHub, client: Client, repo: str) -> None:
    hub.add(repo, FILES)
    hub.repos[repo].refuses = (403, "")
    hub.repos[repo].says = "\x1b[2Jpay \x9b31m here" + "!" * 3000
    answer = client.ask("resolve", repo)
    assert answer.kind == "WeightsError"
    assert "\\x1b[2Jpay \\x9b31m here!!" in answer.error
    assert answer.error.isprintable()
    assert len(answer.error) < 1000


def test_a_shard_of_a_name_that_a_terminal_obeys_is_not_asked_for(hub: FakeHub, client: Client, repo: str) -> None:
    index = {"weight_map": {"a": "model\x1b[2J.safetensors", "b": "model.safetensors"}}
    hub.add(repo, {"config.json": CONFIG, "model.safetensors.index.json": index})
    answer = client.ask("resolve", repo)
    assert answer.kind == "WeightsError"
    assert answer.error.endswith(r"names shards that are no files of its own folder: model\x1b[2J.safetensors")
    assert not any("2J" in line for line in hub.asked(repo))


def test_a_repository_and_a_revision_that_are_not_there_are_told_apart(hub: FakeHub, client: Client, repo: str) -> None:
    assert "If a local path was meant: there is nothing at" in client.ask("resolve", repo).error
    hub.add(repo, FILES)
    assert "has no branch, tag or commit 'nope'" in client.ask("resolve", f"{repo}@nope").error


def test_a_repository_without_a_config_cannot_be_built(hub: FakeHub, client: Client, repo: str) -> None:
    hub.add(repo, {"model.safetensors": b"w"})
    answer = client.ask("resolve", repo)
    assert answer.kind == "WeightsError"
    assert f"'{repo}' has no config.json, so its architecture is unknown" in answer.error
    assert hub.asked(repo) == ["HEAD config.json"]


def test_a_repository_without_weights_says_which_names_were_looked_for(hub: FakeHub, client: Client, repo: str) -> None:
    hub.add(repo, {"config.json": CONFIG, "best.pth": b"w", "flax_model.msgpack": b"w"})
    answer = client.ask("resolve", repo)
    assert answer.kind == "WeightsError"
    assert f"the hub repository '{repo}' has no weights that can be read (model.safetensors, " in answer.error


def test_a_missing_shard_is_named(hub: FakeHub, client: Client, repo: str) -> None:
    shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    index = {"weight_map": dict(zip("ab", shards, strict=True))}
    hub.add(repo, {"config.json": CONFIG, "model.safetensors.index.json": index, shards[0]: b"w"})
    answer = client.ask("resolve", repo)
    assert answer.kind == "WeightsError"
    assert f"'{repo}' has no {shards[1]} (named by its model.safetensors.index.json)" in answer.error


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "preprocessor_config.json"])
@pytest.mark.parametrize("fault", ["error", "portal", "page", "cut", "hang up"])
def test_a_failed_download_names_the_file_and_leaves_no_half_of_it(
    fault: str, file: str, hub: FakeHub, client: Client, repo: str
) -> None:
    hub.add(repo, {**FILES, "preprocessor_config.json": {}})
    hub.repos[repo].faults[file] = fault
    answer = client.ask("resolve", repo)
    assert answer.kind == "WeightsError", answer.error
    assert f"{file} of '{repo}" in answer.error
    assert "\n" not in answer.error
    assert answer.slept <= 30
    del hub.repos[repo].faults[file]
    mended = client.ask("resolve", repo)
    assert mended.error is None
    assert mended.result["sha256"] == sha256(FILES["model.safetensors"])
    assert "preprocessor_config.json" in mended.result["folder"]


def test_an_answer_that_is_not_the_hubs_is_told_from_no_answer(hub: FakeHub, client: Client, repo: str) -> None:
    hub.add(repo, FILES)
    hub.repos[repo].faults["config.json"] = "portal"
    assert "seem to be" in client.ask("resolve", repo).error  # "... does not seem to be served by a Hub endpoint"
    hub.repos[repo].faults["config.json"] = "error"
    assert "500" in client.ask("resolve", repo).error


@pytest.fixture(scope="module")
def unreachable(home: Path) -> Iterator[Client]:
    with socket.socket() as probe:  # a port at which nobody listens
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with Client(f"http://127.0.0.1:{port}", home) as process:
        yield process


def test_an_unreachable_hub_says_what_is_waited_for_and_gives_up(unreachable: Client, repo: str) -> None:
    answer = unreachable.ask("resolve", repo)
    assert answer.log[0].startswith("asking http://127.0.0.1:")
    assert answer.log[0].endswith(f"for config.json of {repo}")
    assert answer.kind == "WeightsError"
    assert "refused" in answer.error
    assert "check the network or HF_ENDPOINT, or give a local path" in answer.error
    assert answer.slept <= 30, "the hub's client waits 23 s before it gives up"


def test_an_unreachable_hub_does_not_matter_where_the_cache_has_everything(
    hub: FakeHub, client: Client, unreachable: Client, repo: str
) -> None:
    hub.add(repo, {**FILES, "preprocessor_config.json": {}})
    online = client.ask("resolve", repo)
    answer = unreachable.ask("resolve", repo)
    assert answer.error is None
    assert answer.result == online.result


def test_an_endpoint_that_is_no_address_is_an_error(home: Path, repo: str) -> None:
    with Client("hub.local:80", home) as own:
        answer = own.ask("resolve", repo)
    assert answer.kind == "WeightsError"
    assert f"config.json of '{repo}' could not be fetched" in answer.error


@pytest.mark.parametrize("spec", ["org/na--me", "org/na--me@" + "a" * 40, "org/name..", "org/" + "n" * 120])
def test_a_name_that_no_repository_can_have_is_an_error_and_not_asked_for(
    spec: str, hub: FakeHub, client: Client
) -> None:
    hub.requests.clear()
    answer = client.ask("resolve", spec)
    assert answer.kind == "WeightsError"
    assert hub.requests == []
