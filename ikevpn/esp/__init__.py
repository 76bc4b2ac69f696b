"""ESP (RFC 4303): batches of inner packets to batches of ESP packets and back. Opens no socket and reads no clock."""
