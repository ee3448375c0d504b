"""Proposals for the gaps of a catalogue."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from silktune.api import arguments, defaults
from silktune.api.models import Model, load
from silktune.errors import SettingsError

if TYPE_CHECKING:
    import pandas as pd

    from silktune.data.image_decoding import Image
    from silktune.model.calibration import Promise
    from silktune.model.catalogue import Catalogue
    from silktune.model.gallery import Gallery
    from silktune.model.proposals import Rules


@dataclass
class Counts:
    """Of one variable, what came of its gaps."""

    gaps: int = 0
    proposed: int = 0
    remarks: Counter[str] = field(default_factory=Counter)  # why nothing is proposed → gaps
    known: int = 0  # labels that the model was asked about too
    agrees: int = 0  # of these, with which it agrees


@dataclass(frozen=True)
class Prediction:
    """What `predict` has written."""

    file: Path  # of the proposals
    images: int
    rejected: Mapping[str, int]  # why images could not be read → how many
    rejected_file: Path | None  # their names; None: there are none
    variables: Mapping[str, Counts]
    promises: Mapping[str, Promise]  # by variable, where a precision was asked for
    notes: tuple[str, ...]  # what a person should know
    complete: Path | None = None  # the completed table
    gallery: Path | None = None  # the page of pictures


def predict(
    model: str | Path | Model, source: str | Path, to: str | Path, *,
    images: str | Path | None = None, complete: str | Path | None = None, gallery: str | Path | None = None,
    grad_cam: bool = False, released: str | Path | None = None,
    min_precision: float | None = None, by_record: bool = False, everything: bool = False, one: bool = False,
    device: str = defaults.DEVICE, progress: Callable[[int, int], None] | None = None,
) -> Prediction:  # fmt: skip
    """Propose a class for every gap of a catalogue; a label that is known stays as it is.

    Interrupted, the same call goes on. Nothing is proposed for images unlike those that the model was trained on.

    Args:
        model: a loaded one, or the folder of a search, of a training that was kept, or of a model.
        source: a label table, or a folder of images.
        to: the file of proposals, .csv or .parquet: a row for each gap.
        images: the folder of the table's images; None: its own.
        complete: a copy of the table with its gaps filled, .csv or .parquet; None: none.
        gallery: a page of pictures (.html): the labels that the model contradicts, the gaps of which it is least sure,
            and what it proposes; None: none.
        grad_cam: show on that page too what in each image speaks for the class (needs captum).
        released: a folder for `sys_integration_pred_<variable>.csv`, as the released code writes it; None: none.
        min_precision: propose only what is right so often, as the validation set shows; None: everything.
        by_record: a row for each record, from all of its images.
        everything: say of known labels too what the model thinks.
        one: take the best of a search's final runs; else the mean of all.
        device: auto, cpu or cuda.
        progress: told images done and in all, and then, with `grad_cam`, pictures done and in all.

    Raises:
        SilktuneError: a file that would be overwritten, a model or a catalogue that cannot be used.
    """
    extra = _Extra(
        Path(complete) if complete else None, Path(gallery) if gallery else None, Path(released) if released else None,
        grad_cam,
    )  # fmt: skip
    _check(Path(to), extra, min_precision)
    loaded = model if isinstance(model, Model) else load(model, one=one, device=device)
    from silktune.model import catalogue as catalogues

    found = catalogues.read(Path(source), Path(images) if images else None)
    if complete and not found.is_table:
        raise SettingsError(f"--complete {complete}: {source} is a folder, and has no table to complete.")
    if grad_cam:
        from silktune.model import grad_cam as maps

        maps.check(loaded.ensemble)
    rules, notes = _rules(
        loaded, min_precision, by_record=by_record, everything=everything or extra.gallery is not None
    )
    run = _Run(loaded, found, rules, Path(to), extra, by_record, everything)
    return run.write(notes, progress or _silent)


@dataclass(frozen=True)
class _Extra:
    """What is written beside the proposals."""

    complete: Path | None
    gallery: Path | None
    released: Path | None
    grad_cam: bool


def _check(to: Path, extra: _Extra, min_precision: float | None) -> None:
    from silktune.model.writing import SUFFIXES, check_new

    files = [("--to", to, SUFFIXES), ("--to", _rejected(to), SUFFIXES), ("--complete", extra.complete, SUFFIXES)]
    for option, path, suffixes in [*files, ("--gallery", extra.gallery, (".html",))]:
        if path:
            check_new(path, option, suffixes)
            arguments.writable(path.parent, f"name a file in another folder with {option}")
    if extra.released and any(extra.released.glob("sys_integration_pred_*.csv")):
        raise SettingsError(f"--released {extra.released}: there are such files already. Give another folder.")
    if extra.grad_cam and not extra.gallery:
        raise SettingsError("--grad-cam shows on a page of pictures: name it with --gallery.")
    if min_precision is not None and not 0 < min_precision < 1:
        raise SettingsError(f"--min-precision {min_precision:g}: it is a share between 0 and 1, such as 0.9.")


def _rejected(to: Path) -> Path:
    """The list of images that could not be read."""
    return to.with_name(f"{to.stem}.rejected.csv")


def _rules(model: Model, min_precision: float | None, *, by_record: bool, everything: bool) -> tuple[Rules, list[str]]:
    """What is proposed, and what a person should know of it."""
    from silktune.model import calibration
    from silktune.model.proposals import Rules

    if min_precision is None:
        return Rules(model.variables, {}, everything), []
    validation = model.ensemble.validation
    validation = calibration.by_record(validation) if by_record else validation
    promises = calibration.promises(validation, min_precision)
    notes = []
    for m, (name, promise) in enumerate(promises.items()):
        if not promise.records:
            notes.append(f"{name}: no validation image has a label of it, so nothing can be promised and proposed.")
        elif not promise.possible:
            notes.append(
                f"{name}: its {promise.records:,} labelled validation records cannot show a precision of "
                f"{100 * min_precision:g} %, so nothing is proposed. They show up to "
                f"{100 * calibration.attainable(validation, m):g} %."
            )
    return Rules(model.variables, promises, everything), notes


@dataclass(frozen=True)
class _Run:
    model: Model
    catalogue: Catalogue
    rules: Rules
    to: Path
    extra: _Extra
    by_record: bool
    everything: bool  # known labels are among the proposals

    def write(self, notes: list[str], progress: Callable[[int, int], None]) -> Prediction:
        from silktune.model import predicting, writing
        from silktune.model.gallery import Gallery
        from silktune.model.proposals import COLUMNS
        from silktune.outcome import write_whole

        task = predicting.Task(self.model.ensemble, self.catalogue, self.rules, self.by_record, self._key())
        beside = self.to.with_name(f"{self.to.name}.unfinished")
        rejected_file = _rejected(self.to)
        variables = list(self.model.variables)
        if self.extra.complete:
            writing.check_columns(self.catalogue, variables)
        counts, reasons = {name: Counts() for name in variables}, Counter[str]()
        filled = writing.Filled(self.catalogue, variables, by_record=self.by_record)
        gallery, released = Gallery(variables) if self.extra.gallery else None, self.extra.released
        with (
            writing.Released(released, variables, self._museums()) if released else nullcontext() as beside_it,
            writing.Rows(self.to, COLUMNS, writing.NUMBERS) as file,
            writing.Rows(rejected_file, predicting.REJECTED, keep=lambda: bool(reasons)) as refused,
        ):
            for rows, bad in task.run(beside, progress):
                shown = rows if self.everything else rows[rows["label"] == ""]
                file.add(shown)
                refused.add(bad)
                reasons.update(bad["reason"])
                _count(shown, counts)
                filled.add(rows)
                if gallery:
                    gallery.add(rows)
                if beside_it:
                    beside_it.add(rows)
            if (
                gallery and self.extra.gallery
            ):  # takes longest, and an interrupted command leaves no file in its own way
                write_whole(self.extra.gallery, self._page(gallery, progress))
            if self.extra.complete:
                filled.write(self.extra.complete)
        predicting.forget(beside)
        return Prediction(
            self.to, len(self.catalogue.cells), dict(reasons), rejected_file if reasons else None, counts,
            self.rules.promises, tuple(notes), self.extra.complete, self.extra.gallery,
        )  # fmt: skip

    def _page(self, gallery: Gallery, progress: Callable[[int, int], None]) -> str:
        from silktune.model import grad_cam

        done = itertools.count(1)

        model = self.model.ensemble
        title = f"What {model.about.run} says of {self.catalogue.source.name}"

        def looked_at(path: Path, variable: str, cls: str) -> Image:
            progress(next(done), gallery.pictures)
            return grad_cam.picture(model, path, variable, cls)

        return gallery.page(title, self.catalogue.folder, looked_at if self.extra.grad_cam else None)

    def _key(self) -> str:
        """What the answers depend on."""
        import hashlib

        made = hashlib.blake2b(digest_size=16)
        for folder in self.model.folders:
            for file in sorted(folder.glob("*.safetensors")):
                with file.open("rb") as content:
                    made.update(hashlib.file_digest(content, "blake2b").digest())
        made.update(repr((self.rules, self.by_record, self.catalogue.folder.absolute())).encode())
        made.update(self.catalogue.cells.to_csv().encode("utf-8", "surrogatepass"))
        return made.hexdigest()

    def _museums(self) -> dict[str, str]:
        cells = self.catalogue.cells
        return dict(zip(cells["image"], cells["museum"], strict=True)) if "museum" in cells else {}


def _count(rows: pd.DataFrame, counts: Mapping[str, Counts]) -> None:
    for name, part in rows.groupby("variable"):
        count = counts[str(name)]
        gaps = part[part["label"] == ""]
        count.gaps += len(gaps)
        count.proposed += int((gaps["proposal"] != "").sum())
        count.remarks.update(gaps.loc[gaps["remark"] != "", "remark"])
        known = part[part["label"] != ""]
        count.known += len(known)
        count.agrees += int((known["label"] == known["class"]).sum())


def _silent(done: int, total: int) -> None:
    """Progress that nobody wants to see."""
