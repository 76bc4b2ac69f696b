"""What the daemon needs of its host, gives up, and puts back."""
