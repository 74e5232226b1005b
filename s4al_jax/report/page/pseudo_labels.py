"""The accuracy of a network's labels of unlabeled pixels, where their truth is known."""

import numpy as np

from s4al_jax.report.page import schema


class Tally:
    """Counts pixels of one cycle, image by image."""

    def __init__(self, classes: int, threshold: float) -> None:
        """Above the `threshold` a probability counts as confident."""
        self._classes, self._threshold = classes, threshold
        self._images = self._confident = self._confident_and_right = 0
        self._pixels, self._right = np.zeros(classes, np.int64), np.zeros(classes, np.int64)

    def add(
        self, truth: np.ndarray, labeled: np.ndarray, predicted: np.ndarray, confidence: np.ndarray
    ) -> None:
        """Count an image.

        Args:
          truth: class ids and `VOID`.
          labeled: the pixels whose labels the training knows, which are not counted.
          predicted: the network's labels.
          confidence: uint8, 255 for a probability of 1.
        """
        counted = (truth < self._classes) & ~labeled
        if not counted.any():
            return
        true = truth[counted]
        right = predicted[counted] == true
        confident = confidence[counted] / 255 > self._threshold
        self._images += 1
        self._pixels += np.bincount(true, minlength=self._classes)
        self._right += np.bincount(true[right], minlength=self._classes)
        self._confident += int(confident.sum())
        self._confident_and_right += int((right & confident).sum())

    @property
    def result(self) -> schema.PseudoLabels | None:
        """All shares; None where there was nothing to count."""
        total = int(self._pixels.sum())
        if not total:
            return None
        return {
            "accuracy": int(self._right.sum()) / total,
            "confident_accuracy": (
                self._confident_and_right / self._confident if self._confident else None
            ),
            "confident_share": self._confident / total,
            "class_accuracy": [
                int(right) / int(pixels) if pixels else None
                for right, pixels in zip(self._right, self._pixels, strict=True)
            ],
            "images": self._images,
        }
