"""Has Evidently compare two windows, column by column, and draw its report. The one file that has
Evidently and pandas, which are no part of a server: their import takes seconds.
"""

from __future__ import annotations

import html
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.records.drift.comparing import Comparable, Pair
from app.records.errors import RecordsError

#: The distance from which a column counts as drifted: of classes Evidently's own, of numbers
#: twice that, which is farther than chance gets with as few values as are let through.
CLASS_THRESHOLD, NUMBER_THRESHOLD = 0.1, 0.2

_CLASS_METHOD, _NUMBER_METHOD = "jensenshannon", "wasserstein"
_NAMES = {
    _CLASS_METHOD: "Jensen-Shannon distance",
    _NUMBER_METHOD: "Wasserstein distance, in standard deviations of the reference",
}


@dataclass(frozen=True)
class Drift:
    """How far a column is from the reference, and by which measure."""

    score: float
    threshold: float
    method: str
    reference: int
    current: int

    @property
    def is_detected(self) -> bool:
        """Whether that is far."""
        return self.score >= self.threshold


@dataclass(frozen=True, eq=False)
class Report:
    """What was found of each column, and the same as a page that needs nothing else."""

    columns: Mapping[str, Drift]
    page: str


def report(compared: Comparable, title: str, about: str, threshold: float | None = None) -> Report:
    """Return Evidently's report; raises RecordsError where it is not installed.

    Args:
        compared: the columns of both windows.
        title: of the page.
        about: a sentence under it.
        threshold: from which distance a column counts as drifted, whatever it holds.
    """
    pairs = compared.columns
    of_class = CLASS_THRESHOLD if threshold is None else threshold
    of_number = NUMBER_THRESHOLD if threshold is None else threshold
    scores, page = _evidently(pairs, of_class, of_number)
    columns = {
        name: Drift(
            scores[name],
            of_class if pair.is_class else of_number,
            _NAMES[_CLASS_METHOD if pair.is_class else _NUMBER_METHOD],
            len(pair.reference),
            len(pair.current),
        )
        for name, pair in pairs.items()
    }
    lines = [about, *(f"{name} is left out: {why}" for name, why in compared.left_out.items())]
    return Report(columns, _titled(page, title, lines))


def _evidently(
    pairs: Mapping[str, Pair], of_class: float, of_number: float
) -> tuple[dict[str, float], str]:
    """Return the distance of each column, and Evidently's page."""
    # Its user interface, which is not used, would tell its makers that it is.
    os.environ.setdefault("DO_NOT_TRACK", "1")
    with warnings.catch_warnings():
        # Of its imports and its arithmetic, which who reads the report cannot mend.
        warnings.simplefilter("ignore")
        try:
            import evidently
            import pandas
            from evidently.presets import DataDriftPreset
        except ImportError as error:
            raise RecordsError(f"Evidently is not here ({error}): ./setup.sh drift") from error
        definition = evidently.DataDefinition(
            numerical_columns=[name for name, pair in pairs.items() if not pair.is_class],
            categorical_columns=[name for name, pair in pairs.items() if pair.is_class],
        )
        current, reference = (
            evidently.Dataset.from_pandas(
                # Columns differ in length: the shorter ones end in what counts as missing.
                pandas.DataFrame({name: pandas.Series(values) for name, values in side.items()}),
                data_definition=definition,
            )
            for side in (
                {name: pair.current for name, pair in pairs.items()},
                {name: pair.reference for name, pair in pairs.items()},
            )
        )
        preset = DataDriftPreset(
            cat_method=_CLASS_METHOD,
            cat_threshold=of_class,
            num_method=_NUMBER_METHOD,
            num_threshold=of_number,
            # One column is enough for the page to speak of drift, as it is for the command.
            drift_share=1000 // len(pairs) / 1000,
        )
        snapshot = evidently.Report([preset]).run(current, reference)
        scores = {
            one["config"]["column"]: float(one["value"])
            for one in snapshot.dict()["metrics"]
            if "column" in one["config"]
        }
        return scores, snapshot.get_html_str(as_iframe=False)


def _titled(page: str, title: str, lines: Sequence[str]) -> str:
    """Return Evidently's page, which does not say what it is about, with a heading that does."""
    told = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
    style = "font-family:sans-serif;max-width:70rem;margin:1rem auto;padding:0 1rem"
    heading = f'<header style="{style}"><h1>{html.escape(title)}</h1>{told}</header>'
    page = page.replace("<head>", f"<head><title>{html.escape(title)}</title>", 1)
    return page.replace("<body>", f"<body>{heading}", 1)
