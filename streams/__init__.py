"""One camera in, tracklets out: sources, clocks, the camera worker, the tracker, building of tracklets."""
