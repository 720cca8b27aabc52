#!/usr/bin/env python3
"""A line plot as SVG, readable on light and dark ground: bench/plot.py FILE.json > FILE.svg

The file: {"title", "x": {"label", "log"}, "y": {"label", "log"}, "series": [{"name", "points": [[x, y], ...]}]}.
Axes start at zero unless they are logarithmic.
"""
import json
import math
import sys
from html import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 400, 76, 24, 44, 84
COLOURS = (("#0b62c4", "#6cb0ff"), ("#c2410c", "#ff9d5c"), ("#15803d", "#5fd38a"), ("#7e22ce", "#c79bff"),
           ("#a16207", "#e8c547"))
MARKS = ("circle", "square", "diamond")


def nice_step(span, about=6):
    """1, 2 or 5 times a power of ten, so that `about` steps make the span."""
    raw = span / about
    power = 10.0 ** math.floor(math.log10(raw))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= raw)


def short(v):
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if v >= size:
            return f"{v / size:g}{unit}"
    return f"{v:g}"


class Axis:
    """Values to pixels, and where the ticks are."""

    def __init__(self, values, log, begin, end, at_values=False):
        self.log, self.begin, self.end, self.exact = log, begin, end, at_values
        most = max(values)
        if not log:
            step = nice_step(most or 1.0)
            self.low, self.high = 0.0, math.ceil((most or 1.0) / step - 1e-9) * step
            self.ticks = [i * step for i in range(int(round(self.high / step)) + 1)]
            return
        least = min(v for v in values if v > 0)
        if at_values:
            self.ticks = sorted(set(values))
            self.low, self.high = least / 1.15, most * 1.15
            return
        self.low, self.high = least / 1.1, most * 1.1
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        self.ticks = [m * 10.0 ** p for p in powers for m in (1, 2, 5) if self.low <= m * 10.0 ** p <= self.high]

    def name(self, v):
        return f"{v:,}" if self.exact else short(v)

    def at(self, v):
        def share(x):
            return math.log(x) if self.log else x
        part = (share(v) - share(self.low)) / (share(self.high) - share(self.low))
        return self.begin + part * (self.end - self.begin)


def style(n):
    def rules(dark):
        ink, faint, ground = ("#e6e6e6", "#444a52", "#15181c") if dark else ("#1f2328", "#d7dbe0", "#ffffff")
        lines = [f".ground{{fill:{ground}}}", f"text{{fill:{ink}}}", f".grid{{stroke:{faint}}}",
                 f".frame{{stroke:{ink}}}"]
        for i in range(n):
            colour = COLOURS[i % len(COLOURS)][dark]
            lines.append(f".line{i}{{stroke:{colour}}}.mark{i}{{fill:{colour}}}")
        return "".join(lines)
    return ("<style>text{font:13px sans-serif}.title{font-size:15px;font-weight:600}.grid{stroke-width:1}"
            ".frame{stroke-width:1;fill:none}.line{stroke-width:2;fill:none;stroke-linejoin:round}"
            f"{rules(0)}@media(prefers-color-scheme:dark){{{rules(1)}}}</style>")


def mark(i, x, y):
    kind = MARKS[i % len(MARKS)]
    if kind == "circle":
        return f'<circle class="mark{i}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
    turned = f' transform="rotate(45 {x:.1f} {y:.1f})"' if kind == "diamond" else ""
    return f'<rect class="mark{i}" x="{x - 3.5:.1f}" y="{y - 3.5:.1f}" width="7" height="7"{turned}/>'


def axes(x, y, x_label, y_label):
    out, right, bottom = [], WIDTH - RIGHT, HEIGHT - BOTTOM
    for v in y.ticks:
        at = y.at(v)
        out.append(f'<path class="grid" d="M{LEFT} {at:.1f}H{right}"/>')
        out.append(f'<text x="{LEFT - 8}" y="{at + 4.5:.1f}" text-anchor="end">{short(v)}</text>')
    for v in x.ticks:
        at = x.at(v)
        out.append(f'<path class="grid" d="M{at:.1f} {TOP}V{bottom}"/>')
        out.append(f'<text x="{at:.1f}" y="{bottom + 18}" text-anchor="middle">{x.name(v)}</text>')
    middle = (TOP + bottom) / 2
    out.append(f'<path class="frame" d="M{LEFT} {TOP}V{bottom}H{right}"/>')
    out.append(f'<text x="{(LEFT + right) / 2}" y="{bottom + 40}" text-anchor="middle">{escape(x_label)}</text>')
    out.append(f'<text x="18" y="{middle}" text-anchor="middle" transform="rotate(-90 18 {middle})">'
               f'{escape(y_label)}</text>')
    return out


def legend(series):
    out, at = [], LEFT
    for i, s in enumerate(series):
        y = HEIGHT - 18
        out.append(f'<path class="line line{i}" d="M{at} {y - 4.5}h26"/>{mark(i, at + 13, y - 4.5)}')
        out.append(f'<text x="{at + 32}" y="{y}">{escape(s["name"])}</text>')
        at += 52 + 8 * len(s["name"])
    return out


def svg(plot):
    """The plot as a text of SVG. ValueError when there is nothing to draw."""
    series = [s for s in plot["series"] if s["points"]]
    xs = [p[0] for s in series for p in s["points"]]
    ys = [p[1] for s in series for p in s["points"]]
    if not xs:
        raise ValueError("no points")
    x = Axis(xs, plot["x"].get("log"), LEFT, WIDTH - RIGHT, at_values=plot["x"].get("log"))
    y = Axis(ys, plot["y"].get("log"), HEIGHT - BOTTOM, TOP)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
           f'aria-label="{escape(plot["title"])}">', style(len(series)),
           f'<rect class="ground" width="{WIDTH}" height="{HEIGHT}"/>',
           f'<text class="title" x="{LEFT}" y="26">{escape(plot["title"])}</text>',
           *axes(x, y, plot["x"]["label"], plot["y"]["label"])]
    for i, s in enumerate(series):
        at = [(x.at(px), y.at(py)) for px, py in sorted(s["points"])]
        out.append(f'<path class="line line{i}" d="M{" L".join(f"{px:.1f} {py:.1f}" for px, py in at)}"/>')
        out += [mark(i, px, py) for px, py in at]
    return "\n".join([*out, *legend(series), "</svg>", ""])


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    with open(sys.argv[1], encoding="utf-8") as f:
        sys.stdout.write(svg(json.load(f)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
