"""Frozen values that the state of the engine is made of, and that know nothing of it."""
