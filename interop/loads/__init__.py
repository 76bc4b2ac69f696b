"""Long and heavy runs: floods, many tunnels, hours of traffic."""
