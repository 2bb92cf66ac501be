"""What runs a network: one protocol, and an engine for each kind of machine."""
