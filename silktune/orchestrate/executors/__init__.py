"""Where trials are run: `ray` on the processes of a Ray, `local` in this one. No other room knows which it is."""

from silktune.orchestrate.executors.executor import EXECUTORS, Executor, executor

__all__ = ["EXECUTORS", "Executor", "executor"]
