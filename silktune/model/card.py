"""The card of a model: what it was trained on, how good it is and where it ends, for who meets it without its study."""

from __future__ import annotations

from silktune.model import calibration
from silktune.model.folder import Description
from silktune.outcome import MEANS, VARIABLE_FIGURES, Outcome, Parts, Scores
from silktune.settings import spell
from silktune.study import bootstrap
from silktune.study.bootstrap import Draws, Uncertainty
from silktune.study.document import markdown
from silktune.study.document.parts import Bullets, Code, Document, Heading, Paragraph, Sheet, section
from silktune.study.interval_text import share_text
from silktune.study.metric_summary import TITLES
from silktune.study.predictions import Predictions

FILE = "README.md"


def card(about: Description, outcome: Outcome, validation: Predictions, tested: Predictions | None) -> str:
    """The card, in Markdown.

    Args:
        about: what the model says of itself.
        outcome: of its run, with the scores of the test if there was one.
        validation: its predictions for the validation set, not calibrated.
        tested: for the test set; None: it was not tested.
    """
    document: Document = [
        Heading(f"{about.run}: a SilkNet for {', '.join(about.names)}", 1),
        Paragraph.of("It is read by ", Code("silktune.load"), " and used by ", Code("silktune predict"), "."),
        *section("What it was trained on", *_data(about)),
        *section("How good it is", *_quality(about, outcome, validation, tested)),
        *section("Where it ends", Bullets(tuple(_limits(about, outcome)))),
        *section("How it was trained", Code("\n".join(_settings(about)))),
        *section("Versions", Code("\n".join(f"{name} {version}" for name, version in about.versions.items()))),
    ]
    return markdown.written(document)


def _data(about: Description) -> Document:
    images = ", ".join(f"{count:,} {subset}" for subset, count in about.data.images.items())
    rows = [
        (entry.name, ", ".join(f"{name} ({n:,})" for name, n in zip(entry.classes, entry.counts, strict=True)),
         f"{entry.background:,}")
        for entry in about.variables
    ]  # fmt: skip
    return [
        Paragraph.of(f"The data set {about.data.name} ({about.data.digest}), labelled images by subset: {images}."),
        Sheet.of_texts("classes", "", ("variable", "classes (images)", "background"), rows),
    ]


def _quality(about: Description, outcome: Outcome, validation: Predictions, tested: Predictions | None) -> Document:
    scores = outcome.test or outcome.validation
    if scores is None:
        return []
    subset = "validation" if outcome.test is None else "test"
    sure = _uncertainties(scores, tested) if outcome.test and tested else {}
    head = ("", *TITLES.values())
    means = ["mean", *(_metric(getattr(scores, name), sure.get((name,))) for name in MEANS)]
    rows = [means]
    for variable in scores.variables:
        found = (_metric(getattr(variable, name), sure.get((variable.name, name))) for name in VARIABLE_FIGURES)
        rows.append([variable.name, *found])
    how = "In brackets 95 % of what it would be with other objects of the same kind." if sure else (
        "The validation set chose the epoch, so these are a little too good."
    )  # fmt: skip
    return [
        Paragraph.of(f"On the {subset} set, in percent. {how}"),
        Sheet.of_texts("metrics", "", head, rows),
        *_calibration(about, subset, tested or validation),
    ]


def _uncertainties(scores: Scores, tested: Predictions) -> dict[Parts, Uncertainty]:
    draws = Draws(tested.records).metrics(tested, scores)
    metrics = scores.metrics()
    return {parts: bootstrap.of_mean([metrics[parts]], [on]) for parts, on in draws.items() if parts in metrics}


def _metric(value: float | None, sure: Uncertainty | None) -> str:
    if value is None:
        return "–"
    return f"{100 * value:.1f} {share_text(sure.test_set)}" if sure and sure.test_set else f"{100 * value:.1f}"


def _calibration(about: Description, subset: str, seen: Predictions) -> Document:
    before = calibration.errors(seen)
    after = calibration.errors(calibration.calibrated(seen, about.temperatures))
    rows = [
        (name, f"{T:.2f}", f"{100 * before[name]:.1f}", f"{100 * after[name]:.1f}")
        for name, T in about.temperatures.items()
    ]
    return [
        Paragraph.of(
            "Probabilities are calibrated on the validation set by a temperature for each variable. The expected "
            f"calibration error on the {subset} set, in points, before and after it:"
        ),
        Sheet.of_texts("calibration", "", ("variable", "temperature", "before", "after"), rows),
    ]


def _limits(about: Description, outcome: Outcome) -> list[str]:
    images = f"{about.preparation.image_size} × {about.preparation.image_size} pixels"
    limits = [
        "It knows the classes above and no other: of an image that shows none of them it names one all the same.",
        f"It sees {images}; what is smaller in a photograph than they show, it cannot see.",
        "Images unlike those it was trained on are named as such by silktune predict; their proposals are guesses.",
    ]
    scores = outcome.test or outcome.validation
    for variable in scores.variables if scores else ():
        never = [one.name for one in variable.classes if one.support and not one.recall]
        if never:
            limits.append(f"{variable.name}: no image of {', '.join(never)} was found.")
    return limits


def _settings(about: Description) -> list[str]:
    return [f"{name}={spell(value)}" for name, value in about.experiment.flat().items()]
