import pytest
from hypothesis import given
from hypothesis import strategies as st

from throughline.times import after, parse_duration, seconds_between, to_instant, to_iso


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30.0), ("500ms", 0.5), ("2m", 120.0), ("1h", 3600.0), ("7d", 604800.0), ("-1.5", -1.5), (4, 4.0)],
)
def test_durations_are_read_in_seconds(text: str | float, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "3 parsecs", "1e3", "s"])
def test_other_texts_are_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match="30s, 500ms"):
        parse_duration(text)


@given(st.integers(0, 4_000_000_000_000_000), st.floats(-1e6, 1e6))
def test_after_and_seconds_between_agree_to_the_microsecond(instant: int, seconds: float) -> None:
    assert seconds_between(instant, after(instant, seconds)) == pytest.approx(seconds, abs=1e-6)


def test_instants_are_written_in_utc_with_microseconds() -> None:
    assert to_iso(to_instant(1_700_000_000.25)) == "2023-11-14T22:13:20.250000Z"
