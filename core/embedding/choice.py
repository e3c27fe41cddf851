"""Which way to run the model pays off."""

from __future__ import annotations

from functools import cache

from core.embedding.face import Embedder


@cache
def embedder(bulk: bool = False) -> Embedder:
    """The embedding model, loaded once a process.

    Args:
        bulk: for many texts at once, see `EmbeddingSettings.bulk_from`; False for queries and small batches.

    Raises:
        TerminalError: the weights are not installed.
    """
    if bulk:
        from core.embedding.bulk import MiniLmEmbedder

        return MiniLmEmbedder()
    from core.embedding.quick import QuickMiniLm

    return QuickMiniLm()
