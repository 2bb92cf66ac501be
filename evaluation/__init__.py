"""Pure metrics on arrays and their reports."""
