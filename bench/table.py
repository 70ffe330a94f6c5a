"""Figures as a table: median and worst of each, and how many times the baseline that is."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One thing that was measured, several times, and what it is compared with."""

    what: str
    unit: str
    ours: Sequence[float]
    baseline: Sequence[float] = ()
    baseline_is: str = ""


def show(title: str, figures: Sequence[Figure]) -> None:
    """Print the figures; ratios are between medians of the same run."""
    table = Table("what", "median", "worst", "baseline", "ratio", "baseline is", title=title)
    for each in figures:
        ours = median(each.ours)
        base = median(each.baseline) if each.baseline else None
        table.add_row(
            each.what,
            f"{ours:.3g} {each.unit}",
            f"{max(each.ours):.3g} {each.unit}",
            f"{base:.3g} {each.unit}" if base is not None else "",
            f"{ours / base:.2f}" if base else "",
            each.baseline_is,
        )
    Console(width=max(Console().width, 130)).print(table)
