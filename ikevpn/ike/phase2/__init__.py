"""Quick mode, and the pairs of IPsec SAs that it makes."""
