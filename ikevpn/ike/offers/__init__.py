"""SA payloads: what is offered, and the choice among what a peer offers."""
