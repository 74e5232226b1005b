# %% [markdown]
# # Where would you look next?
#
# A network that has learned from a tenth of the labels is put four questions: which cells should a
# person look at next? This page shows what each question answers on the same images, how much the
# choice depends on the question, on the size of the cells and on the scope, and what the network
# made of the answers.
#
# As it stands, it trains the demo (a few minutes on a CPU) and stops after every cycle to look. To
# look at something else, set before Jupyter is started, as a path from the project's folder,
#
# - `S4AL_CONFIG`: another configuration, as for `--config`, without a study;
# - `S4AL_WORKDIR`: the directory of a run. A finished run is only read, one that was stopped goes
#   on. Only its last networks are still there, so there is nothing to compare them with.
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
from pathlib import Path

import numpy as np

from s4al_jax.config import defaults
from s4al_jax.engine.predict import predictor
from s4al_jax.labels.export import read_answers
from s4al_jax.report import tables
from s4al_jax.report.figures import comparisons, measures, predictions
from s4al_jax.run import build, loop, probe
from s4al_jax.rundir import directory, records

# %matplotlib inline

here = Path.cwd()
root = next(folder for folder in (here, *here.parents) if (folder / "configs").is_dir())
config_file = root / os.environ.get("S4AL_CONFIG", "configs/demo.py")
workdir = root / (os.environ.get("S4AL_WORKDIR") or Path(tempfile.mkdtemp()) / "run")

# %% [markdown]
# ## Step through the loop
#
# `loop.run_cycles` trains, evaluates, scores, has regions annotated, and hands over after every
# cycle. That is the moment to keep the networks, and what was known when they learned:
# `probe.snapshot`.

# %%
if (workdir / "config.json").exists():
    config = defaults.of_run(workdir)
else:
    config = runpy.run_path(str(config_file))["get_config"]()
own = build.build(config)

terminal = sys.stdout
guests, bought_after = {}, {}
with contextlib.redirect_stdout(io.StringIO()):  # a line for every epoch
    for result in loop.run_cycles(own, workdir):
        newest = probe.snapshot(own, workdir)
        guests[newest.cycle] = newest
        bought_after[result.cycle] = result.chosen or []
        print(loop.summary(result), file=terminal, flush=True)
first, last = guests[min(guests)], guests[max(guests)]

# %% [markdown]
# What this came to, on images that nobody learns from:

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
# ## Four questions to one network
#
# Each is an experiment that differs from the run in `config.acquisition` alone. The network is that
# of the last cycle after which the run bought something; where it is no longer there, the last one,
# and the answers are what it would ask for next.
#
# - **random**: lots, no network is run;
# - **least confidence**: how far the likeliest class is from certain;
# - **entropy**: how evenly all classes are likely, in nats;
# - **margin**: how close the second likeliest class comes to the likeliest.


# %%
def asked(**changes: object) -> probe.Scores:
    """What the guest asks for when the run's question is changed."""
    other = defaults.restored(own.options)
    other.acquisition.update(changes)
    return probe.score_pool(build.build(other), guest)


last_purchase = max((cycle for cycle, regions in bought_after.items() if regions), default=0)
guest = guests.get(last_purchase, last)
replies = {name.replace("_", " "): asked(name=name) for name in defaults.QUESTIONS}
mine = own.options["acquisition.name"].replace("_", " ")

scored = directory.cycle_folder(workdir, guest.cycle).scores
if scored is None:
    print("After this cycle the run did not ask any more.")
else:
    same = np.array_equal(scored[0], replies[mine].scores)
    print(f"After cycle {guest.cycle}, {mine} scores every cell as the run did: {same}")

# %% [markdown]
# Framed cells are what the question would buy, gray ones were known. The three questions to the
# network gather where it is in doubt; lots fall anywhere.

# %%
images = np.flatnonzero(replies[mine].chosen.any(axis=(1, 2)))[:4]
pictures = [own.spec.train.read_image(image) for image in images]
names = [own.spec.train.names[image] for image in images]
comparisons.questions(
    pictures[:3],
    {name: reply.open_scores[images[:3]] for name, reply in replies.items()},
    {name: reply.chosen[images[:3]] for name, reply in replies.items()},
    replies[mine].grid.boxes,
    names[:3],
)

# %% [markdown]
# ## How far do they agree?
#
# Pixels that two questions would both buy, in % of those that either would, over the whole pool:


