"""Plans: begun once and gone on with, another one refused; what changes a trial's fingerprint."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from silktune.errors import StudyError
from silktune.settings import Experiment
from silktune.study import plan
from silktune.study.paths import StudyPaths
from silktune.study.plan import SEARCHED, AblationPlan, SearchPlan, Trial, final_group
from silktune.study.space import Dimension, Space

SPACE = Space(base=Experiment(), dimensions=(Dimension(name="net.dropout", low=0, high=0.5),))


def search(command: str = "silktune search", seed: int = 0, **changes: Any) -> SearchPlan:
    space = SPACE.model_copy(update={"base": Experiment().with_(changes)})
    return SearchPlan(command=command, data="abc", weights="none", space=space, sampler="tpe", seed=seed)


ABLATION = AblationPlan(command="silktune ablate", data="abc", weights="none", table="t", base=Experiment())


class TestPlan:
    @pytest.mark.parametrize("intended", [search(), ABLATION])
    def test_is_begun_once_and_gone_on_with(self, tmp_path: Path, intended: plan.Plan) -> None:
        paths = StudyPaths(tmp_path / "study")
        first = plan.begin(intended, paths)
        again = plan.begin(intended.model_copy(update={"command": "another", "study_id": "b"}), paths)
        assert again == first == plan.read(paths) == intended

    def test_a_search_of_another_name_and_question_is_the_same(self, tmp_path: Path) -> None:
        named = SPACE.model_copy(update={"name": "quick", "question": "Why?"})
        first = plan.begin(search().model_copy(update={"space": named}), StudyPaths(tmp_path))
        assert plan.begin(search(), StudyPaths(tmp_path)).study_id == first.study_id

    def test_another_one_is_refused_and_says_what_differs(self, tmp_path: Path) -> None:
        paths = StudyPaths(tmp_path)
        plan.begin(search(), paths)
        before = paths.plan.read_text(encoding="utf-8")
        wider = SPACE.model_copy(update={"dimensions": (Dimension(name="net.dropout", low=0, high=0.6),)})
        tau = SPACE.model_copy(update={"dimensions": (*SPACE.dimensions, Dimension(name="loss.tau", choices=(0, 1)))})
        for other, different in (
            (search(**{"loss.tau": 1}), "space.base.loss.tau was 0.0, now 1.0"),
            (search().model_copy(update={"space": tau}), 'space.dimensions.loss.tau was null, now {"choices": [0, 1]}'),
            (search(seed=1, **{"loss.gamma": 0.0}), "seed was 0, now 1; space.base.loss.gamma was 2.0, now 0.0"),
            (search().model_copy(update={"space": wider}), "space.dimensions.net.dropout.high was 0.5, now 0.6"),
        ):
            with pytest.raises(StudyError) as caught:
                plan.begin(other, paths)
            assert str(caught.value) == (
                f"{tmp_path} is another study: {different}. Give another --name, or the settings it was begun with."
            )
        assert paths.plan.read_text(encoding="utf-8") == before

    def test_a_search_and_an_ablation_are_two(self, tmp_path: Path) -> None:
        plan.begin(search(), StudyPaths(tmp_path))
        with pytest.raises(StudyError, match=r'is another study: base .* kind was "search", now "ablation"'):
            plan.begin(ABLATION, StudyPaths(tmp_path))

    def test_many_differences_are_cut(self, tmp_path: Path) -> None:
        changes = {
            "loss.gamma": 1,
            "net.NB_RN": 1,
            "train.seed": 1,
            "train.patience": 9,
            "loss.tau": 1,
            "net.dropout": 0,
        }
        plan.begin(search(), StudyPaths(tmp_path))
        with pytest.raises(StudyError) as caught:
            plan.begin(search(**changes), StudyPaths(tmp_path))
        assert str(caught.value).count(", now ") == 5

    @pytest.mark.parametrize(
        "text", ["", "{", "[]", "{}", '{"form": 2}', '{"form": 2, "kind": "search", "study_id": 1}', '{"a": 1}', "null"]
    )
    def test_a_damaged_one_is_refused(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "plan.json").write_text(text, encoding="utf-8")
        sentence = r"plan\.json is no plan of a study \(.+\)\. Put it back, or give another --name"
        with pytest.raises(StudyError, match=sentence):
            plan.begin(search(), StudyPaths(tmp_path))

    def test_one_with_settings_that_this_version_does_not_know_is_refused(self, tmp_path: Path) -> None:
        paths = StudyPaths(tmp_path)
        plan.begin(search(**{"loss.gamma": 1}), paths)
        text = paths.plan.read_text(encoding="utf-8").replace("loss.gamma", "loss.delta")
        paths.plan.write_text(text, encoding="utf-8")
        with pytest.raises(StudyError, match=r"no plan of a study \(loss\.delta is no setting"):
            plan.read(paths)

    @pytest.mark.parametrize(
        "text", ['{"form": 3, "kind": "search"}', '{"form": 1}', '{"study_id": "a", "what": {"kind": "search"}}']
    )
    def test_of_another_form_is_refused_in_one_sentence(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "plan.json").write_text(text, encoding="utf-8")
        with pytest.raises(StudyError, match=r"is of another version of silktune, whose studies .* another --name"):
            plan.read(StudyPaths(tmp_path))

    def test_a_folder_of_something_else_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.tex").write_text("", encoding="utf-8")
        with pytest.raises(StudyError, match=r"holds files, but no plan\.json of a study"):
            plan.begin(search(), StudyPaths(tmp_path))

    def test_a_folder_with_only_its_lock_is_begun(self, tmp_path: Path) -> None:
        paths = StudyPaths(tmp_path)
        with paths.locked():
            plan.begin(search(), paths)
        assert paths.plan.exists()

    def test_its_key_is_that_of_what_may_not_change(self) -> None:
        key = search("a").key
        assert search("b").key == key
        assert search(seed=1).key != key
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
