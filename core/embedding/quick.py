"""all-MiniLM-L6-v2 as a plain forward pass in numpy: starts in under a second, no torch.

The network is BERT (Devlin et al. 2018, section 3) with six layers, read by the names of the published checkpoint; the
sentence vector is the mean over the text's own tokens, scaled to length 1 (the model's modules.json).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.embedding.weights import DIMENSIONS, MAX_TOKENS, MODEL, weights

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from core.embedding.face import Vectors

    Tokens = npt.NDArray[np.int64]

_LAYERS = 6
_HEADS = 12
_BATCH = 16
_EPSILON = 1e-12
"""`layer_norm_eps` of the checkpoint's config.json."""


class QuickMiniLm:
    """The model for queries and small batches."""

    model = MODEL
    dimensions = DIMENSIONS

    def __init__(self) -> None:
        from safetensors.numpy import load_file
        from threadpoolctl import ThreadpoolController
        from tokenizers import Tokenizer

        folder = weights()
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(max_length=MAX_TOKENS)
        self._tokenizer.no_padding()
        self._tensors: dict[str, Vectors] = load_file(folder / "model.safetensors")
        self._threads = ThreadpoolController()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `core.embedding.face.Embedder.embed`."""
        import numpy as np

        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        vectors = np.zeros((len(ids), DIMENSIONS), dtype=np.float32)
        by_length = sorted(range(len(ids)), key=lambda index: len(ids[index]))
        # The matrices are small: on a busy machine the threads of BLAS wait for each other twenty times longer than
        # one of them would calculate.
        with self._threads.limit(limits=1, user_api="blas"):
            for start in range(0, len(by_length), _BATCH):
                batch = by_length[start : start + _BATCH]
                vectors[batch] = self._sentences(*_padded([ids[index] for index in batch]))
        return vectors

    def _sentences(self, ids: Tokens, mask: Vectors) -> Vectors:
        import numpy as np

        hidden = self._encode(ids, mask)
        mean = np.einsum("btd,bt->bd", hidden, mask) / mask.sum(axis=1, keepdims=True)
        return mean / np.linalg.norm(mean, axis=1, keepdims=True)

    def _encode(self, ids: Tokens, mask: Vectors) -> Vectors:
        t = self._tensors
        words = t["embeddings.word_embeddings.weight"][ids]
        places = t["embeddings.position_embeddings.weight"][: ids.shape[1]]
        hidden = self._norm("embeddings.LayerNorm", words + places + t["embeddings.token_type_embeddings.weight"][0])
        hide_padding = ((1.0 - mask) * -1e9)[:, None, None, :]
        for layer in range(_LAYERS):
            hidden = self._layer(f"encoder.layer.{layer}", hidden, hide_padding)
        return hidden

    def _layer(self, name: str, hidden: Vectors, hide_padding: Vectors) -> Vectors:
        mixed = self._dense(
            f"{name}.attention.output.dense", self._attend(f"{name}.attention.self", hidden, hide_padding)
        )
        hidden = self._norm(f"{name}.attention.output.LayerNorm", hidden + mixed)
        widened = _gelu(self._dense(f"{name}.intermediate.dense", hidden))
        return self._norm(f"{name}.output.LayerNorm", hidden + self._dense(f"{name}.output.dense", widened))

    def _attend(self, name: str, hidden: Vectors, hide_padding: Vectors) -> Vectors:
        import numpy as np

        batch, length, width = hidden.shape

        def heads(part: str) -> Vectors:
            projected = self._dense(f"{name}.{part}", hidden)
            return projected.reshape(batch, length, _HEADS, width // _HEADS).transpose(0, 2, 1, 3)

        scores = heads("query") @ heads("key").transpose(0, 1, 3, 2) / np.sqrt(np.float32(width // _HEADS))
        scores = scores + hide_padding
        weights_ = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights_ /= weights_.sum(axis=-1, keepdims=True)
        return (weights_ @ heads("value")).transpose(0, 2, 1, 3).reshape(batch, length, width)

    def _dense(self, name: str, values: Vectors) -> Vectors:
        return values @ self._tensors[f"{name}.weight"].T + self._tensors[f"{name}.bias"]

    def _norm(self, name: str, values: Vectors) -> Vectors:
        import numpy as np

        centred = values - values.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + np.float32(_EPSILON))
        return centred / spread * self._tensors[f"{name}.weight"] + self._tensors[f"{name}.bias"]


def _padded(rows: list[list[int]]) -> tuple[Tokens, Vectors]:
    """Token ids filled up with zeros to the longest row, and 1.0 where a token stands."""
    import numpy as np

    length = max(len(row) for row in rows)
    ids = np.zeros((len(rows), length), dtype=np.int64)
    mask = np.zeros((len(rows), length), dtype=np.float32)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = row
        mask[index, : len(row)] = 1.0
    return ids, mask


def _gelu(values: Vectors) -> Vectors:
    """GELU by the error function, as the checkpoint was trained.

    erf by Abramowitz and Stegun, formula 7.1.26: error below 1.5e-7.
    """
    import numpy as np

    x = values * np.float32(0.7071067811865476)
    t = 1.0 / (1.0 + np.float32(0.3275911) * np.abs(x))
    series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t
    erf = np.copysign(1.0 - series * np.exp(-x * x), x)
    return (values * 0.5 * (1.0 + erf)).astype(np.float32, copy=False)
