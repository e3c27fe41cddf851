"""Arrow's functions, which the library makes as it is loaded: no type checker knows their names."""

from __future__ import annotations

from typing import Any

import pyarrow.compute

pc: Any = pyarrow.compute
