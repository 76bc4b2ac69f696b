"""The process that moves packets: its loop, and what it does beside moving them."""
