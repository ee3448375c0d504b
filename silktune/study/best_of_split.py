"""Whether settings that a search chose may be the base of a table: only on the split that they were chosen on.

Else an image of the table's test set may be one that the search was trained on, or chose its winner by.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from silktune.data.dataset import Dataset
from silktune.errors import StudyError
from silktune.study.ablation.table_model import Table
from silktune.study.data_facts import Facts, SplitFacts
from silktune.study.metadata import Metadata
from silktune.study.paths import StudyPaths


def check(table: Table, data: Dataset) -> None:
    """Complain of a table whose base is the winner of a search on another split; a file alone does not say of which.

    Raises:
        StudyError: the search was on another split, or does not say on which; or the table has several.
    """
    if not table.best_of:
        return
    if table.splits > 1:
        raise StudyError(
            f"base: best_of: {table.best_of} chose its settings on one split, so images that are tested on another may "
            f"have been learned from there. Take splits: 1 instead of {table.splits}, or write the settings out."
        )
    path = Path(table.best_of)
    paths = StudyPaths(path if path.is_dir() else path.parent)
    if not paths.metadata.exists():
        return
    metadata = Metadata.read(paths, "silktune search …")
    there, here = metadata.data.split, Facts.of(data).split
    assert here is not None
    if there is None:
        raise StudyError(f"base: best_of: {paths.folder} does not say on which split it was searched. Search again.")
    if there.digest != here.digest:
        raise StudyError(
            f"base: best_of: {paths.folder} chose its settings on another split than that of {data.name}, so images "
            f"that are tested here may have been learned from there: {'; '.join(_differences(there, here))}. "
            f"Search again on this data set, or compare on that one: --data {metadata.folder}"
        )


def _differences(there: SplitFacts, here: SplitFacts) -> Iterator[str]:
    sizes = ["/".join(f"{n:,}" for n in split.images.values()) for split in (there, here)]
    if there.images != here.images:
        yield f"{sizes[0]} images for {', '.join(there.images)} there, {sizes[1]} here"
    for name in ("split_seed", "min_records"):
        if (before := getattr(there, name)) != (now := getattr(here, name)):
            yield f"data.{name} is {before} there, {now} here"
    if there.images == here.images and there.split_seed == here.split_seed:
        yield f"as many images ({sizes[0]} for {', '.join(here.images)}), but others, or their labels were changed"
