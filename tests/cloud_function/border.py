"""A server on loopback in place of what lies outside: it answers as told and keeps what it got."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

Answer = tuple[int, Any]


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Border:
    """Answers each request by `answer`; `with Border(…) as border:`."""

    answer: Callable[[Request], Answer]
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def __enter__(self) -> Border:
        border = self

        class Handler(BaseHTTPRequestHandler):
            def _take(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                headers = {name.lower(): text for name, text in self.headers.items()}
                request = Request(self.command, self.path, headers, body)
                border.requests.append(request)
                status, document = border.answer(request)
                is_text = isinstance(document, bytes)
                data = document if is_text else json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                media = "text/plain" if is_text else "application/json"
                self.send_header("Content-Type", media)
                for name, text in border.headers.items():
                    self.send_header(name, text)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_PATCH = do_POST = _take  # noqa: N815 - http.server looks them up by these names

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"


@dataclass
class BuildApi:
    """Cloud Build's API: builds by id, and the list of them, by the page, the newest first.

    `odd` is listed before all builds. Artifact Registry's too: `tags` by name, with the digest of
    each, and the digests that are `gone`.
    """

    builds: dict[str, dict[str, Any]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    failing: int = 0
    odd: list[Any] = field(default_factory=list)

    def add(self, document: dict[str, Any]) -> dict[str, Any]:
        self.builds[document["id"]] = document
        return document

    def answer(self, request: Request) -> Answer:
        if self.failing:
            return self.failing, {"error": {"message": "told to fail"}}
        path, _, query = request.path.partition("?")
        if "/packages/" in path:
            return self._image(request, path, query)
        if path.endswith("/builds"):
            return 200, self._page({name: texts[0] for name, texts in parse_qs(query).items()})
        found = self.builds.get(path.rpartition("/")[2])
        return (200, found) if found else (404, {"error": {"message": "no such build"}})

    def _image(self, request: Request, path: str, query: str) -> Answer:
        name = path.rpartition("/")[2]
        if request.method == "GET":
            return (
                (404, {"error": {"message": "no such version"}}) if name in self.gone else (200, {})
            )
        if request.method == "POST":
            (name,) = parse_qs(query)["tagId"]
        elif name not in self.tags:
            return 404, {"error": {"message": "no such tag"}}
        self.tags[name] = request.body["version"].rpartition("/")[2]
        return 200, request.body

    def _page(self, asked: dict[str, str]) -> dict[str, Any]:
        newest = sorted(self.builds.values(), key=lambda each: each["createTime"], reverse=True)
        listed = self.odd + [each for each in newest if each["status"] == "SUCCESS"]
        begin = int(asked.get("pageToken", "0"))
        end = begin + int(asked["pageSize"])
        page = {"builds": listed[begin:end]}
        return page | ({"nextPageToken": str(end)} if end < len(listed) else {})
