# %% [markdown]
# # Where would you look next?
#
# A network has learned from a tenth of the labels: which regions should be annotated next? This
# page shows what four acquisition functions choose in the same images, how much the choice depends
# on the function, on the size of the regions and on the scope, and what the networks learned from
# the annotations.
#
# As it stands, it trains the demo (a few minutes on a CPU) and stops after every cycle to look. To
# look at something else, set before Jupyter is started, as a path from the project's folder,
#
# - `S4AL_CONFIG`: another configuration, as for `--config`, without a study;
# - `S4AL_WORKDIR`: the directory of a run. A finished run is only read, one that was stopped goes
#   on. It keeps its last networks only, so there is nothing to compare them with.
#
# This is a script in the percent format, which Jupyter, VS Code and PyCharm open as a notebook;
# `python tools/build_notebook.py` makes `acquisition_maps.ipynb` of it, with its pictures.

# %%
import contextlib
import io
import os
import runpy
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from s4al_jax.acquisition import select
from s4al_jax.config.options import of_run
from s4al_jax.engine.infer import predictor
from s4al_jax.labels.export import read_answers
from s4al_jax.regions.grid import region_grid
from s4al_jax.regions.protocol import Regions, region_costs
from s4al_jax.report import tables
from s4al_jax.report.figures import comparisons, measures, predictions
from s4al_jax.run import build, loop, probe
from s4al_jax.rundir import directory, records
from s4al_jax.types import Budget

# %matplotlib inline

here = Path.cwd()
root = next(folder for folder in (here, *here.parents) if (folder / "configs").is_dir())
config_file = root / os.environ.get("S4AL_CONFIG", "configs/demo.py")
workdir = root / (os.environ.get("S4AL_WORKDIR") or Path(tempfile.mkdtemp()) / "run")

# %% [markdown]
# ## Step through the loop
#
# `loop.run_cycles` trains, evaluates, scores, has regions annotated, and yields after every cycle.
# That is the moment to keep the networks, and what was known when they were trained:
# `probe.snapshot`.

# %%
if (workdir / "config.json").exists():
    config = of_run(workdir)
else:
    config = runpy.run_path(str(config_file))["get_config"]()
own = build.build(config)

terminal = sys.stdout
snapshots, chosen_after = {}, {}
with contextlib.redirect_stdout(io.StringIO()):  # a line for every epoch
    for result in loop.run_cycles(own, workdir):
        newest = probe.snapshot(workdir, own.spec, own.state_shapes, mesh=own.mesh)
        snapshots[newest.cycle] = newest
        chosen_after[result.cycle] = result.chosen or []
        print(loop.summary(result), file=terminal, flush=True)
first, last = snapshots[min(snapshots)], snapshots[max(snapshots)]

# %% [markdown]
# The result, on images that are not trained on:

# %%
record, classes = records.read(workdir), own.spec.classes
network, split = own.method.networks[-1], own.evaluated[-1]
curve = measures.Curve(
    [cycle.labeled_share for cycle in record.cycles],
    np.array([cycle.miou(network, split) for cycle in record.cycles], float),
)
measures.learning_curve({f"{network} on {split}": curve})

# %%
ious = {}
for cycle in record.cycles:
    measured = cycle.metrics["measures"][network][split]
    ious[f"cycle {cycle.number}"] = np.array([measured[f"iou/{name}"] for name in classes], float)
measures.class_iou(ious, classes)

# %% [markdown]
# ## Four acquisition functions, one network
#
# The network is that of the last cycle after which the run had regions annotated; where it is no
# longer there, the last one, and the regions are what it would choose next.
#
# - **random**: random numbers, no network is run;
# - **least confidence**: how far the most likely class is from certain;
# - **entropy**: how evenly all classes are likely, in nats;
# - **margin**: how close the second most likely class comes to the most likely.

# %%
last_acquisition = max((cycle for cycle, chosen in chosen_after.items() if chosen), default=0)
snapshot = snapshots.get(last_acquisition, last)


def probe_with(
    name: str = config.acquisition.name,
    regions: Regions = own.regions,
    budget: Callable[[np.ndarray], Budget] = own.task.budget,
) -> probe.Scores:
    """What the network would choose; where nothing is given, as the run does."""
    acquisition = ConfigDict({**config.acquisition, "name": name})
    return probe.score_pool(
        build.build_acquisition(acquisition, regions, own.method),
        snapshot,
        regions,
        budget,
        method=own.method,
        mesh=own.mesh,
        seed=own.seed,
        batch=own.batch["score"],
    )


mine = config.acquisition.name.replace("_", " ")
scores_by = {
    name.replace("_", " "): probe_with(name)
    for name in dict.fromkeys(
        ("random", "least_confidence", "entropy", "margin", config.acquisition.name)
    )
}

folder = directory.cycle_folder(workdir, snapshot.cycle)
if not folder.status().has_scores:
    print("After this cycle the run chose no regions any more.")
else:
    same = np.array_equal(folder.read_scores()["score"], scores_by[mine].summaries["score"])
    print(f"After cycle {snapshot.cycle}, {mine} scores every region as the run did: {same}")

# %% [markdown]
# Outlined regions are what each function would choose, gray ones were labeled. The three that look
# at the network gather where it is uncertain; random ones fall anywhere.

