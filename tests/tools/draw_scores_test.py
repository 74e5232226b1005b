"""The tool that draws what a run chose."""

from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import Command, FinishedRun


def test_a_picture_is_drawn_with_the_run_s_own_options(
    straight: FinishedRun, tool: Command, tmp_path: Path
) -> None:
    assert tool("draw_scores", straight.workdir, f"--out={tmp_path / 'new/scores.png'}") == 0
    with Image.open(tmp_path / "new/scores.png") as picture:
        assert min(picture.size) > 300


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cycle=1"], "has no scores: name an earlier --cycle"),
        (["--image=6"], "--image=6: the pool has the images 0 to 5"),
        (["--out=scores.nothing"], "scores.nothing: cannot write"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_one_line(
    straight: FinishedRun,
    tool: Command,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    assert tool("draw_scores", straight.workdir, *arguments) == 1
    assert message in capsys.readouterr().err
