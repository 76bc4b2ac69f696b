"""SAs, policies and the packets between them, outward and inward. Knows no socket and no clock."""
