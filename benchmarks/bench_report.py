# SPDX-License-Identifier: Apache-2.0
"""Results of the suites, and their output as tables, JSON and plots. For benchmarks/bench.py."""

import dataclasses
import itertools
import json
import math
import statistics
import textwrap
from typing import Callable, Dict, List, Optional, Sequence, Tuple


@dataclasses.dataclass
class Case:
    """One way to do a piece of work."""

    group: str  # the kind of work: "Dispatch"
    who: str  # "Mpaio", or a peer
    # "rows:64"; empty if the group has only one load, or if the case is compared with all its loads.
    load: str
    unit: str
    values: List[float] = dataclasses.field(default_factory=list)  # one for each repetition
    chunks: Optional[float] = None
    bytes: Optional[float] = None
    chunk_ns: Optional[float] = None

    @property
    def name(self) -> str:
        return f"BM_{self.group}_{self.who}" + (f"/{self.load}" if self.load else "")

    @property
    def is_ours(self) -> bool:
        return self.who.startswith("Mpaio")

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def to_json(self) -> Dict[str, object]:
        constants = {key: getattr(self, key) for key in ("chunks", "bytes", "chunk_ns") if getattr(self, key) is not None}
        return {"name": self.name, "unit": self.unit, **constants, **summary(self.values), "repetitions": self.values}


@dataclasses.dataclass
class Comparison:
    """A comparison of two cases, repetition by repetition."""

    kind: str
    of: str
    to: str
    values: List[float]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def to_json(self) -> Dict[str, object]:
        return {"kind": self.kind, "of": self.of, "to": self.to, **summary(self.values), "pairs": self.values}


@dataclasses.dataclass
class Panel:
    """A part of a plot: bars with their spread, or lines."""

    title: str
    x_label: str
    bars: List[Tuple[str, List[float], bool]] = dataclasses.field(default_factory=list)  # label, repetitions, ours
    lines: List[Tuple[str, List[float], List[float], bool]] = dataclasses.field(default_factory=list)  # label, x, y, ours
    y_label: str = ""
    logarithmic: bool = False


@dataclasses.dataclass
class Result:
    """The result of a suite."""

    cases: List[Case]
    tables: List[str]
    panels: List[Panel]
    comparisons: List[Comparison] = dataclasses.field(default_factory=list)
    further: Dict[str, object] = dataclasses.field(default_factory=dict)


def summary(values: Sequence[float]) -> Dict[str, float]:
    return {"median": statistics.median(values), "smallest": min(values), "largest": max(values)}


def compare(kind: str, function: Callable[[float, float], float], of: Case, to: Case) -> Comparison:
    return Comparison(kind, of.name, to.name, [function(a, b) for a, b in zip(of.values, to.values)])


def number(value: float) -> str:
    """Returns the value with four significant digits, or with all digits before the point."""
    if value == 0:
        return "0"
    return f"{value:,.{min(6, max(0, 3 - math.floor(math.log10(abs(value)))))}f}"


def spread(values: Sequence[float]) -> List[str]:
    return [number(statistics.median(values)), f"{number(min(values))} to {number(max(values))}"]


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[k]) for row in [header, *rows]) for k in range(len(header))]
    lines = ["  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]) for row in [header, *rows]]
    return "\n".join([title, *("  " + line.rstrip() for line in lines)])


def write_json(path: str, suite: str, context: Dict[str, object], result: Result, skipped: Sequence[str]) -> None:
    report = {
        "suite": suite,
        "context": context,
        "skipped": list(skipped),
        "cases": [case.to_json() for case in result.cases],
        "comparisons": [comparison.to_json() for comparison in result.comparisons],
        **result.further,
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(report, file, indent=1)
        file.write("\n")


def load_pyplot():
    """Returns the module that write_plot() needs. Raises ImportError if matplotlib is missing."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot

    matplotlib.rcParams.update({"svg.fonttype": "none", "font.size": 8, "axes.spines.top": False, "axes.spines.right": False})
    return matplotlib.pyplot


OURS_COLOURS = ("tab:orange", "black")
PEER_COLOURS = ("tab:blue", "tab:green", "tab:red", "tab:purple", "tab:brown", "tab:pink", "tab:gray", "tab:olive", "tab:cyan")


def draw_bars(axes, panel: Panel) -> None:
    for position, (_, values, ours) in enumerate(reversed(panel.bars)):
        median = statistics.median(values)
        spread_around = [[median - min(values)], [max(values) - median]]
        colour = (OURS_COLOURS if ours else PEER_COLOURS)[0]
        axes.barh(position, median, xerr=spread_around, color=colour, ecolor="black", error_kw={"elinewidth": 0.8})
        axes.annotate(" " + number(median), (max(values), position), va="center", fontsize=7)
    axes.set_yticks(range(len(panel.bars)), [label for label, _, _ in reversed(panel.bars)])
    if panel.logarithmic:
        axes.set_xscale("log")
    axes.margins(x=0.15)


def draw_lines(axes, panel: Panel) -> None:
    of_ours, of_peers = itertools.cycle(OURS_COLOURS), itertools.cycle(PEER_COLOURS)
    for label, xs, ys, ours in panel.lines:
        axes.plot(xs, ys, marker=".", linewidth=2 if ours else 0.8, color=next(of_ours if ours else of_peers), label=label)
    if panel.logarithmic:
        axes.set_xscale("log")
        ticks = sorted({x for _, xs, _, _ in panel.lines for x in xs})
        axes.set_xticks(ticks, [f"{x:,.0f}" for x in ticks], rotation=45 if len(ticks) > 6 else 0)
        axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_ylabel(panel.y_label)
    axes.grid(linewidth=0.3)
    axes.legend(fontsize=7)


def write_plot(pyplot, path: str, suite: str, context: Dict[str, object], result: Result) -> None:
    columns = min(2, len(result.panels))
    rows = -(-len(result.panels) // columns)
    panel_height = max(1.2 + 0.2 * max(len(panel.bars), 14 if panel.lines else 0) for panel in result.panels)
    footer = textwrap.wrap(", ".join(f"{key}: {value}" for key, value in context.items() if value != ""), 80 * columns)
    height = panel_height * rows + 0.5 + 0.15 * len(footer)
    figure, grid = pyplot.subplots(rows, columns, figsize=(5.5 * columns, height), squeeze=False)
    for axes in grid.flat[len(result.panels) :]:
        axes.set_visible(False)
    for axes, panel in zip(grid.flat, result.panels):
        (draw_lines if panel.lines else draw_bars)(axes, panel)
        axes.set_title(panel.title, fontsize=8)
        axes.set_xlabel(panel.x_label)
    title = f"{suite}: medians of {context['repetitions']} repetitions, with the smallest and the largest"
    figure.suptitle(title, fontsize=9, y=1 - 0.1 / height, va="top")
    figure.text(0.01, 0.05 / height, "\n".join(footer), fontsize=6, va="bottom")
    figure.tight_layout(rect=(0, (0.1 + 0.12 * len(footer)) / height, 1, 1 - 0.3 / height))
    figure.savefig(path)
    pyplot.close(figure)
