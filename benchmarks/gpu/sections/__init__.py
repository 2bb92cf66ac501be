"""One module for each part of the measurement; none is imported before its own process runs it."""
