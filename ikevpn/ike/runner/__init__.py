"""Takes the rows of a script one after the other, whatever the exchange: duplicates, retransmission, protection."""
