"""What passes between the driver and the processes of a trial on Ray: the keys of Tune's configs and results."""

from __future__ import annotations

TRIAL = "silktune_trial"  # of a config: the trial's id
EPOCH = "silktune_epoch"  # of a result: an `Epoch` as JSON
OUTCOME = "silktune_outcome"  # of a result: the `Outcome` as JSON
MACHINE = "silktune_machine"  # of a result: a sentence; the machine failed, not the training


class WorkerLost(Exception):
    """The process of one of several workers died, or its node did."""
