"""How fast it is, against its peers."""
