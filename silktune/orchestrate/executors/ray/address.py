"""Where a running Ray is: what a person gives as `--address` or RAY_ADDRESS, read and knocked at.

Ray's own answers to a wrong address come after minutes, or are tracebacks.
"""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import ray
from ray._private import services
from ray._raylet import GcsClient  # type: ignore[attr-defined]

from silktune.errors import ResourceError, reason
from silktune.orchestrate.executors.ray import environment

ANSWER = 10.0  # seconds in which whoever listens answers
PRIVATE = "127.0.0.1:"  # where a Ray is that silktune, or another program, has started for itself alone
TOKEN = "Give: export RAY_AUTH_MODE=token, with the token in ~/.ray/auth_token or in RAY_AUTH_TOKEN."
WRITTEN = "An address is written host:port, such as 10.0.0.5:6379, or auto for the Ray of this machine."


def named(address: str) -> str:
    """What a person has given: `--address auto`, or `RAY_ADDRESS 10.0.0.5:6379`, which stands for it."""
    given = "RAY_ADDRESS" if os.environ.get("RAY_ADDRESS") == address else "--address"
    return f"{given} {address}"


def locate(address: str) -> str:
    """The host and port of the Ray that is meant, at which somebody listens.

    Args:
        address: `auto`, or host:port. That of `auto` is RAY_ADDRESS, the Ray that runs on this machine, or else the
            last that was started here and may be gone.

    Raises:
        ResourceError: it is no address, or nobody is there.
    """
    exported, who = os.environ.get("RAY_ADDRESS", ""), named(address)
    if address != "auto":
        location = address
    elif exported not in ("", "auto"):
        location, who = exported, f"{who}, which is RAY_ADDRESS {exported}"
    else:
        location = _started_here(who)
    host, port = _parsed(location, who)
    try:
        host = services.resolve_ip_for_localhost(host)
        socket.create_connection((host, port), ANSWER).close()
    except (OSError, UnicodeError) as error:
        raise ResourceError(
            f"{who}: no Ray answers: {host}:{port}: {reason(error)}. `ray status` shows whether it runs."
        ) from error
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def check_token(location: str, who: str) -> None:
    """Find out at once whether a Ray lets this shell in; by itself it asks for half a minute, with a line each second.

    Raises:
        ResourceError: it does not.
    """
    if os.environ.get("RAY_AUTH_MODE", "").lower() == "token" and not environment.has_token():
        raise ResourceError(f"{who}: RAY_AUTH_MODE is token, and there is none in {environment.token_file()}. {TOKEN}")
    try:
        with _stderr_dropped():
            GcsClient(address=location)
    except ray.exceptions.AuthenticationError as error:
        raise ResourceError(
            f"{who}: the Ray at {location} asks for its token, and this shell has none or another one. {TOKEN}"
        ) from error


@contextmanager
def _stderr_dropped() -> Iterator[None]:
    """Inside, what Ray's C++ part writes to stderr goes nowhere."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _started_here(who: str) -> str:
    """The Ray that somebody has started on this machine with `ray start`; a private one ends with its own program."""
    services.find_gcs_addresses.cache_clear()
    running = sorted(str(gcs) for gcs in services.find_gcs_addresses() if not gcs.startswith(PRIVATE))
    last = services.find_bootstrap_address(None)
    if last and (last in running or not running):
        return str(last)
    if len(running) == 1:
        return running[0]
    if running:
        raise ResourceError(f"{who}: several Rays run on this machine. Give one as --address: {', '.join(running)}.")
    raise ResourceError(
        f"{who}: no Ray was started on this machine. Start one with `ray start --head`, or leave --address out: then "
        "the command starts one of its own."
    )


def _parsed(address: str, who: str) -> tuple[str, int]:
    if address.startswith("ray://"):
        raise ResourceError(f"{who}: Ray's client cannot carry a study; submit it with `ray job submit`.")
    match = re.fullmatch(r"(\[[0-9a-fA-F:.%\w]+\]|[^\s:/\[\]]+):(\d{1,5})", address)
    if not match:
        raise ResourceError(f"{who}: this is no address of a Ray. {WRITTEN}")
    port = int(match[2])
    if not 1024 <= port <= 65535:
        raise ResourceError(f"{who}: a Ray's port lies between 1024 and 65535. {WRITTEN}")
    return match[1].strip("[]"), port
