"""What control process and workers say to each other, and how it travels."""
