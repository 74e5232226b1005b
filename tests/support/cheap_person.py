"""`tests/support/cheap_method.py` on photographs of which nobody but a person knows the masks.

    python -m s4al_jax.main --config=tests/support/cheap_person.py:PHOTOGRAPHS --workdir=WORKDIR

Not a test: PHOTOGRAPHS is a folder that `tests/support/photographs.py` has drawn, without most
masks.
"""

from ml_collections import ConfigDict

from tests.support import cheap_method


def get_config(photographs: str) -> ConfigDict:
    """Two cycles and one acquisition, which waits for answers in files."""
    config = cheap_method.get_config().unlock()
    config.data.name, config.data.root = "folder", photographs
    config.data.kwargs = ConfigDict({"split": "folders"})
    config.annotator.name, config.annotator.person = "files", "Ada"
    config.lock()
    return config
