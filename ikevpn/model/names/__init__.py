"""Distinguished names: their DER, their text, their comparison, and patterns for them."""
