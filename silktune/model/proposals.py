"""From what a model says of images to proposals for the gaps of a catalogue, and where it abstains.

N rows, which are images or records; K_m classes of variable m
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from silktune.model.calibration import Promise
from silktune.model.ensemble import Answers

COLUMNS = ("image", "record", "variable", "label", "proposal", "class", "probability", "runner_up",
           "runner_up_probability", "remark")  # fmt: skip
UNSURE, UNLIKE, PROMISELESS = "not sure enough", "unlike the training images", "no promise can be held"


@dataclass(frozen=True)
class Rules:
    """What is proposed."""

    names: Mapping[str, tuple[str, ...]]  # variable → the name of each output
    promises: Mapping[str, Promise]  # by variable; empty: no precision is promised
    everything: bool = False  # of known labels too it is said what the model thinks

    def of(self, keys: pd.DataFrame, known: Mapping[str, Sequence[str]], answers: Answers) -> pd.DataFrame:
        """A row for each gap, or each cell if `everything`, with the columns `COLUMNS`.

        Args:
            keys: (N,) image and record.
            known: variable → (N,) labels; "": a gap.
            answers: for the N.
        """
        parts = [
            self._variable(name, keys, np.asarray(known[name], object), p, answers.unlike)
            for name, p in zip(self.names, answers.probabilities, strict=True)
        ]
        order = np.concatenate([part.index.to_numpy() for part in parts])
        rows = pd.concat(parts, ignore_index=True).iloc[np.argsort(order, kind="stable")]
        return rows.reset_index(drop=True)[list(COLUMNS)]

    def _variable(
        self, name: str, keys: pd.DataFrame, known: NDArray[np.object_], p: NDArray[np.float32],
        unlike: NDArray[np.float32],
    ) -> pd.DataFrame:  # fmt: skip
        rows = np.arange(len(known)) if self.everything else np.flatnonzero(known == "")
        names, p = np.array([*self.names[name], ""], object), p[rows]
        order = np.argsort(-p, axis=1, kind="stable")
        first = order[:, 0]
        second = order[:, 1] if p.shape[1] > 1 else np.full(len(rows), len(names) - 1)
        sure = np.take_along_axis(p, first[:, None], 1)[:, 0]
        remark = self._remarks(name, sure, unlike[rows])
        return pd.DataFrame(
            {
                "image": keys["image"].to_numpy(object)[rows],
                "record": keys["record"].to_numpy(object)[rows],
                "variable": name,
                "label": known[rows],
                "proposal": np.where((remark == "") & (known[rows] == ""), names[first], ""),
                "class": names[first],
                "probability": sure,
                "runner_up": names[second],
                "runner_up_probability": np.take_along_axis(p, order[:, 1:2], 1)[:, 0] if p.shape[1] > 1 else 0.0,
                "remark": remark,
            },
            index=rows,
        )

    def _remarks(self, name: str, sure: NDArray[np.float32], unlike: NDArray[np.float32]) -> NDArray[np.object_]:
        """(n,) why nothing is proposed; "": the class is."""
        remark = np.full(len(sure), "", object)
        if promise := self.promises.get(name):
            remark[sure < promise.threshold] = UNSURE if promise.possible else PROMISELESS
        remark[unlike > 1] = UNLIKE
        return remark
