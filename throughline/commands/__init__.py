"""The composition root: one module per command; each imports the parts it needs, late."""

from inference.threads import limit_threads

limit_threads()  # before any command loads numpy, whose libraries read their settings only once
