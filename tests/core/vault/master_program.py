"""A small key service for the tests: AES-GCM keys in a file, the protocol of `core.vault.command`."""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def main(file: Path) -> None:
    keys: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    asked = json.load(sys.stdin)
    operation = asked["operation"]
    if operation == "rotate" or not keys:
        keys[f"k{len(keys) + 1}"] = base64.b64encode(os.urandom(32)).decode()
    newest = max(keys)
    answer: dict[str, str] = {}
    if operation == "wrap":
        nonce = os.urandom(12)
        key = AESGCM(base64.b64decode(keys[newest]))
        sealed = nonce + key.encrypt(nonce, asked["key"].encode(), asked["context"].encode())
        answer = {"master": newest, "wrapped": base64.b64encode(sealed).decode()}
    elif operation == "unwrap":
        raw = base64.b64decode(asked["wrapped"])
        key = AESGCM(base64.b64decode(keys[asked["master"]]))
        answer = {"key": key.decrypt(raw[:12], raw[12:], asked["context"].encode()).decode()}
    elif operation == "retire":
        keys = {newest: keys[newest]}
    file.write_text(json.dumps(keys))
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
