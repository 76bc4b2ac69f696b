"""The control process's side: starts the workers, tells each what is for it, notices its end."""
