"""Contents for a page as a run might leave them, invented: to test the page, never as a result.

    python -m tests.support.sample_page OUT.html [PICTURES]

The scenes are drawn, "predictions" are their truth with more or less of it replaced, and scores of
runs are numbers that rise a little from cycle to cycle.
"""

import base64
import io
import sys
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from s4al_jax.regions.grid import region_grid
from s4al_jax.report.page.html import page_html
from s4al_jax.report.page.schema import (
    Class,
    Confused,
    Cycle,
    Goal,
    Losses,
    Mean,
    Page,
    Picture,
    PictureCycle,
    PseudoLabels,
    Published,
    Run,
    Selection,
    Sheet,
    Study,
)
from s4al_jax.streets.dataset import PALETTE, scene

HEIGHT, WIDTH = 96, 128
NAMES = (
    *("sky", "building", "pole", "road", "pavement", "tree"),
    *("sign", "fence", "car", "pedestrian", "bicyclist"),
)
TAIL = (2, 6, 7, 9, 10)
WRONG = (0.30, 0.18, 0.10)
"""Share of blocks that a prediction gets wrong, by cycle."""
HOSTILE = "</script><b>\"&'<!-- bold"
CELL_HEIGHT, CELL_WIDTH = 24, 32
GRID = region_grid(HEIGHT, WIDTH, CELL_HEIGHT, CELL_WIDTH)


