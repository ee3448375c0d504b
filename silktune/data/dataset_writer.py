"""Writing a labelling: which images, their labels and subsets, and what a person should know of them.

`dataset` reads what this writes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from silktune.data.dataset import CONTENTS, GROUPS, REJECTED, SAMPLES, VERSION, VIEW, WHOLE, split_digest
from silktune.data.image_store import HASH, store_name
from silktune.data.label_table import SUBSETS, LabelTable
from silktune.data.split import Split
from silktune.outcome import write_whole
from silktune.settings import Data, Experiment, identity

LIBRARIES = ("numpy", "pandas", "opencv-python-headless", "pillow")


def write(
    folder: Path,
    digest: str,
    labels: LabelTable,
    images: Path,
    contents: Mapping[str, bytes],
    chosen: Split,
    rejected: Sequence[tuple[str, str]],
    settings: Data,
) -> None:
    """Write all files of a labelling into a new folder; dataset.json is the last.

    Args:
        folder: the new folder.
        digest: the name of the data set.
        labels: the table.
        images: the folder of its images.
        contents: image → the hash of its file.
        chosen: the images that are kept.
        rejected: (image, reason) of the others.
        settings: how it was prepared.
    """
    folder.mkdir(parents=True)
    samples = chosen.samples
    samples.to_parquet(folder / SAMPLES)
    hashes = b"".join(contents[name] for name in samples["image"])
    np.save(folder / CONTENTS, np.frombuffer(hashes, np.uint8).reshape(-1, HASH))
    if labels.groups is not None:
        np.save(folder / GROUPS, np.unique(chosen.together, return_inverse=True)[1].astype(np.int64))
    pd.DataFrame(sorted(rejected), columns=["image", "reason"]).to_csv(folder / REJECTED, index=False)
    about = {
        "version": VERSION,
        "digest": digest,
        "split": split_digest(zip((contents[name].hex() for name in samples["image"]), samples["subset"], strict=True)),
        "store": store_name(settings),
        "name": labels.name,
        "images": len(samples),
        "rejected": len(rejected),
        "subsets": {name: int((samples["subset"] == name).sum()) for name in SUBSETS},
        "drawn": not labels.cells["split"].iloc[0],
        "variables": [vars(variable) for variable in chosen.variables],
        "unusable": chosen.unusable,
        "became_background": chosen.backgrounds,
        "notes": chosen.remarks,
        "settings": _settings(settings),
        "libraries": {name: version(name) for name in LIBRARIES},
        "source": {"table": str(labels.source.resolve()), "images": str(images.resolve())},
    }
    write_whole(folder / WHOLE, json.dumps(about, indent=1))


def digest(labels: LabelTable, contents: Mapping[str, bytes], settings: Data) -> str:
    """A name for the data set: other labels, other images, another split or preparation have another."""
    how = _settings(settings) | {"variables": labels.variables, "unusable": labels.unusable, "version": VERSION}
    rows = labels.cells[["image", "record", "split", *labels.variables]].to_numpy().tolist()
    hashes = [contents[name].hex() for name in labels.cells["image"]]
    groups = [] if labels.groups is None else [labels.together.tolist()]
    return identity.digest([how, store_name(settings), rows, hashes, *groups])


def _settings(settings: Data) -> dict[str, object]:
    """What makes it another data set, without what is neutral and without what is chosen from it afterwards."""
    names = Data.model_fields.keys() - set(VIEW)
    counted = identity.kept(Experiment(data=settings))
    return {name: counted[f"data.{name}"] for name in sorted(names) if f"data.{name}" in counted}
