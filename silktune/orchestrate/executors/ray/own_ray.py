"""What a Ray of silktune's own needs of this machine: a folder that is its own, and loopback."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from silktune.errors import ResourceError, reason

OBJECT_STORE = 128 * 2**20  # bytes; data sets are memory-mapped files, only reports go through Ray
SOCKET = 107  # bytes of a socket's path at most (unix(7))
LONGEST = "/r/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store"  # of Ray's sockets, in its folder
ANSWER = 5.0  # seconds in which loopback answers


def brief(error: BaseException) -> str:
    """What Ray says, as one line of readable length."""
    return " ".join(str(error).split())[:300]


@contextmanager
def folder() -> Iterator[str]:
    """The name of a folder for Ray's sockets and logs that nobody else can enter; gone afterwards.

    Ray opens its own folder to everyone, whence the one around it.

    Raises:
        ResourceError: it cannot be made, or its name is too long for a socket.
    """
    variable = next((name for name in ("RAY_TMPDIR", "TMPDIR", "TEMP", "TMP") if os.environ.get(name)), "TMPDIR")
    parent = os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()
    remedy = f"Set {variable} to a folder with a short name that you may write to, such as /tmp."
    try:
        private = tempfile.mkdtemp(prefix="ray-", dir=os.path.abspath(parent))
    except OSError as error:
        raise ResourceError(f"{parent}: Ray cannot keep its files there ({reason(error)}). {remedy}") from error
    try:
        if (over := len(os.fsencode(private + LONGEST)) - SOCKET) > 0:
            raise ResourceError(f"{parent}: this name is {over} bytes too long for Ray's sockets in it. {remedy}")
        yield f"{private}/r"
    finally:
        shutil.rmtree(private, ignore_errors=True)


def check_loopback() -> None:
    """Find out at once what Ray would wait for.

    Raises:
        ResourceError: this machine cannot talk to itself.
    """
    try:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            socket.create_connection(listening.getsockname(), ANSWER).close()
    except OSError as error:
        raise ResourceError(
            f"Ray could not be started here: the loopback network, 127.0.0.1, does not answer ({reason(error)}). "
            "`ip link set lo up` brings it up."
        ) from error
