"""Drawings as SVG: graphs in layers, series, bars. Pure: values in, markup out; no text of theirs is markup.

Colours come from the stylesheet, so that they follow the reader's scheme. Each has a name; what it shows stands beside
it in words too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

_LABEL_PX, _NOTE_PX, _PAD = 8.3, 6.5, 14
_NARROW, _WIDE, _HIGH = 120, 250, 50
_BETWEEN_LAYERS, _BETWEEN_NODES = 64, 18
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 720, 240, 64, 14, 30
_BAR, _BAR_LEFT = 26, 190
BARS_LIMIT = 40
_TICKS = 4


@dataclass(frozen=True)
class Node:
    """One box: a name, something smaller under it, where it leads ("" nowhere); `look` is a class of the stylesheet."""

    id: str
    label: str
    note: str = ""
    look: str = ""
    href: str = ""


@dataclass(frozen=True)
class _Box:
    node: Node
    x: float
    y: float
    width: float


def graph(nodes: Sequence[Node], edges: Iterable[tuple[str, str]], name: str) -> Markup:
    """Boxes in layers from left to right, a line for each edge. What an edge does not know is left out."""
    known = {one.id: one for one in nodes}
    lines = [(one, other) for one, other in edges if one in known and other in known and one != other]
    boxes = _placed(list(known.values()), lines)
    width = max((one.x + one.width for one in boxes.values()), default=0) + 2
    height = max((one.y + _HIGH for one in boxes.values()), default=0) + 2
    drawn = [_line(boxes[one], boxes[other]) for one, other in lines] + [_drawn(one) for one in boxes.values()]
    # What holds links is no picture to a screen reader: it would not tell of them.
    return _svg(width, height, name, drawn, "group" if any(one.href for one in nodes) else "img")


def reached(starts: Iterable[str], edges: Iterable[tuple[str, str]]) -> set[str]:
    """What edges lead to from `starts`, over any number of them."""
    lines, found, waiting = list(edges), set[str](), list(starts)
    while waiting:
        here = waiting.pop()
        further = {other for one, other in lines if one == here} - found
        found |= further
        waiting += further
    return found


def _placed(nodes: Sequence[Node], lines: Sequence[tuple[str, str]]) -> Mapping[str, _Box]:
    depth = {one.id: 0 for one in nodes}
    for _ in nodes:  # a longest path is no longer than there are nodes, and a circle ends here too
        for one, other in lines:
            depth[other] = min(max(depth[other], depth[one] + 1), len(nodes) - 1)
    layers: dict[int, list[Node]] = {}
    for node in nodes:
        layers.setdefault(depth[node.id], []).append(node)
    boxes: dict[str, _Box] = {}
    tallest = max(map(len, layers.values()), default=0)
    x = 1.0
    for level in sorted(layers):
        before = {one.id: [boxes[b].y for b, a in lines if a == one.id and b in boxes] for one in layers[level]}
        layer = sorted(layers[level], key=lambda one: sum(before[one.id]) / (len(before[one.id]) or 1))
        width = max(_width(one) for one in layer)
        y = 1 + (tallest - len(layer)) * (_HIGH + _BETWEEN_NODES) / 2
        for node in layer:
            boxes[node.id] = _Box(node, x, y, width)
            y += _HIGH + _BETWEEN_NODES
        x += width + _BETWEEN_LAYERS
    return boxes


def _width(node: Node) -> float:
    needed = max(len(node.label) * _LABEL_PX, len(node.note) * _NOTE_PX) + 2 * _PAD
    return min(max(needed, _NARROW), _WIDE)


def _line(one: _Box, other: _Box) -> Markup:
    x, y, to_x, to_y = one.x + one.width, one.y + _HIGH / 2, other.x, other.y + _HIGH / 2
    middle = (x + to_x) / 2
    path = f"M{x:g} {y:g}C{middle:g} {y:g} {middle:g} {to_y:g} {to_x:g} {to_y:g}"
    return Markup('<path class="edge" d="{}"/>').format(path)


def _drawn(box: _Box) -> Markup:
    node = box.node
    label = _cut(node.label, (box.width - 2 * _PAD) / _LABEL_PX)
    note = _cut(node.note, (box.width - 2 * _PAD) / _NOTE_PX)
    base = box.y + (22 if node.note else 30)
    texts = Markup('<text class="label" x="{:g}" y="{:g}">{}</text>').format(box.x + _PAD, base, label)
    if node.note:
        texts += Markup('<text class="small" x="{:g}" y="{:g}">{}</text>').format(box.x + _PAD, base + 17, note)
    whole = Markup(
        '<title>{}</title><rect class="node {}" x="{:g}" y="{:g}" width="{:g}" height="{}" rx="8"/>{}'
    ).format(f"{node.label} {node.note}".strip(), node.look, box.x, box.y, box.width, _HIGH, texts)
    if node.href:
        return Markup('<a href="{}">{}</a>').format(node.href, whole)
    return Markup("<g>{}</g>").format(whole)


def series(points: Sequence[tuple[str, float]], name: str, *, share: bool = False) -> Markup:
    """A line through values in order; `share` where they are between 0 and 1, and the whole of that is shown."""
    low, high = (0.0, 1.0) if share else _round(*_range([value for _, value in points]))
    right, bottom = _WIDTH - 16, _HEIGHT - _BOTTOM

    def at(i: int, value: float) -> tuple[float, float]:
        x = _LEFT + (right - _LEFT) * (i / (len(points) - 1) if len(points) > 1 else 0.5)
        return x, bottom - (bottom - _TOP) * (value - low) / ((high - low) or 1)

    drawn = list(_grid(low, high, share=share))
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(i, value) for i, (_, value) in enumerate(points)))
    drawn.append(Markup('<polyline class="line" points="{}"/>').format(path))
    dotted = len(points) <= BARS_LIMIT
    for i, (label, value) in enumerate(points):
        x, y = at(i, value)
        if dotted:
            told = f"{label}: {figure(value, share=share)}"
            drawn.append(
                Markup('<circle class="dot{}" cx="{:.1f}" cy="{:.1f}" r="4"><title>{}</title></circle>').format(
                    " bad" if share and value < 1 else "", x, y, told
                )
            )
    for i in sorted({0, len(points) // 2, len(points) - 1} if points else set()):
        anchor = "start" if i == 0 and len(points) > 1 else "end" if i == len(points) - 1 and i else "middle"
        x, _ = at(i, low)
        drawn.append(
            Markup('<text class="small" x="{:.1f}" y="{}" text-anchor="{}">{}</text>').format(
                x, _HEIGHT - 8, anchor, _cut(points[i][0], 24)
            )
        )
    return _svg(_WIDTH, _HEIGHT, name, drawn)


def _grid(low: float, high: float, *, share: bool) -> Iterable[Markup]:
    bottom = _HEIGHT - _BOTTOM
    for i in range(_TICKS + 1):
        value = low + (high - low) * i / _TICKS
        y = bottom - (bottom - _TOP) * i / _TICKS
        yield Markup('<line class="grid" x1="{}" y1="{:.1f}" x2="{}" y2="{:.1f}"/>').format(_LEFT, y, _WIDTH - 16, y)
        yield Markup('<text class="small" x="{}" y="{:.1f}" text-anchor="end">{}</text>').format(
            _LEFT - 8, y + 4, figure(value, share=share)
        )


def bars(rows: Sequence[tuple[str, float]], name: str) -> Markup:
    """A bar for each value, the first BARS_LIMIT of them; those below nought go the other way."""
    shown = rows[:BARS_LIMIT]
    low, high = min([0.0, *(value for _, value in shown)]), max([0.0, *(value for _, value in shown)])
    space = _WIDTH - _BAR_LEFT - 90
    whole = (high - low) or 1
    zero = _BAR_LEFT - low / whole * space
    drawn: list[Markup] = []
    for i, (label, value) in enumerate(shown):
        y = 4 + i * _BAR
        long = value / whole * space
        start, width = (zero, long) if value >= 0 else (zero + long, -long)
        drawn.append(
            Markup(
                '<g><title>{}: {}</title><text class="small" x="{}" y="{}" text-anchor="end">{}</text>'
                '<rect class="bar-fill" x="{:.1f}" y="{}" width="{:.1f}" height="16" rx="3"/>'
                '<text class="small" x="{:.1f}" y="{}">{}</text></g>'
            ).format(label, figure(value), _BAR_LEFT - 10, y + 13, _cut(label, 28), start, y, max(width, 1),
                     start + width + 8, y + 13, figure(value))
        )  # fmt: skip
    return _svg(_WIDTH, 8 + len(shown) * _BAR, name, drawn)


def figure(value: float, *, share: bool = False) -> str:
    """A number as an axis tells it: 1,250, 3.4 M, 0.125, 75 %."""
    if share:
        return f"{100 * value:g} %" if value in {0, 1} else f"{100 * value:.3g} %"
    for size, sign in ((1e12, " T"), (1e9, " G"), (1e6, " M")):
        if abs(value) >= size:
            return f"{value / size:.3g}{sign}"
    return f"{value:,.0f}" if abs(value) >= 1000 or float(value).is_integer() else f"{value:.4g}"


def _range(values: Sequence[float]) -> tuple[float, float]:
    """What an axis shows: from nought where that is not far below everything."""
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    if low == high:
        return (min(low, 0.0), max(high, 0.0)) if low else (0.0, 1.0)
    return (0.0, high) if 0 <= low < high / 2 else (low, high)


def _round(low: float, high: float) -> tuple[float, float]:
    """Ends of an axis whose ticks are round numbers."""
    raw = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(one * power for one in (1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 20) if one * power * (1 + 1e-9) >= raw)
    first = math.floor(low / step) * step
    while first + _TICKS * step < high * (1 - 1e-9):
        step *= 2
        first = math.floor(low / step) * step
    return first, first + _TICKS * step


def _cut(text: str, letters: float) -> str:
    whole = " ".join(text.split())
    return whole if len(whole) <= letters + 1 else whole[: max(int(letters) - 1, 1)] + "…"


def _svg(width: float, height: float, name: str, drawn: Iterable[Markup], role: str = "img") -> Markup:
    return Markup(
        '<svg role="{}" aria-label="{}" width="{:g}" height="{:g}" viewBox="0 0 {:g} {:g}">{}</svg>'
    ).format(role, name, width, height, width, height, Markup("").join(drawn))  # fmt: skip
