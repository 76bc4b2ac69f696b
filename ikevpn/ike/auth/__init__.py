"""How peers prove who they are: one row a method, and what a peer that has proved itself may use."""
