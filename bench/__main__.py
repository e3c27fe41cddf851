"""`make bench [ONLY=name]`: one line a claim, and all of them as JSON on the last line."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from typing import Any

import bench

_NOT_CLAIMS = {"__main__", "claim", "logs", "migrating", "road", "tables"}


def names() -> list[str]:
    """Every benchmark there is, by the name of its file."""
    return sorted(module.name for module in pkgutil.iter_modules(bench.__path__) if module.name not in _NOT_CLAIMS)


def main(arguments: list[str]) -> int:
    """Run one benchmark or all; 2 if there is none of that name."""
    chosen = arguments or names()
    unknown = sorted(set(chosen) - set(names()))
    if unknown:
        print(f"error: no benchmark {unknown[0]!r}; expected one of {', '.join(names())}", file=sys.stderr)
        return 2
    claims: list[dict[str, Any]] = []
    for name in chosen:
        for claim in importlib.import_module(f"bench.{name}").claims():
            claims.append(claim)
            verdict = "ok" if claim["ok"] else "MISSED"
            print(
                f"{claim['name']:<32} {claim['kind']:<6} ours {claim['ours']:.6g}  baseline {claim['baseline']:.6g}  "
                f"ratio {claim['ratio']:.3f}  target {claim['target']}  {verdict}",
                flush=True,
            )
    print(json.dumps({"claims": claims}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
