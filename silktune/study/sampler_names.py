"""How the trials of a search may be chosen, by name; `orchestrate.sampler` has Optuna do it."""

from __future__ import annotations

from typing import Literal, get_args

Sampler = Literal["tpe", "random", "grid"]
SAMPLERS: tuple[Sampler, ...] = get_args(Sampler)
