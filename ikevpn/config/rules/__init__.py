"""What is said about complete configurations: advice, and tunnels that cannot live together."""
