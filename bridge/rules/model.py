"""Anomaly models whose parameters stand in a file: each turns good values into a score, numpy alone does it.

* `robust_z`: distance from a median in scaled median absolute deviations (Iglewicz and Hoaglin, 1993);
* `ewma`: the exponentially weighted moving average chart (Roberts, 1959), in its own standard deviations;
* `pca`: squared prediction error of a principal component model (Jackson and Mudholkar, 1979), over its limit.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

Floats = npt.NDArray[np.float64]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_MAD_TO_SIGMA = 1.4826
"""Of a normal distribution."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RobustZ(_Model):
    """Of one signal."""

    kind: Literal["robust_z"]
    median: Finite
    mad: Positive

    def score(self, rows: Floats, memory: list[float]) -> Floats:
        """Score of every row; remembers nothing."""
        del memory
        return np.abs(rows[:, 0] - self.median) / (self.mad * _MAD_TO_SIGMA)


class Ewma(_Model):
    """Of one signal; `weight` is that of the newest value."""

    kind: Literal["ewma"]
    mean: Finite
    sigma: Positive
    weight: Annotated[float, Field(gt=0, le=1)]

    def score(self, rows: Floats, memory: list[float]) -> Floats:
        """Score of every row in order; `memory` holds the average so far, and is moved on."""
        average = memory[0] if memory else self.mean
        weight, averages = self.weight, np.empty(len(rows))
        for place, value in enumerate(rows[:, 0].tolist()):
            average += weight * (value - average)
            averages[place] = average
        memory[:] = [average]
        return np.abs(averages - self.mean) / (self.sigma * math.sqrt(weight / (2 - weight)))


class Pca(_Model):
    """Of several signals, in the rule's order; `components` are orthonormal rows over scaled values."""

    kind: Literal["pca"]
    mean: tuple[Finite, ...] = Field(min_length=2)
    scale: tuple[Positive, ...]
    components: tuple[tuple[Finite, ...], ...] = Field(min_length=1)
    limit: Positive

    @model_validator(mode="after")
    def _fits_together(self) -> Pca:
        width = len(self.mean)
        if len(self.scale) != width or any(len(row) != width for row in self.components):
            raise ValueError(f"mean, scale and every component need {width} numbers")
        rows = np.array(self.components)
        if not np.allclose(rows @ rows.T, np.eye(len(rows)), atol=1e-6):
            raise ValueError("components are not orthonormal")
        return self

    def score(self, rows: Floats, memory: list[float]) -> Floats:
        """Score of every row; remembers nothing."""
        del memory
        # Column by column: a product of matrices rounds otherwise when more rows come at once.
        scaled = [(rows[:, place] - self.mean[place]) / self.scale[place] for place in range(len(self.mean))]
        rest = list(scaled)
        for component in self.components:
            shared = _sum([one * weight for one, weight in zip(scaled, component, strict=True)])
            rest = [one - shared * weight for one, weight in zip(rest, component, strict=True)]
        return _sum([one * one for one in rest]) / self.limit


def _sum(columns: list[Floats]) -> Floats:
    total = columns[0]
    for one in columns[1:]:
        total = total + one
    return total


Model = Annotated[RobustZ | Ewma | Pca, Field(discriminator="kind")]
MODEL: TypeAdapter[Model] = TypeAdapter(Model)


def width(model: Model) -> int:
    """How many signals a model looks at."""
    return len(model.mean) if isinstance(model, Pca) else 1
