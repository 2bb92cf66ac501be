"""The scenarios that are shipped: streets, cameras and demand of each, written down once."""
