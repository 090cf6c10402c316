"""loss = mean l_t. Yeom et al. 2018 (1709.01604). The sign is turned: higher is likelier a member."""

from __future__ import annotations

from probe.scores.base import Method
from probe.scores.view import View, mean


def loss(view: View) -> float:
    return mean(view.l)


SCORE = Method("loss", loss, ("logprob",), "Yeom et al. 2018, arXiv:1709.01604")
