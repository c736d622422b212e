"""The generators of the built-in model's training data (see ../README.md)."""