def data_uri(array: np.ndarray, *, labels: bool = False) -> str:
    """A PNG of the array: a palette picture with transparent void, gray, or a photograph."""
    picture = Image.fromarray(array)
    options: dict[str, object] = {}
    if labels:
        picture.putpalette([value for color in PALETTE for value in color])
        options = {"transparency": bytes([255] * len(PALETTE) + [0] * (256 - len(PALETTE)))}
    out = io.BytesIO()
    picture.save(out, "PNG", **options)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def prediction(truth: np.ndarray, cycle: int, rng: np.random.Generator) -> np.ndarray:
    """The truth, some of its blocks as the next class but one, and with its void painted over."""
    blocks = rng.random((HEIGHT // 8, WIDTH // 8)) < WRONG[cycle]
    wrong = np.kron(blocks, np.ones((8, 8), bool))
    guess = np.where(truth == 255, 3, truth)
    return np.where(wrong, (guess + 2) % len(NAMES), guess).astype(np.uint8)


def miou(truth: np.ndarray, guess: np.ndarray) -> float:
    """Over the classes of the truth."""
    known = truth != 255
    found = []
    for index in np.unique(truth[known]):
        both = np.sum((truth == index) & (guess == index))
        found.append(both / np.sum(((truth == index) | (guess == index)) & known))
    return float(np.mean(found))


@cache
def sample_scene(index: int) -> "SampleScene":
    """Each scene is drawn once."""
    return SampleScene(index, len(WRONG))


class SampleScene:
    """One scene, and all that the page shows of it."""

    def __init__(self, index: int, cycles: int) -> None:
        rng = np.random.default_rng((7, index))
        self.image, self.truth = scene(height=HEIGHT, width=WIDTH, rng=rng)
        self.guesses = [prediction(self.truth, cycle, rng) for cycle in range(cycles)]
        self.unsure = []
        for guess in self.guesses:
            noise = rng.random((HEIGHT // 8, WIDTH // 8))
            noise = np.kron(noise, np.ones((8, 8)))
            self.unsure.append(np.where(guess == self.truth, 0.25, 0.85) * (0.6 + 0.4 * noise))
        self.sheet = {"image": data_uri(self.image), "truth": data_uri(self.truth, labels=True)}
        self.sheets = [
            {
                "prediction": data_uri(guess, labels=True),
                "uncertainty": data_uri((255 * unsure).astype(np.uint8)),
            }
            for guess, unsure in zip(self.guesses, self.unsure, strict=True)
        ]

    def picture(self, number: int, split: str, name: str) -> Picture:
        """Its entry; two regions more are annotated after each cycle but the last."""
        cycles, labeled = [], np.zeros(GRID.max_regions, bool)
        for cycle, (guess, unsure) in enumerate(zip(self.guesses, self.unsure, strict=True)):
            labeled_share, queried = float(labeled.mean()), None
            if split == "pool" and cycle < len(self.guesses) - 1:
                cells = unsure.reshape(-1, CELL_HEIGHT, WIDTH // CELL_WIDTH, CELL_WIDTH)
                means = cells.mean((1, 3)).ravel().round(4)
                scores = np.where(labeled, None, means).tolist()
                highest = np.argsort(-np.where(labeled, 0, means))[:2]
                queried = Selection(scores=scores, chosen=highest.tolist(), outlines=[])
                labeled[highest] = True
            cycles.append(
                PictureCycle(
                    cycle=cycle,
                    # A little different from picture to picture, as real ones are.
                    miou=round(miou(self.truth, guess) - 0.0001 * (number % 97), 4),
                    uncertainty=round(float(unsure.mean()) + 0.0001 * (number % 89), 4),
                    confidence=round(1 - float(unsure.mean()), 4),
                    labeled_share=labeled_share if split == "pool" else 1.0,
                    queried=queried,
                )
            )
        found = np.unique(self.truth)
        return Picture(
            id=f"{split}-{number}",
            name=name,
            split=split,
            classes=[int(one) for one in found if one != 255],
            cycles=cycles,
        )


def cycle_of(number: int, guesses: list[tuple[np.ndarray, np.ndarray]]) -> Cycle:
    """A cycle whose confusion and IoU are those of the guesses."""
    confusion = np.zeros((len(NAMES), len(NAMES)), np.int64)
    for truth, guess in guesses:
        known = truth != 255
        np.add.at(confusion, (truth[known], guess[known]), 1)
    # One class that is almost known, so that a share rounds to nothing and one to all.
    confusion[10] = 0
    confusion[10, [0, 10]] = 2, 998
    union = confusion.sum(0) + confusion.sum(1) - confusion.diagonal()
    iou = [float(a / b) if b else None for a, b in zip(confusion.diagonal(), union, strict=True)]
    iou[9] = None
    head = [value for i, value in enumerate(iou) if i not in TAIL and value is not None]
    tail = [value for i, value in enumerate(iou) if i in TAIL and value is not None]
    measured = [*head, *tail]
    share = (0.1, 0.1188, 0.1375)[number]
    rng = np.random.default_rng((13, number))
    annotated = rng.integers(200, 9000, len(NAMES) + 1)
    accuracy: list[float | None] = [round(0.5 + 0.04 * i, 3) for i in range(len(NAMES))]
    accuracy[9] = None
    return Cycle(
        number=number,
        labeled_share=share,
        labeled_pixels=round(share * 120 * HEIGHT * WIDTH),
        regions=(12, 228, 444)[number],
        miou={
            "student": {"test": float(np.mean(measured)) - 0.01, "val": None},
            "teacher": {"test": float(np.mean(measured)), "val": 0.5},
        },
        class_iou=iou,
        head_iou=float(np.mean(head)),
        tail_iou=float(np.mean(tail)),
        confusion=confusion.tolist(),
        annotated=[int(pixels) for pixels in annotated],
        pseudo_labels=PseudoLabels(
            accuracy=0.7 + 0.06 * number,
            confident_accuracy=0.9 + 0.02 * number,
            confident_share=0.5 + 0.1 * number,
            class_accuracy=accuracy,
            images=120,
        )
        if number
        else None,
        seconds=(61.0, 75.5, None)[number],
    )


def journal(cycles: int) -> list[Losses]:
    """Losses that fall and a weight that rises, 12 rows a cycle."""
    rng = np.random.default_rng(17)
    found = []
    for row in range(12 * cycles):
        loss = 0.4 + 2 * np.exp(-row / 6) + 0.05 * rng.random()
        metrics = {
            "loss": 1.5 * loss,
            "loss_supervised": loss,
            "loss_classmix": 0.3 * loss,
            "eta_classmix": 0.6 * (1 - float(np.exp(-row / 10))),
            "grad_norm": 3 + 2 * rng.random(),
            "learning_rate": 0.01 * (1 - (row % 12) / 12) ** 0.9,
        }
        rounded = {name: round(float(value), 5) for name, value in metrics.items()}
        stage = "warmup" if row < 4 else "classmix"
        found.append(Losses(step=25 * (row + 1), cycle=row // 12, stage=stage, metrics=rounded))
    return found


def run(name: str, study: int, seed: int, cycles: list[Cycle], losses: list[Losses]) -> Run:
    """A run."""
    return Run(
        name=name,
        path=f"runs/{name}",
        study=study,
        seed=seed,
        finished=True,
        budget_share=0.1375,
        cycles=cycles,
        losses=losses,
        options={"seed": seed, "data.kwargs.train": 120, "schedule.iterations": 20},
        fingerprint="3f9a0c2b7d11",
        versions={"python": "3.12.1", "jax": "0.12.0", "flax": "0.12.2"},
        device="1 x invented",
        command=f"s4al train demo --workdir=runs/{name} --config.seed={seed}",
        revision="0123456789abcdef",
        started="2026-01-02T03:04:05",
        hours=0.08 if seed else None,
    )


def studies(means: list[float]) -> list[Study]:
    """Two acquisition functions and all labels."""
    shares = (0.1, 0.1188, 0.1375)[: len(means)]
    ours = [
        Mean(labeled_share=share, miou=value, std=0.012, runs=3)
        for share, value in zip(shares, means, strict=True)
    ]
    random = [
        Mean(labeled_share=share, miou=value - 0.02 * i, std=None, runs=1)
        for i, (share, value) in enumerate(zip(shares, means, strict=True))
    ]
    full = [Mean(labeled_share=1.0, miou=0.82, std=0.01, runs=3)]
    return [
        Study(name="S4AL, entropy, from 10 %", fully_supervised=False, means=ours),
        Study(name="S4AL, random, from 10 %", fully_supervised=False, means=random),
        Study(name="supervised, all labels", fully_supervised=True, means=full),
    ]


def sample(count: int = 40) -> tuple[Page, Sheet, dict[int, Sheet]]:
    """Contents with `count` pool pictures and 8 of test; a dozen scenes are drawn for them."""
    scenes = [sample_scene(index) for index in range(12)]
    pictures, images = [], {}
    sheets: dict[int, Sheet] = {number: {} for number in range(len(WRONG))}
    for number in range(count + 8):
        one, split = scenes[number % 12], "pool" if number < count else "test"
        name = HOSTILE if number == 3 else f"{split}_{number:05d}"
        picture = one.picture(number, split, name)
        pictures.append(picture)
        images[picture["id"]] = one.sheet
        for cycle, sheet in enumerate(one.sheets):
            sheets[cycle][picture["id"]] = sheet
    # Pictures without scores first, so that an order by score has to move them.
    pictures = [*pictures[count:], *pictures[:count]]
    cycles = [
        cycle_of(number, [(one.truth, one.guesses[number]) for one in scenes])
        for number in range(len(WRONG))
    ]
    means = [cycle["miou"]["teacher"]["test"] or 0.0 for cycle in cycles]
    by_miou = sorted(pictures, key=lambda one: one["cycles"][-1]["miou"] or 0.0)
    confusion = np.array(cycles[-1]["confusion"])
    pairs = [(t, p) for t in range(len(NAMES)) for p in range(len(NAMES)) if t != p]
    shares = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    pairs.sort(key=lambda pair: -shares[pair])
    contents = Page(
        title="An invented run, to test the page",
        written="2026-01-02T04:05:06",
        dataset="synthetic",
        height=HEIGHT,
        width=WIDTH,
        boxes=[
            [row / 4, col / 4, (row + 1) / 4, (col + 1) / 4] for row in range(4) for col in range(4)
        ],
        classes=[
            Class(name=name, color="#" + bytes(PALETTE[i]).hex(), tail=i in TAIL)
            for i, name in enumerate(NAMES)
        ],
        shown=1,
        runs=[
            run("full_0", 2, 0, [], []),
            run("entropy_1", 0, 1, cycles, journal(len(cycles))),
            run("random_1", 1, 1, cycles[:2], []),
        ],
        studies=studies(means),
        goal=Goal(full=0.82, std=0.01, source="3 runs on all labels", line=0.779,
                  reached_share=next((share for share, mean in zip(
                      (0.1, 0.1188, 0.1375), means, strict=True) if mean > 0.779), None)),
        published=[
            Published(method="S4AL", labeled_share=0.138, miou=0.614, std=0.006, source="Table 3a"),
            Published(method="DEAL", labeled_share=0.4, miou=0.621, std=None, source="DEAL's own"),
            Published(method="supervised", labeled_share=1.0, miou=0.645, std=None, source="DEAL"),
        ],
        pictures=pictures,
        worst=[picture["id"] for picture in by_miou[:10]],
        confused=[
            Confused(truth=t, predicted=p, share=float(shares[t, p]), pixels=int(confusion[t, p]))
            for t, p in pairs[:6]
        ],
        notes=["Invented contents: nothing here was measured.", f"A note with {HOSTILE}"],
    )  # fmt: skip
    return contents, images, sheets


if __name__ == "__main__":
    out, *number = sys.argv[1:]
    Path(out).write_text(page_html(*sample(*map(int, number))), "utf-8")
