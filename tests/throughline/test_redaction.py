from __future__ import annotations

from pathlib import Path

import pytest

from throughline.redaction import redact_url, redact_value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rtsp://admin:hunter2@10.0.0.11:554/stream1", "rtsp://***@10.0.0.11:554/stream1"),
        ("rtsp://admin:hunt@r2@10.0.0.11/1", "rtsp://***@10.0.0.11/1"),
        ("rtsp://admin:hunt/er2@10.0.0.11/1", "rtsp://***@10.0.0.11/1"),
        ("rtsp://admin:hunt#er?2@10.0.0.11/1", "rtsp://***@10.0.0.11/1"),
        ("rtsp://admin:@host/1", "rtsp://***@host/1"),
        ("rtsp://hunter2@host/1", "rtsp://***@host/1"),
        ("RTSPS://admin:hunter2@host/1", "RTSPS://***@host/1"),
        ("rtsp://a:b@one,rtsp://c:d@two", "rtsp://***@one,rtsp://***@two"),
        ("cannot open 'rtsp://a:b@one/x': 401 (\"http://c:d@two\")", "cannot open 'rtsp://***@one/x': 401 (\"http://***@two\")"),
        ("rtsp://host/live?user=admin&password=hun_ter2&channel=1", "rtsp://host/live?user=admin&password=***&channel=1"),
        ("rtsp://host/user=admin_password=hunter2_channel=1", "rtsp://host/user=admin_password=***_channel=1"),
    ],
)
def test_takes_credentials_out_of_urls(text: str, expected: str) -> None:
    assert redact_url(text) == expected
    assert redact_url(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://10.0.0.11:554/stream@2x",
        "rtsp://10.0.0.11/stream@2x",
        "rtsp://[fe80::1]:554/stream@2x",
        "webcam:0",
        "mail to operator@example.org",
        "bypass=1 of 3",
        "C:\\clips\\a.mp4",
    ],
)
def test_leaves_other_texts_alone(text: str) -> None:
    assert redact_url(text) == text


def test_reaches_into_values() -> None:
    camera_url = "rtsp://admin:hunter2@host/1"
    value = redact_value(
        {
            "cameras": [camera_url, (camera_url, {"url": camera_url})],
            camera_url: 1,
            "error": ConnectionError(f"refused: {camera_url}"),
            "path": Path("clips/a.mp4"),
            "bytes": camera_url.encode(),
            "sasl_password": "hunter2",
            "fps": 9.5,
            "ok": True,
            "none": None,
        }
    )
    assert "hunter2" not in repr(value)
    assert value["cameras"] == ["rtsp://***@host/1", ["rtsp://***@host/1", {"url": "rtsp://***@host/1"}]]
    assert value["error"] == "ConnectionError: refused: rtsp://***@host/1"
    assert (value["path"], value["fps"], value["ok"], value["none"]) == ("clips/a.mp4", 9.5, True, None)


def test_a_value_called_password_is_no_clue_to_its_length() -> None:
    assert redact_value("a", "password") == redact_value("a" * 40, "kafka.sasl_password") == "***"
    assert redact_value("c01", "passage") == "c01"
