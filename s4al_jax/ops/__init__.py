"""Operations of layers, each in the formulation that is fastest on a platform."""
