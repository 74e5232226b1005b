"""What a part of an image is that can be annotated as one unit: the kinds there are."""
