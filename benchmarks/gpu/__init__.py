"""What a machine's GPU does for the product: what is there, whether it computes what the CPU computes, and how fast it is.

The command's own process uses the standard library alone; each section runs in a process of its own, so that a library that
crashes ends its section and nothing else.
"""
