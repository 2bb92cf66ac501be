"""Loss functions, each on plain tensors."""

from training.losses.attention import attention_loss
from training.losses.attributes import attribute_loss
from training.losses.contrastive import contrastive_loss
from training.losses.heatmaps import heatmap_loss
from training.losses.identity import identity_loss
from training.losses.triplet import batch_hard_triplet

__all__ = ["attention_loss", "attribute_loss", "batch_hard_triplet", "contrastive_loss", "heatmap_loss", "identity_loss"]
