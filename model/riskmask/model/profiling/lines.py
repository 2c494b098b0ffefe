"""Lines on the logit of a probability: Platt scaling, as a profile holds it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from riskmask.model.evaluate.probability import logit, scaled

FEWEST = 30  # verdicts of each sort that a line must rest on
FOLDS = 5

Line = tuple[float, float]  # slope and intercept on the logit
IDENTITY: Line = (1.0, 0.0)


def most_likely(risk: NDArray[np.float64], changed: NDArray[np.bool_]) -> Line:
    """The line of the largest likelihood.

    Args:
        risk: (V,) float64 in [0, 1].
        changed: (V,) bool, some of each.
    """
    model = LogisticRegression(C=np.inf).fit(logit(risk)[:, None], changed)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def without_own_picture(
    risk: NDArray[np.float64],
    changed: NDArray[np.bool_],
    picture: NDArray[np.intp],
    served: Callable[[Line], NDArray[np.float64]] | None = None,
) -> NDArray[np.float64]:
    """(V,) calibrated risk of each verdict, by a line fitted on four fifths without its picture.

    Args:
        risk: (V,) float64 in [0, 1].
        changed: (V,) bool.
        picture: (V,) int, which picture each is about.
        served: (V,) what becomes of the risks by a line; the line applied to them unless given.
    """
    result = np.empty_like(risk)
    fold = picture % FOLDS
    for number in np.unique(fold):
        own = fold == number
        others = changed[~own]
        both = 0 < others.sum() < len(others)
        line = most_likely(risk[~own], others) if both else IDENTITY
        result[own] = (scaled(risk, *line) if served is None else served(line))[own]
    return result
