from pathlib import Path

import jsonschema
import pytest
import yaml

from throughline.settings import Site, SiteFileError, dump_site, load_site, parse_site, site_json_schema

HARBOUR = """\
site: harbour
kafka: {bootstrap_servers: "kafka.example:9092", sasl_password: "${KAFKA_PASSWORD}"}
cameras:
  - id: c01
    url: rtsp://${CAM_USER}:${CAM_PASSWORD:-none}@10.0.0.11/stream1
    clock: {offset: -2.5s}
    zones: {south: [[0, 700], [400, 700], [400, 1080]]}
    roi: masks/c01.png
  - {id: c02, fps: 5, number: 7}
links:
  - {from: c01, to: c02, travel: {min: 8s, max: 1.5m}, both_ways: true}
groups:
  plaza: {cameras: [c01, c02], link: {travel: {min: -5, typical: 0, max: 5}}}
matching: {confirm_after: 20s}
"""
VARIABLES = {"KAFKA_PASSWORD": "s3cret", "CAM_USER": "anna"}


def harbour() -> Site:
    return parse_site(HARBOUR, variables=VARIABLES)


def error(text: str) -> str:
    with pytest.raises(SiteFileError) as caught:
        parse_site(text, name="harbour.yaml", variables={})
    return str(caught.value)


def test_a_site_file_is_read_with_defaults_and_variables() -> None:
    site = harbour()
    assert site.camera("c01").url == "rtsp://anna:none@10.0.0.11/stream1"
    assert site.camera("c01").clock.offset == -2.5
    assert (site.camera("c01").number, site.camera("c02").number) == (1, 7)
    assert site.camera("c02").frame_rate_of_recordings == 5
    assert site.links[0].travel.max == 90
    assert site.links[0].travel.mode == 8 + 0.25 * 82
    assert site.matching.confirm_after == 20
    assert site.kafka.topic("matches") == "throughline.matches"
    with pytest.raises(KeyError):
        site.camera("c09")


def test_paths_are_relative_to_the_site_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "site: a\nmodels: {detector: nets/d.onnx, embedders: [{model: colour-histogram}, {model: /opt/e.onnx}]}\n"
        "cameras: [{id: c1, url: clips/a.mp4, roi: c1.png}, {id: c2, url: webcam:0}]\n"
        "kafka: {ssl_cafile: ca.pem}\n"
    )
    site = load_site(tmp_path / "a.yaml")
    camera, webcam = site.cameras
    assert site.models.detector == str(tmp_path / "nets/d.onnx")
    assert [member.model for member in site.models.embedders] == ["colour-histogram", "/opt/e.onnx"]
    assert site.kafka.ssl_cafile == tmp_path / "ca.pem"
    assert camera.url == str(tmp_path / "clips/a.mp4")
    assert camera.roi == tmp_path / "c1.png"
    assert webcam.url == "webcam:0"


def test_what_is_written_is_read_back() -> None:
    text = dump_site(harbour())
    assert parse_site(text).links == harbour().links
    assert "s3cret" not in text


def test_secrets_stay_out_of_texts_of_the_settings() -> None:
    assert "s3cret" not in repr(harbour())


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("site: a\ncameras:\n  - id: c1\n    fpz: 3\n", 4, "cameras[0].fpz: no such field"),
        ("site: a\ncameras:\n  - id: c1\n    fps: fast\n", 4, "cameras[0].fps: input should be a valid number"),
        ("site: a\ncameras:\n  - id: c1\n    fps: 0\n", 4, "greater than 0"),
        ("site: a\ncameras: []\n", 2, "cameras: "),
        ("site: a\ncameras: [{id: c1}, {id: c1}]\n", 2, "two cameras are called c1"),
        ("site: a\n", 1, "cameras: field required"),
        ("site: a b\ncameras: [{id: c1}]\n", 1, "site: string should match pattern"),
        ("site: a\ncameras: [{id: c1}]\nlinks:\n  - {from: c1, to: c2, travel: {min: 1, max: 2}}\n", 1, "names the camera c2"),
        ("site: a\ncameras: [{id: c1}, {id: c2}]\nlinks:\n  - {from: c1, to: c1, travel: {min: 1, max: 2}}\n", 4, "to itself"),
        ("site: a\ncameras: [{id: c1}]\ngroups: {g: {cameras: [c1, c8]}}\n", 1, "the group g names the camera c8"),
        (
            "site: a\ncameras: [{id: c1}, {id: c2}]\nlinks:\n  - from: c1\n    to: c2\n    travel: {min: 9, max: 2}\n",
            6,
            "min <= typical",
        ),
        ("site: a\ncameras:\n  - {id: c1, url: 'http://x'}\n", 3, "'http' is not a source"),
        ("site: a\nkafka: {bootstrap_servers: nowhere}\ncameras: [{id: c1}]\n", 2, "is not host:port"),
        ("site: a\nkafka: {min_insync_replicas: 2}\ncameras: [{id: c1}]\n", 2, "cannot be more than replication (1)"),
        ("site: a\nmatching: {confirm_after: soon}\ncameras: [{id: c1}]\n", 2, "is not a duration"),
        (
            "site: a\ncameras:\n  - id: c1\n    url: rtsp://${CAM_PASSWORD}@x\n",
            4,
            "the environment variable CAM_PASSWORD is not set",
        ),
        ("site: a\nsite: b\n", 2, "site: given twice"),
        ("site: a\n  cameras: [\n", 2, "not valid YAML"),
        ("- just\n- a list\n", 1, "expected fields"),
        ("", 1, "expected fields"),
        (
            "site: a\ncameras:\n  - id: c1\n    ground: {homography: [[1, 0, 0], [0, 1, 0], [0, 0, 0]]}\n",
            4,
            "the matrix cannot be inverted",
        ),
    ],
)
def test_an_error_names_file_line_and_field(text: str, line: int, expected: str) -> None:
    message = error(text)
    assert message.startswith(f"harbour.yaml:{line}: ")
    assert expected in message


def test_every_problem_gets_a_line_and_no_value_is_repeated() -> None:
    message = error("site: a\ncameras:\n  - id: c1\n    fps: s3cret\nkafka: {port: 1}\n")
    assert len(message.splitlines()) == 2
    assert "s3cret" not in message


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(SiteFileError, match="no such file"):
        load_site(tmp_path / "nowhere.yaml")


def test_the_json_schema_accepts_what_the_site_file_accepts() -> None:
    schema = site_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(yaml.safe_load(HARBOUR))
    assert not validator.is_valid({"site": "a", "cameras": [{"id": "c1", "fpz": 3}]})
