"""Why a trial on several workers ended: its own mistake, or a process that died."""

from __future__ import annotations

import pytest
from ray.train import WorkerGroupError
from ray.train.v2._internal.exceptions import UserExceptionWithTraceback, WorkerHealthCheckFailedError

from silktune.errors import TrainingError
from silktune.orchestrate.executors.ray.result_keys import WorkerLost
from silktune.orchestrate.executors.ray.train_workers import _cause

DEAD = WorkerHealthCheckFailedError("the actor died", failure=RuntimeError("killed"))
ALONE = ConnectionError("another worker of this training is gone")
NAN, BUG = TrainingError("The loss L is nan after epoch 1."), KeyError("bug")


def wrapped(failure: Exception) -> Exception:
    return UserExceptionWithTraceback(failure, "Traceback …")


@pytest.mark.parametrize(
    ("failures", "cause"),
    [
        ({0: NAN, 1: NAN}, NAN),
        ({0: ALONE, 1: NAN}, NAN),
        ({0: wrapped(ALONE), 1: wrapped(NAN)}, NAN),
        ({0: BUG, 1: NAN}, NAN),
        ({0: ALONE, 1: BUG}, BUG),
    ],
)
def test_a_worker_s_mistake_is_the_trial_s(failures: dict[int, Exception], cause: Exception) -> None:
    assert _cause(WorkerGroupError("…", failures)) is cause


@pytest.mark.parametrize("failures", [{0: DEAD}, {0: wrapped(ALONE), 1: DEAD}, {0: ALONE, 1: ALONE}])
def test_a_process_that_died_is_no_mistake(failures: dict[int, Exception]) -> None:
    assert isinstance(_cause(WorkerGroupError("…", failures)), WorkerLost)
