"""Scenarios: what they are, what they stand on, what most of them prove, and how they are run."""
