"""The frozen values that all rooms share. They know the numbers of `wire.registry` and nothing else."""
