"""One module per command; the composition root."""
