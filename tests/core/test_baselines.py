"""Predictions without a network, against plain loops."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from silktune.core import baselines, metrics
from silktune.data.dataset import Dataset


def by_hand(data: Dataset, groups: list[str]) -> np.ndarray:
    """The largest class of each test image's group, image by image."""
    train = data.rows("train")
    named = []
    for row in data.rows("test"):
        line = []
        for m in range(len(data.variables)):
            known = [int(data.labels[r, m]) for r in train if data.labels[r, m] >= 0]
            own = [int(data.labels[r, m]) for r in train if data.labels[r, m] >= 0 and groups[r] == groups[row]]
            counts = Counter(own if own and groups[row] else known)
            line.append(min(counts, key=lambda label: (-counts[label], label)))
        named.append(line)
    return np.array(named)


def test_the_largest_class(woven: Dataset) -> None:
    expected = metrics.scores(
        woven.labels[woven.rows("test")], by_hand(woven, [""] * len(woven.labels)), woven.variables
    )
    assert baselines.largest_class(woven, "test") == expected


def test_the_largest_class_of_each_group(woven: Dataset) -> None:
    chance = np.random.default_rng(0)
    groups = chance.choice(["", "A", "B", "C"], len(woven.labels))
    groups[woven.rows("test")[:2]] = "only in the test set"
    expected = metrics.scores(woven.labels[woven.rows("test")], by_hand(woven, groups.tolist()), woven.variables)
    found = baselines.largest_class_of_groups(woven, groups, "test")
    assert found == expected
    assert found != baselines.largest_class(woven, "test")


def test_groups_that_tell_the_class_are_hard_to_beat(woven: Dataset) -> None:
    place = woven.select(["place"])
    groups = woven.samples["place"].to_numpy(str)
    assert baselines.largest_class_of_groups(place, groups, "test").mean_f1 == 1


class TestLogisticRegression:
    @pytest.fixture
    def telling(self, woven: Dataset) -> np.ndarray:
        """Features of which some tell every variable's class, where it is known, and one is the same for all."""
        chance = np.random.default_rng(0)
        told = [np.eye(v.outputs)[woven.labels[:, m]] for m, v in enumerate(woven.variables)]
        noise = chance.normal(0, 0.1, (len(woven.labels), 20))
        return np.concatenate([*told, noise, np.ones((len(noise), 1))], axis=1).astype(np.float32)

    def test_learns_what_the_features_tell(self, woven: Dataset, telling: np.ndarray) -> None:
        assert baselines.logistic_regression(woven, lambda rows: telling[rows]).mean_f1 > 0.9

    def test_learns_nothing_from_chance(self, woven: Dataset) -> None:
        chance = np.random.default_rng(0).normal(size=(len(woven.labels), 30)).astype(np.float32)
        assert baselines.logistic_regression(woven, lambda rows: chance[rows]).mean_f1 < 0.5

    def test_never_learns_from_the_test_set(self, woven: Dataset, telling: np.ndarray) -> None:
        """What it names stays as it is if the labels there are others."""
        before = baselines.logistic_regression(woven, lambda rows: telling[rows])
        asked: list[str] = []

        def features(rows: np.ndarray) -> np.ndarray:
            asked.append(woven.subset[rows[0]])
            assert len(set(woven.subset[rows])) == 1
            return telling[rows]

        assert baselines.logistic_regression(woven, features) == before
        assert asked == ["train", "validation", "test"]

    def test_knows_one_class_where_training_has_one(self, woven: Dataset, telling: np.ndarray) -> None:
        place = woven.select(["place"])
        place.labels[place.rows("train"), 0] = 1
        found = baselines.logistic_regression(place, lambda rows: telling[rows])
        assert sum(scores.f1 is not None and scores.f1 > 0 for scores in found.variables[0].classes) <= 1

    def test_of_very_many_images_takes_some(
        self, woven: Dataset, telling: np.ndarray, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(baselines, "MOST_IMAGES", 30)
        sizes: list[int] = []

        def features(rows: np.ndarray) -> np.ndarray:
            sizes.append(len(rows))
            return telling[rows]

        baselines.logistic_regression(woven, features)
        assert sizes[0] == 30 < len(woven.rows("train"))
        assert sizes[2] == len(woven.rows("test"))
