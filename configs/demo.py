"""Street scenes that the project draws itself, small enough for two CPU cores.

    s4al train demo --workdir=runs/demo
    python -m s4al_jax.main --config=configs/demo.py --workdir=runs/demo

`s4al demo` runs this and `demo:supervised`, and compares them. Studies: `:supervised`,
`:supervised_initial`, `:random`, `:least_confidence`, `:entropy`, `:margin`.
"""

from ml_collections import ConfigDict

from s4al_jax.config import defaults


def get_config(study: str | None = None) -> ConfigDict:
    """The demo, or one of its studies."""
    config = defaults.default()
    config.data.height, config.data.width = 96, 128
    config.data.kwargs.update(train=160, val=32, test=64)
    config.model.backbone.kwargs.width = 0.35
    # Running statistics of two small images a step are rough: they are averaged for longer.
    config.model.norm_momentum = 0.98
    config.model.head.kwargs.update(aspp_channels=64, low_level_channels=32, dropout=0.0)
    config.regions.kwargs.update(cell_height=8, cell_width=8)
    config.batch.unlabeled = 2
    config.method.kwargs.warm_start = True  # there are no ImageNet weights to start again from
    config.schedule.update(iterations=20, epochs=15, last_epochs=35)
    # From random weights it takes a while until pseudo-labels are worth anything.
    config.method.kwargs.update(warmup_epochs=12, replay_start_epoch=14)
    config.optimizer.learning_rate = 0.05
    config.evaluate.update(every_epochs=15, batch=16, splits=("test",))
    config.score.batch = 16
    config.checkpoint.every_epochs = 15
    return defaults.study(config, study, supervised={"iterations": 20, "epochs": 65})
