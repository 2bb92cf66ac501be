"""Live cameras from H.264 files: an RTSP server that never re-encodes, with faults to order and clocks that are known."""

from simulation.rtsp.authorisation import Authorisation
from simulation.rtsp.camera import RtspCamera
from simulation.rtsp.footage import Footage, FootageError
from simulation.rtsp.server import RtspServer

__all__ = ["Authorisation", "Footage", "FootageError", "RtspCamera", "RtspServer"]