# %%
images = sorted({region.image for region in scores_by[mine].chosen})[:4]
pictures = [own.spec.train.picture(image) for image in images]
names = [own.spec.train.names[image] for image in images]
comparisons.acquisitions(
    pictures[:3],
    images[:3],
    {name: scores.score[images[:3]] for name, scores in scores_by.items()},
    {name: scores.chosen for name, scores in scores_by.items()},
    own.regions,
    names[:3],
)

# %% [markdown]
# ## How far do they agree?
#
# Pixels that two functions would both choose, in % of those that either would, over the whole pool:


# %%
def pixels(scores: probe.Scores, of: list[int] | range = range(snapshot.images)) -> np.ndarray:
    """bool `[images, height, width]`: what would be chosen, pixel by pixel."""
    return comparisons.chosen_pixels(scores.chosen, scores.regions, of)


def shared(one: probe.Scores, other: probe.Scores) -> float:
    """Overlap of two selections in %."""
    return 100 * comparisons.overlap(pixels(one), pixels(other)).share


rows = [
    (name, *(f"{shared(scores, other):.0f}" for other in scores_by.values()))
    for name, scores in scores_by.items()
]
print(tables.markdown(("", *scores_by), rows))


# %%
def compare(other: probe.Scores, labels: tuple[str, str]) -> object:
    """The picture of what the run's own selection and another one have in common."""
    print(f"{shared(scores_by[mine], other):.0f} % in common, over the whole pool")
    one, two = pixels(scores_by[mine], images), pixels(other, images)
    return comparisons.difference(pictures, one, two, labels, names)


rival = "margin" if mine != "margin" else "entropy"
compare(scores_by[rival], (mine, rival))

# %% [markdown]
# ## Larger regions
#
# Cells of twice the side, and a quarter as many of them, cost the same. The score of a large cell
# is the mean over more pixels: a small thing that is uncertain counts less there.

# %%
height, width = own.spec.height, own.spec.width
side = own.regions.cell_size or (height // 16, width // 16)
large_cells = region_grid(height, width, min(2 * side[0], height), min(2 * side[1], width))
quarter = partial(
    select.budget,
    region_costs(large_cells, snapshot.images),
    per_image=max(1, config.budget.regions_per_image // 4),
    scope=config.budget.scope,
)
large = probe_with(regions=large_cells, budget=quarter)
compare(large, (f"{side[0]}x{side[1]} pixels", f"{2 * side[0]}x{2 * side[1]} pixels"))

# %% [markdown]
# ## The best regions of the pool instead of each image's best
#
# The same number of pixels, spent wherever it is worth most: many regions of some images are
# chosen, and none of others.

# %%
scope = "pool" if config.budget.scope == "image" else "image"
wherever = partial(
    select.budget,
    region_costs(own.regions, snapshot.images),
    per_image=config.budget.regions_per_image,
    scope=scope,
)
elsewhere = probe_with(budget=wherever)
for where, scores in ((config.budget.scope, scores_by[mine]), (scope, elsewhere)):
    each = np.bincount([region.image for region in scores.chosen], minlength=snapshot.images)
    print(f"scope {where}: {(each > 0).sum()} of {len(each)} images, at most {each.max()} of one")
compare(elsewhere, (f"scope {config.budget.scope}", f"scope {scope}"))

# %% [markdown]
# ## What the networks learned
#
# Predictions of the first and the last network for the same images. Outlined is all that was
# annotated of them after a cycle. Blue pixels are right now and were not, orange ones are wrong now
# and were not.

# %%
seen = np.stack([own.spec.train.read_image(image) for image in images])
predict = predictor(own.method.predict, own.mesh, batch=len(seen))
predicted = {
    f"after cycle {one.cycle}": predict(getattr(one.states.task, network), seen)
    for one in (first, last)
}
queried = predictions.Queried(own.regions, sum(chosen_after.values(), []), images)
has_truth = own.spec.train.known
truths = [
    own.spec.train.read_truth(image) if has_truth[image] else last.label_map(image)
    for image in images
]
predictions.before_after(
    pictures,
    truths,
    {name: one.logits.argmax(axis=-1).astype(np.uint8) for name, one in predicted.items()},
    classes,
    own.spec.palette,
    names,
    queried=queried,
)

# %% [markdown]
# And where they are uncertain:

# %%
predictions.uncertainty(
    pictures[:2],
    {name: one.uncertainty[:2] for name, one in predicted.items()},
    names[:2],
    queried=queried,
)

# %% [markdown]
# ## What was annotated
#
# Classes among the labels of the first images, and among the annotations after each cycle. Do the
# regions that a network chooses hold more of the rare classes, at the bottom, than whole images do?

# %%
answers = [
    answer for of_image in read_answers(workdir / "annotations", own.spec) for answer in of_image
]
annotated = {}
for cycle in sorted({answer.cycle for answer in answers}):
    name = f"annotated after cycle {cycle - 1}" if cycle else "at the start"
    annotated[name] = np.sum([one.class_pixels for one in answers if one.cycle == cycle], axis=0)
measures.class_shares(annotated, classes)

# %% [markdown]
# ## What is still confused

# %%
confusion = record.cycles[-1].confusion(network, split)
measures.confusion_matrix(confusion, classes)
