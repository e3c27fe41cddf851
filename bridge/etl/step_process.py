"""The process of one Python step: a table comes in, the function runs, a table goes out."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa


def main(folder: str, name: str) -> None:
    """Run `module:function` of a folder on the table of standard input."""
    module_name, _, function_name = name.partition(":")
    # What the step prints must not get into the table.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    table = pa.ipc.open_stream(sys.stdin.buffer.read()).read_all()
    sys.path.insert(0, folder)
    # The folder comes before everything: a step may be called as a library is, but no library can be taken for a step.
    sys.modules.pop(module_name, None)
    module = importlib.import_module(module_name)
    file = Path(module.__file__ or "").resolve()
    if not file.is_relative_to(Path(folder).resolve()):
        raise SystemExit(f"{module_name} lies outside the folder of steps")
    function = getattr(module, function_name, None)
    if not callable(function):
        raise SystemExit(f"{module_name} has no function {function_name}")
    made: Any = function(table)
    if not isinstance(made, pa.Table):
        raise SystemExit(f"{name} gave {type(made).__name__}, expected pyarrow.Table")
    with pa.ipc.new_stream(out, made.schema) as writer:
        writer.write_table(made)
    out.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
