"""The loop: exact budgets, labels that were not bought, numbers that break, an empty pool."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ml_collections import ConfigDict

from s4al_jax.labels.store import LabelStore
from s4al_jax.run import build, loop
from s4al_jax.run import shared_directory as shared
from s4al_jax.run.task import DATASETS
from s4al_jax.streets.dataset import streets
from s4al_jax.types import VOID, DatasetSpec, InputError
from tests.conftest import FinishedRun
from tests.support.same_run import arrays, files


def ledger(run: Path) -> list[dict]:
    lines = (run / "annotations" / "ledger.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_exactly_the_budget_is_spent_and_no_cell_twice(straight: FinishedRun) -> None:
    rows = ledger(straight.workdir)
    start, bought = ([row for row in rows if row["cycle"] == c] for c in (0, 1))
    # 34 % of six images are two; four others give two cells of 12 x 16 pixels each
    assert [row["cost"] for row in start] == [48 * 64] * 2
    assert [row["cost"] for row in bought] == [12 * 16] * 8
    images = [row["image"] for row in bought]
    assert sorted(images) == sorted(
        2 * [i for i in range(6) if i not in straight.experiment.initial]
    )
    assert len({(row["image"], row["region"]) for row in bought}) == 8
    chosen = straight.results[0].chosen
    assert chosen and {tuple(region) for region in chosen} == {
        (row["image"], row["region"]) for row in bought
    }
    last = straight.results[1].metrics
    assert last["labeled_pixels"] == 2 * 48 * 64 + 8 * 12 * 16 and last["regions"] == 8
    assert last["labeled_share"] == pytest.approx(last["labeled_pixels"] / (6 * 48 * 64))


def test_labels_that_were_never_bought_change_nothing(
    straight: FinishedRun,
    tiny: Callable[..., ConfigDict],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paid = np.zeros((6, 48, 64), bool)
    for row in ledger(straight.workdir):
        top, left, bottom, right = row["box"]
        paid[row["image"], top:bottom, left:right] = True
    assert 0.3 < paid.mean() < 0.6

    def scrambled(**arguments: int) -> DatasetSpec:
        spec = streets(**arguments)

        def truth(index: int) -> np.ndarray:
            noise = np.random.default_rng(index).integers(0, 11, (48, 64)).astype(np.uint8)
            return np.where(paid[index], spec.train.read_truth(index), noise)

        return spec._replace(train=spec.train._replace(read_truth=truth))

    def dataset(
        *, height: int, width: int, train: int, val: int, test: int, seed: int
    ) -> DatasetSpec:
        return scrambled(height=height, width=width, train=train, val=val, test=test, seed=seed)

    monkeypatch.setitem(DATASETS, "streets", dataset)
    list(loop.run_cycles(build.build(tiny()), tmp_path / "run"))
    assert files(tmp_path / "run") == files(straight.workdir)
    before = arrays(straight.workdir, straight.experiment)
    after = arrays(tmp_path / "run", straight.experiment)
    assert all(np.array_equal(before[name], after[name]) for name in before)


def supervised(tiny: Callable[..., ConfigDict], **changes: object) -> build.Experiment:
    return build.build(
        tiny(
            method=ConfigDict({"name": "supervised", "kwargs": {}}),
            **changes,
        )
    )


def test_whole_images_join_the_labeled_set(tiny: Callable[..., ConfigDict], tmp_path: Path) -> None:
    made = supervised(
        tiny, regions=ConfigDict({"name": "image", "kwargs": {}}), budget__image_share=0.34
    )
    results = list(loop.run_cycles(made, tmp_path / "run"))
    assert results[1].metrics["labeled_pixels"] == 4 * 48 * 64
    bought = {row["image"] for row in ledger(tmp_path / "run") if row["cycle"] == 1}
    assert len(bought) == 2 and not bought & set(made.initial)
    names = made.spec.train.names
    folder = tmp_path / "run" / "annotations"
    store = LabelStore.open(folder, names=names, height=48, width=64, num_classes=11)
    assert set(np.flatnonzero(store.fully_labeled)) == bought | set(made.initial)


def test_the_best_of_the_pool_costs_as_many_pixels_as_the_best_of_each_image(
    straight: FinishedRun, tiny: Callable[..., ConfigDict], tmp_path: Path
) -> None:
    made = supervised(tiny, budget__scope="pool", acquisition__name="margin")
    results = list(loop.run_cycles(made, tmp_path / "run"))
    assert results[1].metrics["labeled_pixels"] == straight.results[1].metrics["labeled_pixels"]
    assert len(results[0].chosen or []) == 8


def test_a_pool_that_runs_dry_ends_the_run_with_a_sentence(
    tiny: Callable[..., ConfigDict],
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = supervised(tiny)
    monkeypatch.setattr(LabelStore, "open_regions", lambda self, regions: np.zeros((6, 16), bool))
    results = list(loop.run_cycles(made, tmp_path / "run"))
    assert [result.cycle for result in results] == [0] and results[0].chosen == []
    assert "Every region of the pool is annotated" in capsys.readouterr().out


def test_numbers_that_break_stop_the_run_and_name_the_images(
    tiny: Callable[..., ConfigDict], tmp_path: Path
) -> None:
    made = supervised(tiny, optimizer__learning_rate=1e30)
    with pytest.raises(InputError, match=r"not a number in cycle 0, step 1; .*nonfinite.json"):
        list(loop.run_cycles(made, tmp_path / "run"))
    found = json.loads((tmp_path / "run" / "nonfinite.json").read_text())
    assert set(found["images"]["labeled"]) <= {made.spec.train.names[i] for i in made.initial}
    assert found["good"] is None and found["step"] == 1


def test_void_is_bought_and_paid_for_but_never_a_class(straight: FinishedRun) -> None:
    made = straight.experiment
    folder = straight.workdir / "annotations"
    names = made.spec.train.names
    store = LabelStore.open(folder, names=names, height=48, width=64, num_classes=11)
    for image in made.initial:
        np.testing.assert_array_equal(store.label_map(image), made.spec.train.read_truth(image))
    void = sum(int((store.label_map(i) == VOID).sum()) for i in range(6))
    assert store.class_pixels.sum() + void == store.spent


def test_a_summary_is_one_line_with_share_and_miou(straight: FinishedRun) -> None:
    line = loop.summary(straight.results[1])
    assert line.startswith("cycle 1: 41.67 % labeled, val mIoU") and "\n" not in line
    assert "(teacher)" in line and "(student)" in line


def test_a_finished_run_is_read_and_nothing_in_it_changes(straight: FinishedRun) -> None:
    def files() -> dict[str, int]:
        paths = [path for path in straight.workdir.rglob("*") if path.is_file()]
        return {str(path): path.stat().st_mtime_ns for path in paths}

    before = files()
    assert list(loop.run_cycles(straight.experiment, straight.workdir)) == straight.results
    assert files() == before


def test_other_classes_or_images_than_the_run_began_with_are_refused(
    straight: FinishedRun, tmp_path: Path
) -> None:
    shutil.copytree(straight.workdir, tmp_path / "run")
    built = straight.experiment
    swapped = built.spec._replace(classes=tuple(reversed(built.spec.classes)))
    renamed = built.spec.train._replace(names=("new", *built.spec.train.names[1:]))
    for spec, what in (
        (swapped, "classes"),
        (built.spec._replace(train=renamed), "train, initial|train"),
    ):
        with pytest.raises(InputError, match=rf"splits.json names others .*\(({what})\)"):
            task = built.task._replace(spec=spec)
            list(loop.run_cycles(built._replace(task=task), tmp_path / "run"))


def test_a_workdir_that_is_a_file_or_of_another_program_is_named(
    straight: FinishedRun, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file is a file: choose another"):
        list(loop.run_cycles(straight.experiment, tmp_path / "file"))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="config.json is not as a run writes it"):
        list(loop.run_cycles(straight.experiment, tmp_path))


def test_asking_again_asks_only_for_what_is_missing(
    straight: FinishedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = straight.experiment
    store = LabelStore.open(
        straight.workdir / "annotations",
        names=made.spec.train.names,
        height=48,
        width=64,
        num_classes=11,
    )
    asked = straight.results[0].chosen or []
    assert store.missing(asked, made.regions) == []
    assert shared.cycle_status(straight.workdir, 0).chosen == asked
