"""The model that MLflow keeps, as MLflow itself runs this file: images in, classes out, as `silktune.load` has them.

It is kept with this package's code (`code_paths`), so that a server needs only the pinned requirements beside it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd

IMAGE = "image"  # the column of the input
NETWORKS = "networks"  # the artifact


class ServedModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """A data frame with a column `image`: paths, bytes, base64 texts or (H, W, 3) arrays."""

    def load_context(self, context: Any) -> None:
        """Load the networks, in the order of their names."""
        import torch

        from silktune.model.ensemble import Ensemble

        folders = (path for path in Path(context.artifacts[NETWORKS]).iterdir() if path.is_dir())
        self.model = Ensemble.load(sorted(folders), torch.device("cpu"))

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """A row for each image, four columns for each variable, and `unlike`."""
        from silktune.model.images import answers

        del context, params
        return answers(self.model, list(model_input[IMAGE]))


mlflow.models.set_model(ServedModel())
