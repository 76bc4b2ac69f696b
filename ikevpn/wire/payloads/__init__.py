"""One file a kind of payload: octets to frozen values and back."""
