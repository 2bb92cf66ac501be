"""The composition root: one module per command; each imports the parts it needs, late."""

import sys

from inference.threads import limit_threads

limit_threads()  # before any command loads numpy, whose libraries read their settings only once
sys.setswitchinterval(0.001)  # the matcher decides in a thread; frames must not wait the default 5 ms for each turn
