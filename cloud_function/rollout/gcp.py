"""Google's APIs over REST: the one place that knows google-auth. Tokens leave only over TLS.

What an API's answer leads to, whoever asks it, is decided here.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import google.auth
import google.auth.credentials
import google.auth.exceptions
import google.auth.transport.urllib3
import urllib3

from rollout.errors import (
    ConflictError,
    NotFoundError,
    PermanentError,
    RolloutError,
    TransientError,
)
from rollout.values import is_loopback

AuthError = google.auth.exceptions.GoogleAuthError
# GKE maps a caller to its e-mail address, which RBAC names, only with the second.
_SCOPES = (
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/userinfo.email",
)
# Codes of google.rpc.Status: invalid argument, not found, already exists, failed precondition.
_FOR_EVER = frozenset({3, 5, 6, 9})
_ABORTED = 10
# As many as threads ask at once, about: what is over is opened anew each time.
_CONNECTIONS = 10
_TIMEOUT = urllib3.Timeout(connect=5, read=20)
_RETRIES = urllib3.Retry(
    total=2, backoff_factor=0.2, status_forcelist=(500, 502, 503, 504), raise_on_status=False
)


class GoogleApis:
    """Requests with this service account's token; safe to share between threads."""

    def __init__(self) -> None:
        self._http = urllib3.PoolManager(maxsize=_CONNECTIONS)
        self._credentials: Any = None
        self._refreshing = threading.Lock()

    def token(self) -> str:
        """Return a valid access token. Raises TransientError."""
        with self._refreshing:
            transport = google.auth.transport.urllib3.Request(self._http)  # type: ignore[no-untyped-call]
            try:
                if self._credentials is None:
                    self._credentials, _ = google.auth.default(scopes=_SCOPES, request=transport)
                if not self._credentials.valid:
                    self._credentials.refresh(transport)
            except AuthError as error:
                raise TransientError(f"no Google credentials: {error}") from error
            return str(self._credentials.token)

    def credentials(self, url: str) -> google.auth.credentials.Credentials:
        """Return valid credentials, or nobody's for this machine. Raises TransientError."""
        if is_loopback(url):
            return google.auth.credentials.AnonymousCredentials()  # type: ignore[no-untyped-call]
        self.token()
        found: google.auth.credentials.Credentials = self._credentials
        return found

    def get(self, url: str, parameters: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the JSON at `url`. Raises PermanentError for 400 and 404, else TransientError."""
        return self.send("GET", url, None, parameters)

    def send(
        self,
        method: str,
        url: str,
        body: Mapping[str, Any] | None,
        parameters: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Send JSON and return the JSON that comes. Raises as `get` does.

        A PATCH raises ConflictError where what it changes has changed since it was read.
        """
        headers = {"Accept": "application/json"}
        if not is_loopback(url):
            headers["Authorization"] = f"Bearer {self.token()}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        address = f"{url}?{urlencode(parameters)}" if parameters else url
        try:
            response = self._http.request(
                method,
                address,
                body=None if body is None else json.dumps(body),
                headers=headers,
                timeout=_TIMEOUT,
                retries=_RETRIES,
            )
        except urllib3.exceptions.HTTPError as error:
            raise TransientError(f"{url} cannot be asked: {error}") from error
        if response.status == 409 and method == "PATCH":
            raise _conflict(url, response.data)
        if response.status != 200:
            raise failure(url, response.status, response.data)
        try:
            document = json.loads(response.data)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise TransientError(f"{url} answers with something other than a JSON object")
        return document


def failure(url: str, status: int, body: bytes) -> RolloutError:
    """Return what an answer that is none leads to: 400 and 404 would be the same for ever."""
    told = f"{url} answers {status}: {' '.join(_words(body).split())}"
    if status == 404:
        return NotFoundError(told)
    return PermanentError(told) if status == 400 else TransientError(told)


def _conflict(url: str, body: bytes) -> RolloutError:
    """Return what 409 for a patch leads to: a name is taken, or what was read has changed."""
    told = f"{url} answers 409: {' '.join(_words(body).split())}"
    is_taken = _status(body) == "ALREADY_EXISTS"
    return PermanentError(told) if is_taken else ConflictError(told)


def failed_operation(url: str, error: object) -> RolloutError:
    """Return what an operation that has failed leads to; `error` is a google.rpc.Status."""
    found = error if isinstance(error, Mapping) else {}
    told = f"{url} has failed: {' '.join(str(found.get('message') or error).split())}"
    code = found.get("code")
    if code == _ABORTED:
        return ConflictError(told)
    return PermanentError(told) if code in _FOR_EVER else TransientError(told)


def _status(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"]["status"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def _words(body: bytes) -> str:
    """Return what Google's error says, or the beginning of whatever came."""
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return body[:200].decode(errors="replace")
