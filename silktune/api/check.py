"""What may be wrong with a label table and its images, found without training a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from silktune.api import defaults
from silktune.api.describe import data_settings
from silktune.errors import DataError, trouble

if TYPE_CHECKING:
    import pandas as pd

    from silktune.core.learned_checks import Learned
    from silktune.data.check.findings import NearDuplicate, Report
    from silktune.data.check.images import CheckedImages, LookAlikes
    from silktune.data.check.table import CheckedTable


FILES = ("check.json", "check.html", "pairs.csv", "labels.csv")
DECODING, COMPARING, LOOKING = "Decoding images", "Comparing images", "Computing features"
Progress = Callable[[str, int, int], None]  # what is done, steps done, steps in all


@dataclass(frozen=True)
class DataCheck:
    """What a check found; nothing of it is certain but what the table says itself."""

    report: Report
    images: CheckedImages

    @property
    def findings(self) -> pd.DataFrame:
        """A row per fault of the table or its images: kind, a sentence, the records, images or classes concerned."""
        from silktune.api import frames

        return frames.of_entries(self.report.findings, "findings")

    @property
    def pairs(self) -> pd.DataFrame:
        """A row per pair of images that show one picture."""
        from silktune.api import frames

        return frames.of_entries(self.report.pairs, "pairs")

    @property
    def labels(self) -> pd.DataFrame:
        """A row per suspicious label, the most suspicious first: given, proposed and the probabilities of both."""
        from silktune.api import frames

        return frames.of_entries(self.report.labels, "labels")

    @property
    def never(self) -> pd.DataFrame:
        """A row per pair of classes that never occur together."""
        from silktune.api import frames

        return frames.of_entries(self.report.never, "never")

    @property
    def named(self) -> pd.DataFrame:
        """A row for the group and for each variable: how well features, and the group alone, name it."""
        from silktune.api import frames

        return frames.of_entries(self.report.named, "named")

    def write(self, folder: str | Path) -> list[Path]:
        """Write check.json, check.html and tables of what was found as CSV.

        Raises:
            DataError: there is a file of one of these names, which is not overwritten; or they cannot be written.
        """
        from silktune.outcome import write_whole
        from silktune.study.data_check import files

        to = Path(folder)
        refuse_existing(to)
        try:
            for name, text in files(self.report, self.images.thumbnail).items():
                write_whole(to / name, text)
        except OSError as error:
            raise DataError(trouble(to, error)) from error
        return [to / name for name in FILES]

    def __repr__(self) -> str:
        of = self.report
        return f"DataCheck({of.name}: {len(of.findings)} findings, {len(of.pairs)} pairs, {len(of.labels)} labels)"

    def _repr_html_(self) -> str:
        from silktune.study.data_check import html

        return html(self.report, self.images.thumbnail)


def check(
    data: str | Path, settings: Mapping[str, Any] | None = None, *, images: str | Path | None = None, group: str = "",
    root: str | Path = defaults.ROOT, progress: Progress | None = None,
) -> DataCheck:  # fmt: skip
    """Look for faults of a label table and its images: its structure, near-duplicates, wrong labels, shortcuts.

    Args:
        data: a label table, or a folder with labels.csv in it.
        settings: of the data, by their dotted names: {"data.variables": ("place",)}.
        images: the folder of its images; None: the table's own.
        group: a column, such as museum, whose groups should not tell the variables; "": none.
        root: images and features are kept in `data` there, where a search finds them.
        progress: told what is done now, how many steps of it are done, and of how many.

    Raises:
        SettingsError: no such setting, a value that it cannot take, or a setting of something else.
        DataError: the table cannot be read, has no variable with two classes or no such group; none of its images can.
        ResourceError: no room on the disk.
    """
    chosen = data_settings(settings or {})
    from silktune.data.check import images as checked_images
    from silktune.data.check import table as checked_table
    from silktune.data.check.findings import Finding, Report
    from silktune.data.check.never_together import never_together, settled
    from silktune.data.label_table import table_name
    from silktune.data.open_or_prepare import label_table

    source, heard = label_table(Path(data)), progress or _silent
    if source is None:
        raise DataError(f"{data}: this folder has no labels.csv; give the label table that is to be checked.")
    table = checked_table.read(source, chosen, group)
    labels, place = table.labels, Path(root) / "data"
    seen = checked_images.read(labels, Path(images) if images else None, chosen, place, partial(heard, DECODING))
    alike = checked_images.look_alikes(seen, partial(heard, COMPARING))
    findings = [*table.findings, *checked_table.same_images(labels, seen.contents, table.subsets)]
    missing = []
    if alike.left:
        missing.append(f"{alike.left:,} pairs of images whose hashes are less alike were not compared by their pixels.")
    learned = _learned(table, seen, group, partial(heard, LOOKING))
    settles = settled(labels)
    findings += [
        Finding("variables", f"{name}: {by} settles it in {share:.0%} of the images, so it says little more.", (name,))
        for name, (by, share) in settles.items()
    ]
    report = Report(
        name=table_name(source), images=len(labels.cells), records=labels.cells["record"].nunique(),
        variables=labels.variables, unreadable=seen.unreadable, tiny=seen.tiny, plain=tuple(alike.plain),
        findings=tuple(findings), never=tuple(never_together(labels)), settled=settles,
        pairs=tuple(_pairs(table, seen, alike)), judged=learned.judged, labels=learned.labels,
        group=group, named=learned.named, missing=(*missing, *learned.missing),
    )  # fmt: skip
    return DataCheck(report, seen)


def refuse_existing(folder: Path) -> None:
    """See that no file of an earlier check is there.

    Raises:
        DataError: one is.
    """
    if there := [name for name in FILES if (folder / name).exists()]:
        raise DataError(
            f"{folder}: there is {' and '.join(there)} already, which is not overwritten. Name another folder."
        )


def _pairs(table: CheckedTable, images: CheckedImages, alike: LookAlikes) -> Iterator[NearDuplicate]:
    """Those that show one picture, with what the table says of both; across subsets and records first."""
    from silktune.data.check.findings import NearDuplicate

    rows, found = table.labels.cells.set_index("image"), []
    for match in alike.matches:
        names = images.names[match.first], images.names[match.second]
        first, second = rows.loc[names[0]], rows.loc[names[1]]
        differing = {
            name: (str(first[name]), str(second[name]))
            for name in table.labels.variables
            if first[name] and second[name] and first[name] != second[name]
        }
        subsets = table.subsets.get(names[0], ""), table.subsets.get(names[1], "")
        records = str(first["record"]), str(second["record"])
        found.append(NearDuplicate(*names, match.correlation, records, subsets, differing))
    yield from sorted(found, key=lambda pair: (not pair.across_subsets, not pair.across_records, -pair.correlation))


def _learned(table: CheckedTable, images: CheckedImages, group: str, progress: Callable[[int, int], None]) -> Learned:
    """What features say of the images that can be read; without weights, what is missing."""
    from silktune.core import frozen_features, label_noise
    from silktune.core.learned_checks import Learned, learned_checks

    if not frozen_features.at_hand():
        unseen = "wrong labels" + " and shortcuts" * bool(group)
        return Learned((), (), (), (f"Not looked for: {unseen}. {frozen_features.MISSING}",))
    readable = table.labels.cells["image"].isin(list(images.contents)).to_numpy()
    labels = table.labels.keep(readable)
    contents = [images.contents[name] for name in images.names]
    found = frozen_features.features(images.store, contents, table.labels.name, progress)
    compressed = label_noise.compress(found)[images.numbers(labels.cells["image"].tolist())]
    groups = table.groups[readable].to_numpy(str) if group else None
    return learned_checks(labels, compressed, group, groups)


def _silent(what: str, done: int, total: int) -> None:
    """Progress that nobody wants to see."""
