"""The web page for people: cameras, matches and their reasons."""
