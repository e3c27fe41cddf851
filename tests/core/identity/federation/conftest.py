"""A small provider that can be told to be odd."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT = "a client: odd"
KEYS = [rsa.generate_private_key(65537, 2048) for _ in range(2)]


@dataclass
class Issuer:
    """A small provider: signs with one key at a time and remembers what it was asked."""

    address: str = ""
    signing: int = 0
    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    ahead_s: float = 0
    error: str = ""
    status: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def answer(self, path: str) -> dict[str, Any]:
        now = int(time.time())
        if path in self.status:
            return {"error": self.error}
        if path == "/token":
            claims = {"iss": self.address, "aud": CLIENT, "iat": now, "exp": now + 60, "sub": "s-1", **self.claims}
            token = jwt.encode(claims, KEYS[self.signing], "RS256", headers={"kid": str(self.signing)})
            return {"id_token": token, "access_token": "the access token"}
        key = jwt.algorithms.RSAAlgorithm.to_jwk(KEYS[self.signing].public_key(), as_dict=True)
        return {
            "/.well-known/openid-configuration": {
                "issuer": self.address,
                "authorization_endpoint": f"{self.address}/auth?tenant=1",
                "token_endpoint": f"{self.address}/token",
                "jwks_uri": f"{self.address}/keys",
                "userinfo_endpoint": f"{self.address}/userinfo",
                **self.more,
            },
            "/keys": {"keys": [{**key, "kid": str(self.signing)}]},
            "/userinfo": self.userinfo,
        }[path]


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    one = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            one.asked.append((self.path, self.headers.get("authorization", ""), form))
            answer = json.dumps(one.answer(self.path)).encode()
            self.send_response_only(one.status.get(self.path, 200))
            self.send_header("date", formatdate(time.time() + one.ahead_s, usegmt=True))
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        one.address = f"http://127.0.0.1:{server.server_port}"
        yield one
        server.shutdown()
