"""What a store's library raised: whether another try may help, and the one sentence that says it."""

from __future__ import annotations

import errno
import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from deepfakebench_ext.common.errors import ExtError, FetchError, MediaError, MissingExtraError
from deepfakebench_ext.common.urls import SCHEMES, scheme_of, shown, store_scheme, without_secrets

T = TypeVar("T")

TRIES = 8
FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0
_BUSY = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_MISSING = frozenset({404, 410})
_REFUSED = frozenset({401, 403})
_OF_CREDENTIALS = frozenset({"ExpiredToken", "InvalidAccessKeyId", "SignatureDoesNotMatch", "TokenRefreshRequired"})
# The libraries' own classes, by name: importing them all to ask would take a second.
_NO_CREDENTIALS = frozenset(
    {"NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError", "RefreshError"}
)
_PASSING = frozenset(
    {
        *("ClientError", "ClientConnectionError", "ClientPayloadError", "ServerDisconnectedError"),
        *(
            "HTTPClientError",
            "EndpointConnectionError",
            "ConnectionClosedError",
            "ReadTimeoutError",
            "ResponseStreamingError",
        ),
        *("IncompleteReadError", "IncompleteRead", "FSTimeoutError", "TransportError", "RemoteProtocolError"),
    }
)
_CERTIFICATES = frozenset({"ClientConnectorCertificateError", "SSLCertVerificationError", "SSLError"})
_LOCAL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
_HOW = {
    "s3": "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for a public bucket "
    "FSSPEC_S3='{\"anon\": true}'",
    "gs": "type gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS; for a public bucket "
    'FSSPEC_GS=\'{"token": "anon"}\'',
    "hf": "type hf auth login, or set HF_TOKEN",
}


class MissingError(MediaError):
    """Nothing lies at a URL."""


class CutOffError(OSError):
    """Less came than was promised."""


def patiently(ask: Callable[[], T], url: str) -> T:
    """Return what a store answers, asked again with growing pauses where another try may help.

    Raises:
        MediaError: This one file cannot be had.
        FetchError: The store cannot be reached, or lets nobody in who has our credentials.
        MissingExtraError: The library is not installed.
    """
    for left in range(TRIES - 1, -1, -1):
        try:
            return ask()
        except ExtError:
            raise
        except Exception as error:  # these libraries' errors have no common base but Exception
            if not left or not is_passing(error):
                raise said(error, url) from error
            pause(TRIES - 1 - left)
    raise AssertionError("unreachable")


def pause(before: int) -> None:
    """Wait before another try: twice as long after each, and not as long as others do who were cut off with us."""
    time.sleep(random.uniform(0.5, 1) * min(_LONGEST_WAIT_S, FIRST_WAIT_S * 2**before))


def is_passing(error: BaseException) -> bool:
    """Return whether the same request may be answered later."""
    status = _status(error)
    if status is not None:
        return status in _BUSY
    found = list(_chain(error))
    if _names(found) & _NO_CREDENTIALS or any(isinstance(each, ImportError | ExtError) for each in found):
        return False
    if _names(found) & _CERTIFICATES:
        return False
    if _names(found) & _PASSING or any(isinstance(each, ConnectionError | TimeoutError) for each in found):
        return True
    if any(isinstance(each, FileNotFoundError | PermissionError | IsADirectoryError) for each in found):
        return False
    return any(isinstance(each, OSError) and each.errno not in (*_LOCAL, errno.EINVAL, errno.EPERM) for each in found)


def said(error: BaseException, url: str) -> ExtError:
    """Return the error for people, without secrets."""
    name, scheme, found = shown(url), scheme_of(url), list(_chain(error))
    status, code = _status(error), _code(error)
    how = _HOW.get(store_scheme(url), "")
    own = next((each for each in found if isinstance(each, ExtError)), None)
    if own is not None:
        return own
    if any(isinstance(each, ImportError) for each in found):
        return MissingExtraError(
            f"{scheme}:// needs {SCHEMES.get(scheme, 'fsspec')}; type: pip install 'deepfakebench-ext[remote]'"
        )
    if _names(found) & _NO_CREDENTIALS:
        return FetchError(f"{name}: no credentials were found; {how}")
    if scheme == "hf" and any(isinstance(each, FileNotFoundError) for each in found):
        return MissingError(f"{name}: no such file or data set, or one that is not open to all; {how}")
    if code in _OF_CREDENTIALS or status == 401:
        return FetchError(
            f"{name}: the credentials are not accepted{f' ({code})' if code else ''}; {how or 'renew them'}"
        )
    if code == "NoSuchBucket":
        return FetchError(f"{name}: there is no such bucket; see how it is spelled, and in which account it lies")
    if status in _REFUSED or any(isinstance(each, PermissionError) for each in found):
        return MediaError(f"{name}: not permitted with the credentials that were found{f'; {how}' if how else ''}")
    is_away = is_passing(error) or bool(_names(found) & _CERTIFICATES)
    is_missing = any(isinstance(each, FileNotFoundError) for each in found) and not is_away
    if status in _MISSING or (status is None and is_missing):
        return MissingError(f"{name}: no such file")
    if is_passing(error):
        return FetchError(
            f"{name} could not be had in {TRIES} tries: {_words(error)}. What was scored is kept, and the same command "
            "goes on"
        )
    return FetchError(f"{name} cannot be read: {_words(error)}")


def _words(error: BaseException) -> str:
    """What a library says, in one line and without secrets; its class where it says nothing."""
    root = list(_chain(error))[-1]
    text = " ".join(without_secrets(str(root) or str(error)).split())
    return f"{text[:200]} ({type(root).__name__})" if text else type(root).__name__


def _names(errors: Sequence[BaseException]) -> set[str]:
    """The names of errors' classes, and of those that they are kinds of."""
    return {kind.__name__ for each in errors for kind in type(each).__mro__}


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and what it was raised from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _status(error: BaseException) -> int | None:
    """The HTTP status that a server answered with, wherever a library keeps it."""
    for each in _chain(error):
        response: Any = getattr(each, "response", None)
        if isinstance(response, dict):  # botocore's
            response = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        answered = response if isinstance(response, int) else getattr(response, "status_code", None)
        code = getattr(each, "code", None) if type(each).__name__ == "HttpError" else None  # gcsfs's alone
        for value in (getattr(each, "status", None), answered, code):
            if isinstance(value, int) and 400 <= value < 600:
                return value
    return None


def _code(error: BaseException) -> str:
    """The word that S3 answers with; empty where there is none."""
    for each in _chain(error):
        response: Any = getattr(each, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
    return ""