# %%
def pixels(reply: probe.Scores) -> np.ndarray:
    """What a reply would buy, pixel by pixel."""
    size = (own.spec.height, own.spec.width)
    return comparisons.chosen_pixels(reply.chosen, reply.grid.boxes, size)


def shared(one: probe.Scores, other: probe.Scores) -> float:
    """Overlap of two choices in %."""
    return 100 * comparisons.overlap(pixels(one), pixels(other)).share


rows = [
    (name, *(f"{shared(reply, other):.0f}" for other in replies.values()))
    for name, reply in replies.items()
]
print(tables.markdown(("", *replies), rows))


# %%
def compared(other: probe.Scores, labels: tuple[str, str]) -> object:
    """The picture of what the run's own question and another reply have in common."""
    print(f"{shared(replies[mine], other):.0f} % in common, over the whole pool")
    one, two = pixels(replies[mine])[images], pixels(other)[images]
    return comparisons.difference(pictures, one, two, labels, names)


rival = "margin" if mine != "margin" else "entropy"
compared(replies[rival], (mine, rival))

# %% [markdown]
# ## Larger cells
#
# Cells of twice the side, and a quarter as many of them, cost the same. The score of a large cell
# is the mean over more pixels: a small thing that is in doubt counts less there.

# %%
side = own.grid.cell_height, own.grid.cell_width
large = asked(
    cell_height=2 * side[0],
    cell_width=2 * side[1],
    cells_per_image=max(1, own.options["acquisition.cells_per_image"] // 4),
)
compared(large, (f"{side[0]}x{side[1]} pixels", f"{2 * side[0]}x{2 * side[1]} pixels"))

# %% [markdown]
# ## The best cells of the pool instead of each image's best
#
# The same number of pixels, spent wherever it is worth most: some images are asked about a lot, and
# others not at all.

# %%
scope = "pool" if own.options["acquisition.scope"] == "image" else "image"
elsewhere = asked(scope=scope)
for where, reply in ((own.options["acquisition.scope"], replies[mine]), (scope, elsewhere)):
    each = reply.chosen.sum(axis=(1, 2))
    print(
        f"scope {where}: {(each > 0).sum()} of {len(each)} images, up to {each.max()} cells in one"
    )
compared(elsewhere, (f"scope {own.options['acquisition.scope']}", f"scope {scope}"))

# %% [markdown]
# ## What the network makes of the answers
#
# The same images as the first and the last network see them. Framed is all that was bought of them.
# Blue pixels are right now and were not, orange ones are wrong now and were not.

# %%
see = predictor(own.method.predict, own.mesh, batch=len(pictures))
seen = {
    f"after cycle {one.cycle}": see(getattr(one.state, network), np.stack(pictures))
    for one in (first, last)
}
framed = np.zeros((len(own.spec.train.names), own.grid.rows, own.grid.cols), bool)
for image, row, col in sum(bought_after.values(), []):
    framed[image, row, col] = True
cells = predictions.Cells(framed[images], own.grid.boxes)
known = own.spec.train.known
truths = [
    own.spec.train.read_truth(image) if known[image] else last.known(image) for image in images
]
predictions.before_after(
    pictures,
    truths,
    {name: one.logits.argmax(axis=-1).astype(np.uint8) for name, one in seen.items()},
    classes,
    own.spec.palette,
    names,
    asked=cells,
)

# %% [markdown]
# And where they are in doubt:

# %%
predictions.uncertainty(
    pictures[:2],
    {name: one.uncertainty[:2] for name, one in seen.items()},
    names[:2],
    asked=predictions.Cells(cells.chosen[:2], cells.boxes),
)

# %% [markdown]
# ## What was paid for
#
# Classes among the labels of the first images, and among what was bought after each cycle. Do the
# cells that a network asks for hold more of the rare classes, at the bottom, than whole images do?

# %%
answers = [
    answer for of_image in read_answers(workdir / "annotations", own.spec) for answer in of_image
]
paid = {}
for cycle in sorted({answer.cycle for answer in answers}):
    name = f"bought after cycle {cycle - 1}" if cycle else "at the start"
    paid[name] = np.sum([one.class_pixels for one in answers if one.cycle == cycle], axis=0)
measures.class_shares(paid, classes)

# %% [markdown]
# ## What is still taken for something else

# %%
confusion = record.cycles[-1].confusion(network, split)
measures.confusion_matrix(confusion, classes)
