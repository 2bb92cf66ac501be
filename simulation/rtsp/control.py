"""Orders to a running server: one line of JSON each, and one line in answer."""

from __future__ import annotations

import json
from typing import Any

from simulation.rtsp.disturbances import Disturbances
from simulation.rtsp.faults import FaultError
from simulation.rtsp.server import RtspServer

__all__ = ["CONTROL_HELP", "answer"]

CONTROL_HELP = (
    'take orders from stdin, a line of JSON each, and answer each with a line: {"fault": "c01:stall@0+10"} (AT counts from now) '
    'and {"status": true} (faults in force, what was counted, viewers)'
)


def answer(line: str, server: RtspServer, disturbances: Disturbances) -> str:
    """Carries out one order; an order that cannot be is answered with why."""
    try:
        return json.dumps({"ok": True, **_carried_out(line, server, disturbances)})
    except FaultError as error:
        return json.dumps({"ok": False, "error": str(error)})


def _carried_out(line: str, server: RtspServer, disturbances: Disturbances) -> dict[str, Any]:
    try:
        order = json.loads(line)
    except ValueError as error:
        raise FaultError(f"not a line of JSON: {error}") from error
    match order:
        case {"fault": str(text)}:
            fault = disturbances.order(text)
            return {"fault": fault.text, "at": round(fault.at, 3)}
        case {"status": True}:
            active = disturbances.active()
            cameras = {
                camera.name: {"viewers": camera.viewers, "faults": active[camera.name], "counts": dict(camera.counts)}
                for camera in server.cameras
            }
            return {"seconds": round(server.seconds, 3), "cameras": cameras}
    raise FaultError('expected {"fault": "CAMERA:KIND..."} or {"status": true}')
