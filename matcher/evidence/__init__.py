"""What speaks for and against a join: one term each, in log-likelihood ratios that add."""
