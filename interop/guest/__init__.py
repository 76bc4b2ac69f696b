"""The kernel guest: a small Debian under User-Mode Linux whose kernel has ESP, with strongSwan and libreswan in it."""
