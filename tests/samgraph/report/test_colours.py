"""Colours of pictures can be told apart in every common kind of colour vision, and seen on light and dark paper."""

from __future__ import annotations

from functools import cache
from itertools import combinations, product

import numpy as np
import numpy.typing as npt
import pytest

from samgraph.arms.registry import ARMS
from samgraph.config import RunConfig
from samgraph.report.pictures.figures import BAD, COLOURS, GOOD, MIDDLE, PERIODS, SERIES, quantile_colours

FloatArray = npt.NDArray[np.float64]

# Machado, Oliveira and Fernandes (2009), "A Physiologically-based Model for Simulation of Color Vision Deficiency",
# severity 1.0, for linear RGB.
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
TOGETHER = {  # colours that stand for different things in one picture
    "arms": [arm.colour for arm in ARMS.values()],
    "arms of a run by default": [ARMS[name].colour for name in RunConfig.model_fields["variants"].default],
    "parts": [COLOURS[name] for name in ("concept", "hidden", "individual", "score")],
    "concentration": [COLOURS[name] for name in ("products", "industries", "companies")],
    "signs": [GOOD, BAD, MIDDLE],
    "periods": list(PERIODS.values()),
    "quantiles": quantile_colours(5),
    "series": list(SERIES),
}
PAPERS = ("#ffffff", "#14181d")
CONTRAST = 3.0  # with both
LEAST = 18.0  # CIE 1976 difference; 2.3 is just noticeable side by side
LEAST_OF = {"arms": 12.0}  # at 18 there is no room for an eleventh; a run's pictures show few of them
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def linear(colour: str) -> FloatArray:
    parts = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(light: FloatArray) -> FloatArray:
    """CIE L*a*b* under D65 of linear RGB."""
    xyz = TO_XYZ @ np.clip(light, 0, 1) / TO_XYZ.sum(axis=1)
    x, y, z = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2."""
    low, high = sorted(float(TO_XYZ[1] @ linear(colour)) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


@cache
def views(colour: str) -> FloatArray:
    """[kind of vision, L*a*b*]."""
    return np.array([lab(matrix @ linear(colour)) for matrix in VISION.values()])


def free(name: str, more: list[str] | None = None) -> str:
    """A colour for one more thing in a picture; empty where there is none."""
    steps = [f"{value:02x}" for value in range(0, 256, 17)]
    grid = [f"#{red}{green}{blue}" for red, green, blue in product(steps, repeat=3)]
    grid = [colour for colour in grid if min(contrast(colour, paper) for paper in PAPERS) >= CONTRAST]
    seen, taken = (np.array([views(one) for one in many]) for many in (grid, TOGETHER[name] + (more or [])))
    nearest = np.linalg.norm(seen[:, None] - taken, axis=-1).min(axis=(1, 2))
    best = int(nearest.argmax())
    return grid[best] if nearest[best] >= LEAST_OF.get(name, LEAST) else ""


def test_the_simulation_confuses_what_is_known_to_be_confused() -> None:
    """A red and a green of one lightness are far apart to most people and close to deuteranopes."""
    red, green = (linear(colour) for colour in ("#c8553d", "#8a8f22"))
    apart = {name: float(np.linalg.norm(lab(m @ red) - lab(m @ green))) for name, m in VISION.items()}
    assert apart["normal"] > 60 and apart["deuteranopia"] < 15


@pytest.mark.parametrize("name", TOGETHER)
@pytest.mark.parametrize("vision", VISION)
def test_colours_of_one_picture_are_told_apart(name: str, vision: str) -> None:
    seen = [(colour, views(colour)[list(VISION).index(vision)]) for colour in TOGETHER[name]]
    for (one, here), (other, there) in combinations(seen, 2):
        if np.linalg.norm(here - there) < LEAST_OF.get(name, LEAST):
            pytest.fail(f"{one} and {other} look alike: change one; {free(name) or 'no colour'} is free")


@pytest.mark.parametrize("name", TOGETHER)
def test_colours_are_seen_on_light_and_on_dark_paper(name: str) -> None:
    for colour, paper in product(TOGETHER[name], PAPERS):
        if contrast(colour, paper) < CONTRAST:
            pytest.fail(f"{colour} is too faint on {paper}; {free(name) or 'no colour'} is free")


def test_there_are_colours_for_three_more_arms() -> None:
    found: list[str] = []
    for _ in range(3):
        found.append(free("arms", found))
    assert all(found)


def test_white_words_are_read_on_the_boxes_of_the_treemap() -> None:
    assert min(contrast(colour, "#ffffff") for colour in (GOOD, BAD, MIDDLE)) >= 4.5
