"""Things that stand in a street, drawn in meters: people, bicycles, cars, trees, poles, signs."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from s4al_jax.streets.textures import (
    Color,
    Look,
    Paint,
    Patch,
    color,
    flat,
    foliage,
    grain,
    leaves,
    shade_of,
)

Point = tuple[float, float]


class Figure(NamedTuple):
    """An upright cut-out `width` by `height` meters."""

    width: float
    height: float
    look: Look


class Stroke(NamedTuple):
    """A thick line through points, in meters; a single point is a disc."""

    points: Sequence[Point]
    radius: float
    paint: Color


def _near(patch: Patch, stroke: Stroke) -> np.ndarray:
    """Where a stroke covers; never thinner than a pixel and a half of the canvas."""
    reach = np.maximum(stroke.radius, 0.75 / patch.px) ** 2
    points = stroke.points
    hit = np.zeros(len(patch.s), bool)
    ends = points[1:] or points
    for (s0, y0), (s1, y1) in zip(points, ends, strict=False):
        ds, dy = s1 - s0, y1 - y0
        square = ds * ds + dy * dy
        s, y = patch.s - s0, patch.y - y0
        if square > 0:
            along = np.minimum(np.maximum((s * ds + y * dy) / square, 0), 1)
            s, y = s - along * ds, y - along * dy
        hit |= s * s + y * y < reach
    return hit


def _ring(patch: Patch, at: Point, radius: float, thick: float) -> np.ndarray:
    away = np.sqrt((patch.s - at[0]) ** 2 + (patch.y - at[1]) ** 2)
    return np.abs(away - radius) < np.maximum(thick / 2, 0.8 / patch.px)


def drawing(strokes: Sequence[Stroke]) -> Look:
    """Strokes one over the other, a little darker on their right side."""

    def look(patch: Patch) -> Paint:
        rgb = np.zeros((len(patch.s), 3), np.float32)
        cover = np.zeros(len(patch.s), np.float32)
        for stroke in strokes:
            hit = _near(patch, stroke)
            middle = sum(point[0] for point in stroke.points) / len(stroke.points)
            side = np.clip((patch.s[hit] - middle) / (stroke.radius + 0.05), -1, 1)
            rgb[hit] = stroke.paint * (1 - 0.2 * side)[:, None]
            cover[hit] = 1
        return Paint(rgb, cover)

    return look


def _cloth(rng: np.random.Generator) -> Color:
    return shade_of(
        rng,
        *[(0.12, 0.12, 0.14), (0.35, 0.35, 0.37), (0.85, 0.85, 0.82), (0.16, 0.2, 0.38)],
        *[(0.6, 0.12, 0.12), (0.2, 0.35, 0.18), (0.75, 0.62, 0.2), (0.45, 0.33, 0.22)],
        *[(0.75, 0.4, 0.5), (0.3, 0.55, 0.7), (0.85, 0.5, 0.1), (0.4, 0.25, 0.45)],
    )


def _skin(rng: np.random.Generator) -> Color:
    return shade_of(rng, (0.82, 0.62, 0.5), (0.65, 0.45, 0.33), (0.4, 0.26, 0.18))


def _hair(rng: np.random.Generator) -> Color:
    return shade_of(rng, (0.1, 0.08, 0.07), (0.3, 0.2, 0.12), (0.6, 0.5, 0.3), (0.5, 0.5, 0.5))


def pedestrian(rng: np.random.Generator, *, rain: bool = False) -> Figure:
    """A person who walks or stands, seen from the front or from the side."""
    tall = rng.uniform(1.55, 1.95) if rng.random() < 0.85 else rng.uniform(1.0, 1.4)
    width = tall * 0.75
    mid, u = width / 2, tall / 1.75
    stride = rng.uniform(-0.35, 0.35) * u
    lean = rng.uniform(-0.05, 0.05) * u
    stout = rng.uniform(0.85, 1.35)
    top, legs, skin, hair = _cloth(rng), _cloth(rng), _skin(rng), _hair(rng)
    shoe = shade_of(rng, (0.1, 0.1, 0.1), (0.3, 0.2, 0.1), (0.8, 0.8, 0.8))
    hip, neck = (mid, 0.88 * u), (mid + lean, 1.42 * u)
    spread = 0.09 * u * stout
    strokes = []
    for side in (-1, 1):
        foot = mid + side * (abs(stride) + spread * 0.7)
        knee = (mid + side * (abs(stride) * 0.5 + spread) + 0.04 * np.sign(stride), 0.46 * u)
        strokes.append(
            Stroke([(mid + side * spread, 0.85 * u), knee, (foot, 0.1)], 0.085 * u, legs)
        )
        strokes.append(
            Stroke([(foot, 0.06), (foot + 0.12 * np.sign(stride), 0.05)], 0.06 * u, shoe)
        )
    swing = rng.uniform(0.05, 0.3) * u
    for side in (-1, 1):
        shoulder = (neck[0] + side * 0.17 * u * stout, 1.36 * u)
        elbow = (shoulder[0] + side * 0.08 * u, 1.1 * u)
        hand = (mid + side * (0.2 * u + swing * 0.7), (0.85 + swing * 0.3) * u)
        strokes.append(Stroke([shoulder, elbow, hand], 0.06 * u, top * 0.85))
        strokes.append(Stroke([hand], 0.065 * u, skin))
    strokes.append(Stroke([hip, (neck[0], 1.25 * u)], 0.19 * u * stout, top))
    if rng.random() < 0.25:
        strokes.append(Stroke([(mid, 0.55 * u), hip], 0.2 * u * stout, top))
    strokes.append(Stroke([neck, (neck[0], 1.5 * u)], 0.06 * u, skin))
    strokes.append(Stroke([(neck[0], 1.65 * u)], 0.125 * u, hair))
    if rng.random() < 0.6:
        strokes.append(Stroke([(neck[0] + 0.02 * np.sign(stride), 1.61 * u)], 0.095 * u, skin))
    strokes += _belongings(rng, mid, u)
    height = tall + 0.1
    if rain and rng.random() < 0.6:
        above, cloth = 1.95 * u, _cloth(rng)
        strokes.append(Stroke([(mid + 0.15, 1.1 * u), (mid + 0.1, above)], 0.02, cloth * 0.3))
        strokes.append(
            Stroke([(mid - 0.38, above), (mid + 0.1, above + 0.2), (mid + 0.5, above)], 0.09, cloth)
        )
        height = above + 0.4
    return Figure(width, height, drawing(strokes))


def _belongings(rng: np.random.Generator, mid: float, u: float) -> list[Stroke]:
    side = rng.choice([-1, 1])
    drawn = rng.random()
    if drawn < 0.2:
        return [
            Stroke(
                [(mid + side * 0.2 * u, 1.25 * u), (mid + side * 0.2 * u, 1.05 * u)],
                0.13 * u,
                _cloth(rng),
            )
        ]
    if drawn < 0.4:
        at = mid + side * 0.33 * u
        return [Stroke([(at, 0.7 * u), (at, 0.5 * u)], 0.13 * u, _cloth(rng))]
    return []


def bicyclist(rng: np.random.Generator) -> Figure:
    """A rider on a bicycle, from the side."""
    wheel, base = rng.uniform(0.31, 0.36), rng.uniform(0.95, 1.1)
    width = base + 2 * wheel + 0.1
    back, front = (wheel + 0.05, wheel), (wheel + 0.05 + base, wheel)
    crank, seat = (back[0] + 0.42, 0.3), (back[0] + 0.28, 0.92)
    bar = (front[0] - 0.15, rng.uniform(0.95, 1.08))
    frame, tyre = _cloth(rng), color(0.07, 0.07, 0.08) * rng.uniform(0.7, 2)
    shoulder = (seat[0] + rng.uniform(0.2, 0.5), seat[1] + rng.uniform(0.45, 0.55))
    head = (shoulder[0] + 0.12, shoulder[1] + 0.24)
    top, legs, skin, helmet = _cloth(rng), _cloth(rng), _skin(rng), _cloth(rng)
    pedal = rng.uniform(-0.15, 0.15)
    foot = (crank[0] + pedal, crank[1] - 0.14)
    knee = ((seat[0] + crank[0]) / 2 + 0.3 + pedal * 0.5, 0.75)
    other = (crank[0] - pedal, crank[1] + 0.14)
    strokes = [
        Stroke([seat, ((seat[0] + bar[0]) / 2 + 0.15, 0.8), other], 0.075, legs * 0.7),
        Stroke([back, crank, (bar[0] - 0.08, 0.85), front], 0.035, frame),
        Stroke([crank, seat, back], 0.03, frame),
        Stroke([(bar[0] - 0.08, 0.85), bar], 0.03, frame),
        Stroke([(seat[0] + 0.04, seat[1] + 0.12), shoulder], 0.15, top),
        Stroke([shoulder, (shoulder[0] + 0.2, shoulder[1] - 0.3), bar], 0.055, top * 0.9),
        Stroke([seat, knee, foot], 0.085, legs),
        Stroke([head], 0.125, helmet),
        Stroke([(head[0] + 0.04, head[1] - 0.05)], 0.09, skin),
    ]
    rider = drawing(strokes)
    mirrored = rng.random() < 0.5

    def look(patch: Patch) -> Paint:
        placed = patch._replace(s=width - patch.s) if mirrored else patch
        rgb, cover = rider(placed)
        for hub in (back, front):
            rim = _ring(placed, hub, wheel, 0.07) & (cover < 1)
            rgb[rim] = tyre
            cover[rim] = 1
        return Paint(rgb, cover)

    return Figure(width, head[1] + 0.2, look)


def bicyclist_ahead(rng: np.random.Generator) -> Figure:
    """A rider on a bicycle, from behind or from the front."""
    top, legs, skin, helmet = _cloth(rng), _cloth(rng), _skin(rng), _cloth(rng)
    tyre, mid = color(0.07, 0.07, 0.08), 0.4
    lift = rng.uniform(-0.1, 0.1)
    strokes = [
        Stroke([(mid, 0.08), (mid, 0.62)], 0.05, tyre),
        Stroke([(mid - 0.3, 1.02), (mid + 0.3, 1.02)], 0.03, tyre * 3),
        Stroke([(mid - 0.1, 0.9), (mid - 0.16, 0.3 + lift)], 0.08, legs),
        Stroke([(mid + 0.1, 0.9), (mid + 0.16, 0.3 - lift)], 0.08, legs * 0.9),
        Stroke([(mid - 0.2, 1.35), (mid - 0.28, 1.05)], 0.06, top),
        Stroke([(mid + 0.2, 1.35), (mid + 0.28, 1.05)], 0.06, top),
        Stroke([(mid, 1.0), (mid, 1.3)], 0.19, top),
        Stroke([(mid, 1.63)], 0.125, helmet),
        Stroke([(mid, 1.56)], 0.08, skin),
    ]
    return Figure(0.8, 1.8, drawing(strokes))


def lamp_post(rng: np.random.Generator, *, glow: float) -> Figure:
    """A lamp post, a telegraph pole or a plain post."""
    tall, arm = rng.uniform(4.0, 8.0), rng.uniform(0.6, 1.8)
    gray = shade_of(
        rng,
        (0.45, 0.46, 0.47),
        (0.2, 0.22, 0.22),
        (0.62, 0.62, 0.6),
        (0.3, 0.24, 0.18),
        (0.15, 0.28, 0.2),
    )
    lamp = color(0.75, 0.75, 0.7) * (1 - glow) + color(2.0, 1.6, 0.9) * glow
    kind, thick = rng.integers(4), rng.uniform(0.06, 0.1)
    mid = arm + 0.3
    strokes = [
        Stroke([(mid, 0), (mid, tall)], thick, gray),
        Stroke([(mid, 0), (mid, 1.0)], thick * 1.5, gray * 0.9),
    ]
    if kind in (0, 1):
        ends = [mid + arm] if kind == 0 else [mid - arm, mid + arm]
        for end in ends:
            strokes.append(
                Stroke([(mid, tall - 0.5), ((mid + end) / 2, tall - 0.05), (end, tall)], 0.06, gray)
            )
            strokes.append(
                Stroke([(end, tall - 0.05), (end + np.sign(end - mid) * 0.3, tall)], 0.11, lamp)
            )
    elif kind == 2:
        strokes.append(Stroke([(mid, tall)], 0.25, lamp))
    else:
        for y in (tall - 0.3, tall - 0.9):
            strokes.append(Stroke([(mid - 0.7, y), (mid + 0.7, y)], 0.07, gray * 0.8))
    return Figure(2 * mid, tall + 0.3, drawing(strokes))


def post(rng: np.random.Generator, *, tall: float) -> Figure:
    """A bare post: what carries a sign, or a bollard."""
    gray = shade_of(rng, (0.5, 0.5, 0.5), (0.25, 0.25, 0.27), (0.7, 0.7, 0.7), (0.4, 0.3, 0.2))
    thick = rng.uniform(0.05, 0.07) if tall > 1.5 else rng.uniform(0.08, 0.13)
    strokes = [Stroke([(0.3, 0), (0.3, tall)], thick, gray)]
    if tall < 1.5:
        strokes.append(
            Stroke(
                [(0.3, tall - 0.2)], thick * 1.05, shade_of(rng, (0.85, 0.85, 0.8), (0.7, 0.2, 0.1))
            )
        )
    return Figure(0.6, tall + 0.15, drawing(strokes))


def sign(rng: np.random.Generator) -> Figure:
    """A traffic sign (round, triangular, a diamond, a board) or a set of traffic lights."""
    kind = rng.choice(5, p=[0.27, 0.22, 0.23, 0.1, 0.18])
    if kind == 4:
        return _traffic_lights(rng)
    size = rng.uniform(0.7, 1.0)
    wide = size * (rng.uniform(1.2, 2.2) if kind == 2 else 1.0)
    rim = shade_of(
        rng, (0.75, 0.08, 0.08), (0.75, 0.08, 0.08), (0.1, 0.25, 0.6), (0.85, 0.85, 0.85)
    )
    face = shade_of(
        rng,
        (0.9, 0.9, 0.88),
        (0.85, 0.7, 0.15),
        (0.1, 0.3, 0.65),
        (0.75, 0.1, 0.1),
        (0.1, 0.4, 0.25),
    )
    mark = color(0.08, 0.08, 0.1) if face.sum() > 1.6 else color(0.92, 0.92, 0.9)
    marks = rng.random((3, 4)) < 0.45

    def depth_inside(s: np.ndarray, y: np.ndarray) -> np.ndarray:
        x, up = np.abs(s - wide / 2), y - size / 2
        if kind == 0:
            return size / 2 - np.hypot(x, up)
        if kind == 1:
            return np.minimum(y, (size - y - x * 2) * 0.45)
        if kind == 2:
            return np.minimum(wide / 2 - x, size / 2 - np.abs(up))
        return (size / 2 - x - np.abs(up)) * 0.7

    def look(patch: Patch) -> Paint:
        inside = depth_inside(patch.s, patch.y)
        rgb = flat(patch, face)
        row = np.clip(patch.y / size * 3, 0, 2).astype(np.int32)
        col = np.clip(np.abs(patch.s / wide - 0.5) * 8, 0, 3).astype(np.int32)
        rgb[marks[row, col] & (inside > 0.22 * size)] = mark
        rgb[inside < 0.12 * size] = rim
        return Paint(rgb, (inside > 0).astype(np.float32))

    return Figure(wide, size, look)


def _traffic_lights(rng: np.random.Generator) -> Figure:
    wide, high, on = rng.uniform(0.4, 0.5), rng.uniform(1.1, 1.3), rng.integers(3)
    case = shade_of(rng, (0.1, 0.1, 0.1), (0.15, 0.16, 0.14), (0.5, 0.45, 0.1))
    lights = (color(0.2, 1.6, 0.5), color(1.8, 1.0, 0.1), color(2.0, 0.15, 0.1))

    def look(patch: Patch) -> Paint:
        rgb = flat(patch, case)
        for i, light in enumerate(lights):
            lens = np.hypot(patch.s - wide / 2, patch.y - high * (2 * i + 1) / 6) < wide * 0.36
            rgb[lens] = light if i == on else light * 0.12
        return Paint(rgb, np.ones(len(rgb), np.float32))

    return Figure(wide, high, look)


def tree(rng: np.random.Generator, tile: np.ndarray) -> Figure:
    """A tree with its trunk: round, tall, a conifer, or bare in winter."""
    kind = rng.choice(4, p=[0.55, 0.15, 0.18, 0.12])
    bark = shade_of(
        rng, (0.28, 0.21, 0.16), (0.4, 0.37, 0.33), (0.18, 0.15, 0.13), (0.6, 0.58, 0.55)
    )
    if kind == 3:
        return _bare_tree(rng, bark)
    tall = rng.uniform(3.5, 11.0)
    wide = (
        tall
        * {0: rng.uniform(0.6, 1.0), 1: rng.uniform(0.25, 0.35), 2: rng.uniform(0.4, 0.55)}[
            int(kind)
        ]
    )
    clear = rng.uniform(0.15, 0.4) * tall if kind == 0 else rng.uniform(0.03, 0.12) * tall
    paint, trunk = leaves(rng), tall * rng.uniform(0.018, 0.035)
    blobs = _crown(rng, kind == 0, wide, tall, clear)
    offset, loose, mid = rng.uniform(0, 200), rng.uniform(0.3, 1.0), wide / 2

    def look(patch: Patch) -> Paint:
        s, y = patch.s, patch.y
        if kind == 2:
            tier = ((y - clear) / (tall - clear) * 6) % 1
            half = mid * (1 - (y - clear) / (tall - clear)) * (1.15 - 0.35 * tier)
            fill = (half - np.abs(s - mid)) / (0.35 * mid) + np.where(y < clear, -9, 0)
        else:
            fill = np.max(
                [1 - ((s - a) / ra) ** 2 - ((y - b) / rb) ** 2 for a, b, ra, rb in blobs], 0
            )
        ragged = grain(tile, s * 18 + offset, y * 18) - 0.45
        crown = fill + ragged * loose > 0.05
        light = 0.75 + 0.35 * (y - clear) / (tall - clear) + 0.25 * (mid - s) / wide
        rgb = foliage(tile, Patch(s + offset, y, patch.px), paint, scale=1.0) * light[:, None]
        stem = ~crown & (np.abs(s - mid) < np.maximum(trunk * (1.3 - y / tall), 0.8 / patch.px))
        stem &= y < max(clear * 1.6, clear + 0.5)
        rgb[stem] = bark * (0.7 + 0.6 * grain(tile, s * 40, y * 9)[stem, None])
        return Paint(rgb, (crown | stem).astype(np.float32))

    return Figure(wide, tall, look)


def _crown(
    rng: np.random.Generator, round_: bool, wide: float, tall: float, clear: float
) -> np.ndarray:
    """Ellipses `[n, 4]`: center along and up, and the two radii."""
    high = tall - clear
    body = [(wide / 2, clear + high / 2, wide * 0.44, high * 0.47)]
    if not round_:
        return np.array(body, np.float32)
    for _ in range(int(rng.integers(2, 6))):
        at = rng.uniform(0.28, 0.72) * wide, clear + rng.uniform(0.25, 0.75) * high
        body.append((*at, rng.uniform(0.2, 0.28) * wide, rng.uniform(0.18, 0.26) * high))
    body[0] = (wide / 2, clear + high / 2, wide * 0.36, high * 0.4)
    return np.array(body, np.float32)


def _bare_tree(rng: np.random.Generator, bark: Color) -> Figure:
    tall = rng.uniform(4.0, 8.0)
    wide = tall * 0.8
    strokes: list[Stroke] = []

    def grow(at: Point, angle: float, length: float, level: int) -> None:
        end = (at[0] + length * np.sin(angle), at[1] + length * np.cos(angle))
        strokes.append(Stroke([at, end], 0.055 * 0.62**level * tall / 5 + 0.015, bark))
        if level < 4:
            for side in (-1, 1):
                turn = side * rng.uniform(0.2, 0.65)
                grow(end, angle + turn, length * rng.uniform(0.6, 0.8), level + 1)

    grow((wide / 2, 0.0), rng.uniform(-0.1, 0.1), tall * 0.32, 0)
    return Figure(wide, tall, drawing(strokes))
