"""The environment variables that Ray reads: set while a Ray is used, and put back afterwards.

Ray's processes inherit them. A Ray of silktune's own is for one command alone, whatever networks this machine is in:
it listens on loopback, and asks for a token that is drawn for it and is nowhere but in the environment of its
processes, which only their user can read. What the user has set for other Rays (`RAY_AUTH_MODE`, …) is not for it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ray._private import ray_constants
from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]

IN_WORKERS = {
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # a relative path means the same in a worker
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.1",  # the default lets every report wait for 2 s
}
# Ray keeps quiet and does not phone home, and a driver that dies loses a second at most.
IN_DRIVER = IN_WORKERS | {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_GLOBAL_CHECKPOINT_S": "60",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",  # the coordinator says what became of a trial
    "TUNE_RESULT_BUFFER_LENGTH": "1",
}
OF_RAY = ("PYTHONBREAKPOINT",)  # set by Ray in the driver
NICENESS = ray_constants.RAY_WORKER_NICENESS
LOOPBACK = ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR  # "0": a Ray of one machine, as on macOS; it binds 127.0.0.1 only


@contextmanager
def variables(values: Mapping[str, str | None]) -> Iterator[None]:
    """Inside, the environment has these variables (None: it lacks this one); afterwards it is as it was."""
    before = {name: os.environ.get(name) for name in values}
    _set(values)
    try:
        yield
    finally:
        _set(before)


@contextmanager
def of_driver() -> Iterator[None]:
    """Inside, the environment is as a driver needs it."""
    with variables({name: os.environ.get(name) for name in OF_RAY} | IN_DRIVER):
        yield


@contextmanager
def alone() -> Iterator[None]:
    """Inside, a Ray that is started listens on loopback only and answers only who has its token."""
    values: dict[str, str | None] = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_AUTH_TOKEN_PATH": None,
        LOOPBACK: "0",
        "RAY_py_gcs_connect_timeout_s": "5",  # of 20 attempts; Python stands still meanwhile, and hears no Ctrl-C
        "GLOO_SOCKET_IFNAME": "lo",  # of the workers of one trial, among themselves
        "NCCL_SOCKET_IFNAME": "lo",
        NICENESS: os.environ.get(NICENESS, "0"),  # with Ray's own 15, trials starve beside other jobs
    }
    several = ray_constants.ENABLE_RAY_CLUSTER
    try:
        with variables(values):
            ray_constants.ENABLE_RAY_CLUSTER = False  # read from the environment when Ray was imported
            _reread()
            yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = several
        _reread()


@contextmanager
def joined(address: str, *, auto: bool) -> Iterator[None]:
    """Inside, a Ray at an address is joined with the user's token; one that `auto` has found also with ~/.ray's.

    Args:
        address: host:port.
        auto: whether the user has left it to Ray to find it. Then Ray takes a token that lies ready, as here.
    """
    mode = os.environ.get("RAY_AUTH_MODE")
    if auto and mode is None and has_token():
        mode = "token"
    try:
        with variables({"RAY_ADDRESS": address, "RAY_AUTH_MODE": mode}):
            _reread()
            yield
    finally:
        _reread()


def has_token() -> bool:
    """Whether the user has a token where Ray looks for it; Ray's C++ part ends the process if it has to have one."""
    if os.environ.get("RAY_AUTH_TOKEN"):
        return True
    try:
        return bool(token_file().read_text(encoding="utf-8").strip())
    except (OSError, UnicodeError):
        return False


def token_file() -> Path:
    """Where Ray looks for the user's token, if RAY_AUTH_TOKEN has none."""
    return Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")


def is_alone() -> bool:
    """Whether this process, a driver or a worker, belongs to a Ray that listens on loopback only."""
    return os.environ.get(LOOPBACK) == "0"


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _reread() -> None:
    """Let Ray's C++ part look at the environment again; it remembers mode and token."""
    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()
