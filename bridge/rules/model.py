"""Anomaly models whose parameters stand in a file: each turns good values into a score (`bridge.rules.score`).

* `robust_z`: distance from a median in scaled median absolute deviations (Iglewicz and Hoaglin, 1993);
* `ewma`: the exponentially weighted moving average chart (Roberts, 1959), in its own standard deviations;
* `pca`: squared prediction error of a principal component model (Jackson and Mudholkar, 1979), over its limit.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RobustZ(_Model):
    """Of one signal."""

    kind: Literal["robust_z"]
    median: Finite
    mad: Positive


class Ewma(_Model):
    """Of one signal; `weight` is that of the newest value."""

    kind: Literal["ewma"]
    mean: Finite
    sigma: Positive
    weight: Annotated[float, Field(gt=0, le=1)]


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


Model = Annotated[RobustZ | Ewma | Pca, Field(discriminator="kind")]
MODEL: TypeAdapter[Model] = TypeAdapter(Model)


def width(model: Model) -> int:
    """How many signals a model looks at."""
    return len(model.mean) if isinstance(model, Pca) else 1
