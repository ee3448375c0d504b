"""Plans: begun once and gone on with, another one refused; what changes a trial's fingerprint."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from silktune.errors import StudyError
from silktune.settings import Experiment
from silktune.study.paths import StudyPaths
from silktune.study.plan import SEARCHED, Plan, Trial, final_group

WHAT = {"kind": "search", "data": "abc", "space": {"base": {"loss.gamma": 2.0, "net.NN_jfc": (1024,)}}, "seed": 0}


class TestPlan:
    def test_is_begun_once_and_gone_on_with(self, tmp_path: Path) -> None:
        paths = StudyPaths(tmp_path / "study")
        first = Plan.of(WHAT, "silktune search").begin(paths)
        again = Plan.of(WHAT, "silktune search --trials 9").begin(paths)
        assert again == first
        assert json.loads(paths.plan.read_text(encoding="utf-8"))["what"] == {
            **WHAT,
            "space": {"base": {"loss.gamma": 2.0, "net.NN_jfc": [1024]}},
        }

    def test_another_one_is_refused_and_says_what_differs(self, tmp_path: Path) -> None:
        paths = StudyPaths(tmp_path)
        Plan.of(WHAT, "").begin(paths)
        before = paths.plan.read_text(encoding="utf-8")
        other = WHAT | {"seed": 1, "space": {"base": {"loss.gamma": 0.0, "net.NN_jfc": (1024,)}}, "sampler": "tpe"}
        with pytest.raises(StudyError) as caught:
            Plan.of(other, "").begin(paths)
        assert str(caught.value) == (
            f'{tmp_path} is another study: sampler was null, now "tpe"; seed was 0, now 1; space.base.loss.gamma was '
            "2.0, now 0.0. Give another --name, or the settings it was begun with."
        )
        assert paths.plan.read_text(encoding="utf-8") == before

    def test_many_differences_are_cut(self, tmp_path: Path) -> None:
        Plan.of({str(i): 0 for i in range(9)}, "").begin(StudyPaths(tmp_path))
        with pytest.raises(StudyError) as caught:
            Plan.of({str(i): 1 for i in range(9)}, "").begin(StudyPaths(tmp_path))
        assert str(caught.value).count("was 0, now 1") == 5

    @pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"study_id": "a", "what": 1}', '{"a": 1}', "null"])
    def test_a_damaged_one_is_refused(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "plan.json").write_text(text, encoding="utf-8")
        with pytest.raises(StudyError, match=r"plan\.json is no plan of this version of silktune .* another --name"):
            Plan.of(WHAT, "").begin(StudyPaths(tmp_path))

    def test_a_folder_of_something_else_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.tex").write_text("", encoding="utf-8")
        with pytest.raises(StudyError, match=r"holds files, but no plan\.json of a study"):
            Plan.of(WHAT, "").begin(StudyPaths(tmp_path))

    def test_a_folder_with_only_its_lock_is_begun(self, tmp_path: Path) -> None:
        paths = StudyPaths(tmp_path)
        with paths.locked():
            Plan.of(WHAT, "").begin(paths)
        assert paths.plan.exists()

    def test_its_key_is_that_of_what_it_sets_out_to_do(self) -> None:
        key = Plan.of(WHAT, "a").key
        assert Plan.of(dict(reversed(WHAT.items())), "b").key == key
        assert Plan.of(WHAT | {"seed": 1}, "a").key != key
        assert len(key) == 6


def trial(run: int = 0, **changes: Any) -> Trial:
    settings = {name.replace("__", "."): value for name, value in changes.items()}
    return Trial("t000", SEARCHED, Experiment().with_(settings), run)


class TestFingerprint:
    def test_is_sixteen_hex_digits(self) -> None:
        assert re.fullmatch("[0-9a-f]{16}", trial().fingerprint("abc"))

    @pytest.mark.parametrize(
        "changed", [trial(1), trial(loss__gamma=1), trial(train__max_epochs=7), trial(data__variables="place")]
    )
    def test_of_another_experiment_or_run_is_another(self, changed: Trial) -> None:
        assert changed.fingerprint("abc") != trial().fingerprint("abc")

    def test_of_other_data_is_another(self) -> None:
        assert trial().fingerprint("abd") != trial().fingerprint("abc")

    def test_of_settings_without_an_effect_is_the_same(self) -> None:
        without = trial(loss__lambda_aux=0)
        assert trial(loss__lambda_aux=0, loss__alpha_co=0.9).fingerprint("abc") == without.fingerprint("abc")
        assert without.fingerprint("abc") != trial().fingerprint("abc")

    def test_of_a_run_is_that_of_its_seed(self) -> None:
        assert trial(2).fingerprint("abc") == trial(train__seed=2).fingerprint("abc")
        assert trial(2).seeded().train.seed == 2

    def test_follows_the_weights_content_and_not_their_name(self, tmp_path: Path) -> None:
        for name, content in (("a.pth", b"1"), ("b.pth", b"1"), ("c.pth", b"2")):
            (tmp_path / name).write_bytes(content)
        a, b, c = (trial(net__weights=str(tmp_path / f"{x}.pth")).fingerprint("abc") for x in "abc")
        assert a == b
        assert a != c


def test_the_group_of_a_winners_runs() -> None:
    assert final_group(trial()) == "final-t000"
