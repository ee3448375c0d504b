"""What Ray itself says of a file for `ray up`: its schema, and its own reading with its defaults filled in."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from copy import deepcopy
from pathlib import Path
from typing import Any

import ray.autoscaler
from ray.autoscaler._private.util import prepare_config, validate_config

from silktune.errors import reason


def schema() -> dict[str, Any]:
    """Ray's JSON schema of its cluster files."""
    file = Path(ray.autoscaler.__file__).with_name("ray-schema.json")
    return dict(json.loads(file.read_text(encoding="utf-8")))


def refusal(content: Mapping[str, Any]) -> str:
    """Why Ray refuses a file, in its own words; "" if it takes it. Nothing is started."""
    output = io.StringIO()
    try:
        with redirect_stdout(output), redirect_stderr(output):
            validate_config(prepare_config(deepcopy(dict(content))))
    except (Exception, SystemExit) as error:  # Ray raises whatever it stumbles over, and exits where it aborts
        return str(error) if isinstance(error, ValueError) else output.getvalue().strip() or reason(error)
    return ""
