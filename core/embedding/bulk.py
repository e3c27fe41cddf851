"""all-MiniLM-L6-v2 through sentence-transformers: slow to start, fast per text."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.embedding.weights import DIMENSIONS, MODEL, weights

if TYPE_CHECKING:
    from core.embedding.face import Vectors

_BATCH = 64


class MiniLmEmbedder:
    """The model as its authors run it, on the CPU, for thousands of texts at once."""

    model = MODEL
    dimensions = DIMENSIONS

    def __init__(self) -> None:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        from sentence_transformers import SentenceTransformer
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
        self._model = SentenceTransformer(str(weights()), device="cpu", local_files_only=True)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `core.embedding.face.Embedder.embed`."""
        import numpy as np

        if not texts:
            return np.zeros((0, DIMENSIONS), dtype=np.float32)
        vectors = self._model.encode(
            list(texts), batch_size=_BATCH, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
        )
        return np.asarray(vectors, dtype=np.float32)
