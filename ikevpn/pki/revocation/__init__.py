"""Whether a certificate was revoked. Pure: lists are arguments, whoever fetched them."""
