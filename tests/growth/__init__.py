"""What one step costs while ten, a hundred or ten thousand other tunnels are up."""
