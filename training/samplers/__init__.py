"""Which pictures make a batch, as a function of the step."""

from training.samplers.by_source import SourceSampler
from training.samplers.hard_identities import HardIdentitySampler
from training.samplers.identities import IdentityCameraSampler, IdentitySampler, Sampler
from training.samplers.shuffled import ShuffledSampler

__all__ = ["HardIdentitySampler", "IdentityCameraSampler", "IdentitySampler", "Sampler", "ShuffledSampler", "SourceSampler"]
