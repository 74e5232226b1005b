"""A bucket that a folder plays: a server that speaks as much of Google's JSON API as reading needs.

Not a test. Bytes travel over loopback. A bucket named `locked` may be seen by nobody.
"""

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


class Bucket:
    """What is served, and what was asked for."""

    def __init__(self, name: str, root: Path) -> None:
        self.name, self.root = name, root
        self.asked: list[str] = []


@contextlib.contextmanager
def served(bucket: Bucket) -> Iterator[str]:
    """Serve it, and give the address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            bucket.asked.append(self.path)
            status, body, headers = _answer(bucket, self.path, self.headers.get("Range", ""))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            with contextlib.suppress(ConnectionError):  # who read enough may hang up
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(bucket: Bucket, asked: str, span: str) -> tuple[int, bytes, dict[str, str]]:
    path, query = urlsplit(asked).path, parse_qs(urlsplit(asked).query)
    if "/storage/v1/b/" in path:
        name, _, rest = path.partition("/storage/v1/b/")[2].partition("/o")
        rest = rest.removeprefix("/")
    else:  # the older API, by which Google's C++ library reads: /bucket/name
        name, _, rest = path.removeprefix("/").partition("/")
        query = {"alt": ["media"]}
    if name == "locked":
        return 403, _error(403, "the caller does not have storage.objects.list access"), {}
    if name != bucket.name:
        return 404, _error(404, "The specified bucket does not exist."), {}
    if not rest:
        return 200, json.dumps(_listing(bucket, query)).encode(), {}
    file = bucket.root / unquote(rest)
    if not file.is_file():
        return 404, _error(404, f"No such object: {name}/{unquote(rest)}"), {}
    if query.get("alt") != ["media"]:
        return 200, json.dumps(_item(bucket, file)).encode(), {}
    content = file.read_bytes()
    if not span:
        return 200, content, {}
    first, _, last = span.removeprefix("bytes=").partition("-")
    start = int(first) if first else max(0, len(content) - int(last))
    stop = min(int(last) + 1, len(content)) if first and last else len(content)
    where = f"bytes {start}-{stop - 1}/{len(content)}"
    return 206, content[start:stop], {"Content-Range": where}


def _error(code: int, said: str) -> bytes:
    return json.dumps({"error": {"code": code, "message": said}}).encode()


def _item(bucket: Bucket, file: Path) -> dict[str, str]:
    return {
        "name": file.relative_to(bucket.root).as_posix(),
        "bucket": bucket.name,
        "size": str(file.stat().st_size),
        "updated": "2025-01-01T00:00:00.000Z",
    }


def _listing(bucket: Bucket, query: dict[str, list[str]]) -> dict[str, Any]:
    prefix, flat = query.get("prefix", [""])[0], "delimiter" not in query
    items, folders = [], set()
    for file in sorted(path for path in bucket.root.rglob("*") if path.is_file()):
        name = file.relative_to(bucket.root).as_posix()
        if name.startswith(prefix):
            below, slash, _ = name[len(prefix) :].partition("/")
            if flat or not slash:
                items.append(_item(bucket, file))
            else:
                folders.add(f"{prefix}{below}/")
    return {"items": items, "prefixes": sorted(folders)}
