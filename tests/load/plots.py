"""Plots of what was found, as SVG files that look the same on every run but for the figures."""

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

from tests.load.figures import Plot

SIZE = (7.0, 4.0)  # inches


def draw(plot: Plot, directory: Path) -> Path:
    """Writes one plot; returns its path."""
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = plot.name
    figure, axes = plt.subplots(figsize=SIZE)
    for name, points in plot.lines.items():
        axes.plot([x for x, _ in points], [y for _, y in points], marker="o", label=name)
    if plot.log_x:
        axes.set_xscale("log")
    if plot.log_y:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set(title=plot.title, xlabel=plot.x, ylabel=plot.y)
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{plot.name}.svg"
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    path.write_text("\n".join(line.rstrip() for line in path.read_text().splitlines()) + "\n")
    return path
