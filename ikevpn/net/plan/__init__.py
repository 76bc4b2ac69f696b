"""What is changed on the host, as steps: planned, applied forwards, undone backwards, and kept in a journal."""
