"""Files from and for the Hugging Face hub, with errors that say what to do. No other module may use the network."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from deepfakebench_ext.common.errors import WeightsError
from deepfakebench_ext.common.wording import cut, printable

logger = logging.getLogger(__name__)

_LONGEST_REASON = 400
_LOOK_S = 3.0
_OF_OTHER_SIZE = "Consistency check failed"  # as huggingface_hub says that a download has another size


@dataclass(frozen=True, slots=True)
class HubSeen:
    """The hub as this process would use it.

    Attributes:
        endpoint: Its address, by HF_ENDPOINT.
        cache: Where its files are kept.
        is_offline: Whether HF_HUB_OFFLINE keeps every request from it.
        has_token: Whether a token is known, which private and gated repositories need.
        fault: Why it does not answer; empty where it does, or is not asked.
    """

    endpoint: str
    cache: Path
    is_offline: bool
    has_token: bool
    fault: str


def look() -> HubSeen:
    """Return how the hub stands. It is asked for nothing but an answer, for at most a few seconds."""
    from huggingface_hub import constants, get_session, get_token

    fault = ""
    if not constants.HF_HUB_OFFLINE:
        try:
            get_session().head(constants.ENDPOINT, timeout=_LOOK_S)  # any answer will do
        except _failures() as error:
            fault = _reason(error)
    cache = Path(constants.HF_HUB_CACHE)
    return HubSeen(constants.ENDPOINT, cache, constants.HF_HUB_OFFLINE, get_token() is not None, fault)


def fetch_config(repo: str, revision: str | None) -> tuple[Path, str]:
    """Return the local `config.json` of a repository and the commit (40 hex digits) that it belongs to.

    Raises:
        WeightsError: Missing, gated or unreachable repository or revision, or one without `config.json`.
    """
    path = fetch(repo, "config.json", revision)
    if path is None:
        raise WeightsError(
            f"the hub repository {_name(repo, revision)} has no config.json, so its architecture is unknown; "
            f"download its weight file and give its path, with `huggingface_model_name` set in the detector YAML"
        )
    return path, path.parent.name


def fetch(repo: str, filename: str, revision: str | None) -> Path | None:
    """Return a file of a repository, from the cache if it is there; None when the repository has no such file.

    Raises:
        WeightsError: Missing, gated or unreachable repository or revision.
    """
    from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    try:
        if revision is not None and re.fullmatch(r"[0-9a-f]{40}", revision):
            cached = try_to_load_from_cache(repo, filename, revision=revision)
            if isinstance(cached, str):
                return Path(cached)
            if cached is not None:  # the cache remembers that this commit has no such file
                return None
        if not constants.HF_HUB_OFFLINE:
            logger.info("asking %s for %s of %s", constants.ENDPOINT, filename, repo)
        return Path(hf_hub_download(repo, filename, revision=revision))
    except LocalEntryNotFoundError as error:  # a subclass of EntryNotFoundError, and of another meaning
        if constants.HF_HUB_OFFLINE and filename != "config.json":
            return None  # offline, the snapshot in the cache is all there is
        raise WeightsError(_unreachable(repo, revision, filename, error)) from error
    except EntryNotFoundError:
        return None
    except _failures() as error:
        if _OF_OTHER_SIZE in str(error):
            _forget_begun(repo)
        raise WeightsError(_refused(repo, revision, filename, error)) from error


def _forget_begun(repo: str) -> None:
    """Remove what was kept of downloads that did not end: they are not beginnings of their files.

    Older versions of huggingface_hub go on behind them, and take what comes of it for the file where the size is right.
    """
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    blobs = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repo, repo_type="model") / "blobs"
    for begun in blobs.glob("*.incomplete"):
        begun.unlink(missing_ok=True)


def create_repository(repo: str) -> None:
    """Make a repository of the hub, private, where it does not exist yet.

    Raises:
        WeightsError: No such name can be, not logged in, not allowed, or not reachable.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    try:
        api.whoami()  # the next call says nothing of a token that will not do, where the repository exists
        api.create_repo(repo, private=True, exist_ok=True)
    except _failures() as error:
        raise WeightsError(
            f"{repo!r} cannot be written on the hub: {_reason(error)}. Run `hf auth login` with a token that may write"
        ) from error


def push_folder(folder: Path, repo: str) -> str:
    """Upload a folder to a repository of the hub and return its address.

    Args:
        folder: What to upload.
        repo: From `create_repository`.

    Raises:
        WeightsError: Not logged in, not allowed, or not reachable.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    try:
        api.upload_folder(repo_id=repo, folder_path=folder, commit_message="Add a trained detector")
    except _failures() as error:
        raise WeightsError(
            f"{repo!r} could not be written on the hub: {_reason(error)}. Run `hf auth login` with a token that may "
            f"write, or upload the folder {folder} yourself"
        ) from error
    return f"{api.endpoint}/{repo}"


def lacks(repo: str, revision: str | None, what: str) -> str:
    """Return the message that a repository has none of the files `what`; offline, that the local cache has none."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return _offline(repo, revision, what)
    return f"the hub repository {_name(repo, revision)} has no {what}"


def _name(repo: str, revision: str | None) -> str:
    return repr(f"{repo}@{revision}" if revision else repo)


def _failures() -> tuple[type[Exception], ...]:
    """What a request can raise: errors of the disk, of the hub, and of its HTTP client, whose base the hub's shares.

    That client is requests in huggingface_hub 0.x, httpx in 1.x and httpx2 in 2.x.
    """
    from huggingface_hub.errors import HfHubHTTPError

    client = cast("tuple[type[Exception], ...]", HfHubHTTPError.__bases__)
    return (OSError, ValueError, HfHubHTTPError, *client)


def _offline(repo: str, revision: str | None, what: str) -> str:
    from huggingface_hub import constants

    return (
        f"{what} of {_name(repo, revision)} is not in the local cache ({constants.HF_HUB_CACHE}) and "
        f"HF_HUB_OFFLINE is set; unset it, or download the repository first with `hf download {repo}`"
    )


def _unreachable(repo: str, revision: str | None, filename: str, error: Exception) -> str:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return _offline(repo, revision, filename)
    return (
        f"{constants.ENDPOINT} did not give {filename} of {_name(repo, revision)} "
        f"({_reason(error.__cause__ or error)}), and the local cache ({constants.HF_HUB_CACHE}) does not have it; "
        f"check the network or HF_ENDPOINT, or give a local path"
    )


def _refused(repo: str, revision: str | None, filename: str, error: Exception) -> str:
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    if isinstance(error, GatedRepoError):
        return f"the hub repository {repo!r} is gated: accept its terms on its page, then run `hf auth login`"
    if isinstance(error, RevisionNotFoundError):
        return f"the hub repository {repo!r} has no branch, tag or commit {revision!r}"
    if isinstance(error, RepositoryNotFoundError):
        return (
            f"the hub has no repository {repo!r}, or it is private (then run `hf auth login`). "
            f"If a local path was meant: there is nothing at {repo!r}"
        )
    return f"{filename} of {_name(repo, revision)} could not be fetched: {_reason(error)}"


def _reason(error: BaseException) -> str:
    """What went wrong in one line: a server's words may be of any length, and hold what a terminal obeys."""
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return cut(printable(first), _LONGEST_REASON)
