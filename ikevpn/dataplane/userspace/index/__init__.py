"""What is found among many without looking at all of them: policies, flows, the next deadline."""
