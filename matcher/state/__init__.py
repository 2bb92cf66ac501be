"""The whole state of a matcher as bytes, and back: the very same matcher, to the last bit of every decision that follows."""

from matcher.state.encoding import StateError
from matcher.state.snapshot import Origin, origin_of, packed_state_of, restored, restored_from_packed, state_of

__all__ = ["Origin", "StateError", "origin_of", "packed_state_of", "restored", "restored_from_packed", "state_of"]
