"""Models against their textbooks."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from bridge.rules.measure import Rows
from bridge.rules.memory import Memory, State
from bridge.rules.model import MODEL, Ewma, Pca, RobustZ
from bridge.rules.score import Arrivals, EwmaScores, PcaScores, RobustZScores


def rows(values: list[float]) -> Rows:
    """Of one watch."""
    return Rows(np.zeros(len(values), np.intp), np.arange(len(values)), np.array(values))


def test_models_score_as_their_textbooks_say() -> None:
    z = MODEL.validate_python({"kind": "robust_z", "median": 10, "mad": 2})
    assert isinstance(z, RobustZ)
    found = RobustZScores([z])(rows([10.0, 12.9652, 4.0]))
    assert found.value == pytest.approx([0, 1, 6 / 2.9652])
    ewma = MODEL.validate_python({"kind": "ewma", "mean": 0, "sigma": 1, "weight": 0.2})
    assert isinstance(ewma, Ewma)
    state = State.of([(Memory(), ["a"])])
    assert EwmaScores([ewma])(rows([1.0, 1.0]), state).value == pytest.approx([0.2 / (1 / 3), 0.36 / (1 / 3)])
    assert state.average == pytest.approx([0.36])


def test_a_principal_component_model_scores_what_its_components_leave() -> None:
    half = 0.5**0.5
    pca = {"kind": "pca", "mean": [1, 1], "scale": [1, 1], "components": [[half, half]], "limit": 2}
    model = MODEL.validate_python(pca)
    assert isinstance(model, Pca)
    four = np.arange(4)
    arrivals = Arrivals(np.zeros(4, np.intp), four % 2, four, four, np.array([3.0, 3.0, 2.0, 0.0]))
    found = PcaScores([model])(arrivals, State.of([(Memory(), ["a", "b"])]))
    assert (found.ts.tolist(), found.value.tolist()) == ([1, 3], pytest.approx([0, 1]))
    for wrong in ({"components": [[1, 1]]}, {"scale": [1]}, {"limit": 0}, {"mean": [float("nan"), 1]}):
        with pytest.raises(ValidationError):
            MODEL.validate_python(pca | wrong)
