"""Algorithms of ESP and AH, one file each, and the choice among them."""
