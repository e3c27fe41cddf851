"""Text to vectors, on this machine and without a network.

One model, all-MiniLM-L6-v2, two ways to run it: `QuickMiniLm` starts in under a second and serves queries and small
batches; `MiniLmEmbedder` runs sentence-transformers, costs seconds to start and is faster per text once it runs.
Both give the same vectors, so a vector written by one is found by the other.
"""

from __future__ import annotations

from core.embedding.choice import embedder
from core.embedding.face import Embedder
from core.embedding.weights import DIMENSIONS, MODEL

__all__ = ["DIMENSIONS", "MODEL", "Embedder", "embedder"]
