"""A city with ground truth: traffic, footage, and an RTSP server with faults."""
