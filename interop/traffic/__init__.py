"""What is sent through a tunnel to see whether it carries."""
