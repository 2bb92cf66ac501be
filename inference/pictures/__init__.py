"""What happens to pictures before and after a network, where they lie: in memory, or on a GPU."""
