import json
from pathlib import Path

import jsonschema
import msgspec
import pytest
import yaml

from tests.throughline.test_messages import tracklet
from throughline.messages import SCHEMAS
from throughline.schemas import generate

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"


@pytest.mark.parametrize("name", sorted(generate()))
def test_the_generated_reference_is_up_to_date(name: str) -> None:
    path = REFERENCE / name
    assert path.is_file(), "run: python -m throughline.schemas"
    assert path.read_text(encoding="utf-8") == generate()[name], "run: python -m throughline.schemas"


def test_a_tracklet_satisfies_its_published_schema() -> None:
    schema = json.loads(generate()["schemas/tracklet-1.schema.json"])
    builtins = msgspec.json.decode(msgspec.json.encode(tracklet()))
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(builtins)
    assert not validator.is_valid({**builtins, "revision": "two"})


def test_every_message_has_a_channel_and_a_payload_schema() -> None:
    page = yaml.safe_load(generate()["asyncapi.yaml"])
    in_channels = {name for channel in page["channels"].values() for name in channel["messages"]}
    assert in_channels == {name.replace("/", "-") for name in SCHEMAS.values()} == set(page["components"]["messages"])
    for message in page["components"]["messages"].values():
        assert (REFERENCE / message["payload"]["$ref"]).is_file()
