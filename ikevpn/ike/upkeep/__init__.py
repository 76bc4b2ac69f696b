"""What keeps an IKE SA alive and ends it: DPD, informational exchanges, lifetimes."""
