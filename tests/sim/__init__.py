"""A simulator: whole hosts with real IKE engines in virtual time, on a network that is as bad as a seed says."""
