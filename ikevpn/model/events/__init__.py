"""What happened and why, as codes and facts, and the one table of sentences for people."""
