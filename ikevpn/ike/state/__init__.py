"""What the engine remembers, its indexes and its timers. Decides nothing."""
