"""Light and air of a scene: sunny, overcast, dusk, fog or rain."""

from typing import NamedTuple

import numpy as np

from s4al_jax.streets.textures import Color, color


class Weather(NamedTuple):
    """Light, air and lens of one scene."""

    ambient: Color
    sun: Color
    towards: tuple[float, float]
    """x and z of the way that shadows fall, for one meter of height; (0, 0) without sun"""
    zenith: Color
    horizon: Color
    clouds: float
    cloud: Color
    fog: float
    """meters after which a third of the light is left"""
    wet: float
    rain: float
    night: float
    exposure: float
    tint: Color
    noise: float
    blur: float


def weather(rng: np.random.Generator) -> Weather:
    """Sunny, overcast, dusk, fog or rain."""
    kind = rng.choice(["sunny", "overcast", "dusk", "fog", "rain"], p=[0.4, 0.25, 0.13, 0.1, 0.12])
    warm = rng.normal(0, 0.06)
    plain = Weather(
        ambient=color(0.5, 0.54, 0.62),
        sun=color(0.62, 0.56, 0.46),
        towards=_shadow_direction(rng),
        zenith=color(0.22, 0.42, 0.75) * rng.uniform(0.8, 1.3),
        horizon=color(0.72, 0.8, 0.88) * rng.uniform(0.85, 1.1),
        clouds=float(rng.choice([0.0, rng.uniform(0.2, 0.7)])),
        cloud=color(0.95, 0.95, 0.95),
        fog=rng.uniform(250, 1200),
        wet=0.0,
        rain=0.0,
        night=0.0,
        exposure=rng.uniform(0.8, 1.25),
        tint=np.array([1 + warm, 1, 1 - warm], np.float32),
        noise=rng.uniform(0.004, 0.022),
        blur=float(rng.choice([0.0, rng.uniform(0.03, 0.12)])),
    )
    gray = rng.uniform(0.55, 0.9)
    dull = plain._replace(
        ambient=color(0.95, 0.97, 1.0) * rng.uniform(0.75, 1),
        sun=color(0.0, 0.0, 0.0),
        towards=(0.0, 0.0),
        zenith=color(0.9, 0.95, 1.0) * gray,
        horizon=color(1.0, 1.0, 1.0) * min(gray * 1.15, 0.95),
        clouds=rng.uniform(0.2, 0.9),
        cloud=color(0.95, 0.97, 1.0) * gray * rng.uniform(0.75, 1.1),
        fog=rng.uniform(150, 600),
        exposure=rng.uniform(0.9, 1.4),
    )
    if kind == "sunny":
        return plain
    if kind == "overcast":
        return dull
    if kind == "fog":
        return dull._replace(fog=rng.uniform(28, 80), zenith=dull.horizon, clouds=0.1)
    if kind == "rain":
        darker = dull._replace(ambient=dull.ambient * 0.8, fog=rng.uniform(70, 250))
        return darker._replace(wet=rng.uniform(0.25, 0.6), rain=rng.uniform(0.3, 1))
    return dull._replace(
        ambient=color(0.52, 0.5, 0.62) * rng.uniform(0.75, 1.1),
        zenith=color(0.2, 0.24, 0.45) * rng.uniform(0.7, 1.2),
        horizon=color(0.95, 0.58, 0.36) * rng.uniform(0.6, 1),
        cloud=color(0.55, 0.38, 0.42),
        exposure=rng.uniform(1.1, 1.6),
        night=rng.uniform(0.4, 0.9),
        wet=float(rng.choice([0.0, 0.4])),
    )


def _shadow_direction(rng: np.random.Generator) -> tuple[float, float]:
    azimuth, long = rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 1.8)
    return float(long * np.cos(azimuth)), float(long * np.sin(azimuth))
