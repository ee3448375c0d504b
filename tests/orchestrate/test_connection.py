"""A Ray that is not there is a sentence, and at once."""

from __future__ import annotations

import socket

import pytest

from silktune.errors import ResourceError
from silktune.orchestrate.connection import a_ray
from silktune.orchestrate.resources import Placement


def test_nobody_at_the_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    placement = Placement(concurrent=1, workers=1, gpus=None, device="cpu", retries=0, address=address)
    with pytest.raises(ResourceError, match=rf"--address {address}: no Ray answers: .*refused"), a_ray(placement):
        pass
