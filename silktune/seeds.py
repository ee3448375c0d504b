"""Named streams of chance: a new consumer of chance moves no other.

`stream(seed, "batches", epoch)` is the same everywhere and always, and independent of every other name.
"""

from __future__ import annotations

import hashlib

import numpy as np


def number(seed: int, *name: str | int) -> int:
    """A 63-bit seed for the stream `name` under `seed`, for libraries that want a number."""
    key = "\x1f".join(str(part) for part in (seed, *name))
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big") >> 1


def stream(seed: int, *name: str | int) -> np.random.Generator:
    """The random generator of the stream `name` under `seed`."""
    return np.random.default_rng(number(seed, *name))
