"""Small sites with recordings, written where a test wants them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from core.contracts.site import SiteFile, load_site
from core.run import ports

WriteSite = Callable[..., SiteFile]


@pytest.fixture
def write_site(tmp_path: Path) -> WriteSite:
    """Writes `recording.csv` (or other files) and a site file beside it; the folder is `tmp_path`."""

    def write(
        recording: bytes | str,
        rules: dict[str, object],
        equipment: list[dict[str, object]],
        *,
        protocol: str = "opcua",
        timezone: str = "UTC",
        name: str = "recording.csv",
    ) -> SiteFile:
        raw = recording.encode() if isinstance(recording, str) else recording
        (tmp_path / name).write_bytes(raw)
        form = {
            "tenant": "newcomer-co",
            "site": "test-loop",
            "protocol": protocol,
            "timezone": timezone,
            "recording": {"path": name, **rules},
            "equipment": equipment,
        }
        path = tmp_path / "site.yaml"
        path.write_text(yaml.safe_dump(form), encoding="utf-8")
        return load_site(path)[0]

    return write


@pytest.fixture
def free_port() -> int:
    """A port nobody listens on."""
    return ports.free_port()
