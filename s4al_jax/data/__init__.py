"""Datasets: images and label maps on a disk, checked and brought to one size."""
