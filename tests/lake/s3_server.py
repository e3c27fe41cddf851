"""A small S3 endpoint with the weaknesses a test asks for; the road test runs on one that others have made.

A process of its own: some calls of the Delta library hold Python's lock while they wait for an answer.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from urllib.request import urlopen
from uuid import uuid4
from xml.etree import ElementTree
from xml.sax.saxutils import escape

BUCKET = "lake"
KEY = "planted-secret-0123456789"
"""Any other would do as well."""


@dataclass(frozen=True)
class S3:
    """An endpoint that runs.

    Attributes:
        port: it listens on, on loopback.
        atomic: whether a conditional put looks and writes in one go.
    """

    port: int
    atomic: bool

    @property
    def options(self) -> dict[str, str]:
        """What a lake on it is told, but for the secret."""
        return {
            "aws_endpoint_url": f"http://127.0.0.1:{self.port}",
            "allow_http": "true",
            "aws_access_key_id": "AK",
            "aws_region": "eu-central-1",
        }

    def keys(self) -> list[str]:
        """Every object there is."""
        with urlopen(f"http://127.0.0.1:{self.port}/") as answer:
            return json.load(answer)


@contextmanager
def running(
    *, atomic: bool = True, skew_s: float = 0.0, refused: Collection[str] = (), offsets: bool = True
) -> Generator[S3]:
    """An endpoint for a block.

    Args:
        atomic: whether a conditional put looks and writes in one go.
        skew_s: how far its clock is ahead.
        refused: methods answered with 403; `LIST` is one.
        offsets: whether it lists from where it is asked to.
    """
    behaviour = json.dumps({"atomic": atomic, "skew_s": skew_s, "refused": sorted(refused), "offsets": offsets})
    process = subprocess.Popen([sys.executable, __file__, behaviour], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield S3(int(process.stdout.readline()), atomic)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


class _Held:
    """What the endpoint holds and how it behaves."""

    def __init__(self, atomic: bool, skew_s: float, refused: list[str], offsets: bool) -> None:
        self.atomic = atomic
        self.skew_s = skew_s
        self.refused = refused
        self.offsets = offsets
        self.objects: dict[str, tuple[bytes, float]] = {}
        self.parts: dict[tuple[str, int], bytes] = {}
        self.lock = threading.Lock()

    def put(self, key: str, content: bytes, *, new: bool) -> bool:
        """Keep an object; False if it had to be new and is not."""
        entry = (content, time.time() + self.skew_s)
        if self.atomic:
            with self.lock:
                if new and key in self.objects:
                    return False
                self.objects[key] = entry
            return True
        if new and key in self.objects:
            return False
        time.sleep(0.05)  # the gap in which another one looks
        self.objects[key] = entry
        return True


class _Handler(BaseHTTPRequestHandler):
    held: _Held
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_PUT(self) -> None:
        key, content = self._key(), self.rfile.read(int(self.headers["Content-Length"]))
        if key is None:
            return
        query = parse_qs(urlsplit(self.path).query)
        if "uploadId" in query:
            self.held.parts[query["uploadId"][0], int(query["partNumber"][0])] = content
            self._answer(200, etag=md5(content).hexdigest())
        elif self.held.put(key, content, new=self.headers.get("If-None-Match") == "*"):
            self._answer(200, etag=md5(content).hexdigest())
        else:
            self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")

    def do_GET(self) -> None:
        if self.path == "/":
            self._answer(200, json.dumps(sorted(self.held.objects)).encode())
            return
        key = self._key()
        if key is None:
            return
        query = parse_qs(urlsplit(self.path).query)
        if not key:
            self._list(query.get("prefix", [""])[0], query.get("start-after", [""])[0], query.get("delimiter", [""])[0])
            return
        if key not in self.held.objects:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        content, at = self.held.objects[key]
        whole, asked = len(content), self.headers.get("Range")
        if asked is None:
            self._answer(200, content, at=at, etag=md5(content).hexdigest())
            return
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start = int(first) if first else max(whole - int(last), 0)
        end = min(int(last), whole - 1) if first and last else whole - 1
        extra = {"Content-Range": f"bytes {start}-{end}/{whole}"}
        self._answer(206, content[start : end + 1], at=at, etag=md5(content).hexdigest(), **extra)

    do_HEAD = do_GET

    def do_DELETE(self) -> None:
        key = self._key()
        if key is not None:
            self.held.objects.pop(key, None)
            self._answer(204)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        key = self._key(method="DELETE" if "delete" in query else "PUT")
        if key is None:
            return
        if "uploads" in query:
            told = f"<InitiateMultipartUploadResult><UploadId>{uuid4().hex}</UploadId></InitiateMultipartUploadResult>"
            self._answer(200, told.encode())
            return
        if "uploadId" in query:
            parts = sorted(one for one in self.held.parts if one[0] == query["uploadId"][0])
            self.held.put(key, b"".join(self.held.parts.pop(one) for one in parts), new=False)
            self._answer(200, b"<CompleteMultipartUploadResult><ETag>whole</ETag></CompleteMultipartUploadResult>")
            return
        keys = [one.text or "" for one in ElementTree.fromstring(body).iter() if one.tag.endswith("Key")]
        for key in keys:
            self.held.objects.pop(key, None)
        told = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
        self._answer(200, f"<DeleteResult>{told}</DeleteResult>".encode())

    def _key(self, method: str | None = None) -> str | None:
        """Key of the object, empty for the bucket; None if the request was answered."""
        if (method or self.command) in self.held.refused:
            self._answer(403, b"<Error><Code>AccessDenied</Code></Error>")
            return None
        bucket, _, key = unquote(urlsplit(self.path).path).lstrip("/").partition("/")
        if bucket != BUCKET:
            self._answer(404, b"<Error><Code>NoSuchBucket</Code></Error>")
            return None
        return key

    def _list(self, prefix: str, after: str, delimiter: str) -> None:
        if "LIST" in self.held.refused:
            self._answer(403, b"<Error><Code>AccessDenied</Code></Error>")
            return
        entries, folders = "", set[str]()
        for key, (content, at) in sorted(self.held.objects.items()):
            if not key.startswith(prefix) or (self.held.offsets and key <= after):
                continue
            rest = key.removeprefix(prefix)
            if delimiter and delimiter in rest:
                folders.add(prefix + rest.partition(delimiter)[0] + delimiter)
                continue
            when = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(at))
            entries += (
                f"<Contents><Key>{escape(key)}</Key><LastModified>{when}</LastModified><Size>{len(content)}</Size>"
                f"<ETag>&quot;{md5(content).hexdigest()}&quot;</ETag></Contents>"
            )
        common = "".join(f"<CommonPrefixes><Prefix>{escape(one)}</Prefix></CommonPrefixes>" for one in sorted(folders))
        listing = f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}{common}</ListBucketResult>"
        self._answer(200, listing.encode())

    def _answer(
        self, status: int, content: bytes = b"", *, at: float | None = None, etag: str = "", **extra: str
    ) -> None:
        self.send_response(status)
        headers = {"Content-Length": str(len(content)), **extra}
        if etag:
            headers["ETag"] = f'"{etag}"'
        if at is not None:
            headers["Last-Modified"] = formatdate(at, usegmt=True)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


if __name__ == "__main__":
    _Handler.held = _Held(**json.loads(sys.argv[1]))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()
