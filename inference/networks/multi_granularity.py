"""MGN: one backbone whose last stages are copied into branches that look at a vehicle in parts.

Wang, Yuan, Chen, Li, Zhou: *Learning Discriminative Features with Multiple Granularities for Person Re-Identification*, ACM
MM 2018 (arXiv 1804.01438): a global branch, halves and thirds from top to bottom. Vehicles also have a left and a right:
a branch of halves from left to right is added; it shapes the shared stages in training and is not part of the embedding.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from inference.networks.backbone import Backbone, remove_stride
from inference.networks.neck import BnNeck, NeckOutput
from inference.networks.network import IMAGENET_MEAN, IMAGENET_STD, Network, Outputs, unit
from inference.networks.pooling import pool_stripes

__all__ = ["BRANCHES", "Branch", "MultiGranularityNetwork"]


@dataclass(frozen=True, slots=True)
class Branch:
    """One view of the vehicle.

    Attributes:
        rows: Stripes from top to bottom.
        columns: Stripes from left to right; 1 x 1: the whole vehicle only.
        whole_tested: Whether the vector of the whole vehicle is part of the embedding.
        parts_tested: Which stripes' vectors are part of the embedding.
    """

    rows: int
    columns: int
    whole_tested: bool = True
    parts_tested: tuple[int, ...] = ()

    @property
    def parts(self) -> int:
        """Stripes beside the whole; 0 where the whole is all."""
        return self.rows * self.columns if self.rows * self.columns > 1 else 0


BRANCHES = (
    Branch(1, 1),
    Branch(2, 1),
    Branch(1, 2, whole_tested=False),
    Branch(3, 1, parts_tested=(1,)),
)
"""Global, top and bottom, left and right, thirds: 4 vectors of the whole and 7 of parts, of which 3 and the middle third are
compared."""


class MultiGranularityNetwork(Network):
    """Shared stages, a copy of the last two stages for each branch, and a BNNeck for the whole and each part of a branch.

    ``identity`` has the logits of all vectors, first those of the whole in the order of the branches, then those of the
    parts; ``feature`` the vectors of the whole.

    Args:
        classes: ``identity`` only.
        backbone: Name in timm.
        pretrained: Start the backbone, and thereby every branch, from ImageNet's weights.
        input_size: (height, width) in pixels.
        mean: Of each channel.
        std: Of each channel.
        part_size: Length of each vector.
        left_right: Whether there is a branch of halves from left to right.
        dropout: Share of the pooled values that training drops.

    Raises:
        ValueError: the classes name more than identities, or the backbone has no four stages.
    """

    def __init__(
        self,
        classes: Mapping[str, int],
        *,
        backbone: str = "resnet101",
        pretrained: bool = False,
        input_size: tuple[int, int] = (288, 384),
        mean: tuple[float, float, float] = IMAGENET_MEAN,
        std: tuple[float, float, float] = IMAGENET_STD,
        part_size: int = 256,
        left_right: bool = True,
        dropout: float = 0.0,
    ) -> None:
        if set(classes) - {"identity"}:
            raise ValueError(f"this network has no classifiers but that of identities; its classes are {dict(classes)}")
        body = Backbone(backbone, pretrained=pretrained, last_stride=2)
        if len(body.stages) < 4:
            raise ValueError(f"{backbone} is not made of four stages, of which branches could copy the last two")
        self._views = tuple(view for view in BRANCHES if left_right or view.columns == 1)
        tested = sum(view.whole_tested + len(view.parts_tested) for view in self._views)
        super().__init__(input_size=input_size, mean=mean, std=std, embedding_size=tested * part_size)
        self.shared = body.stages[:2]
        self.branches = torch.nn.ModuleList(_branch(body, view) for view in self._views)
        identities = classes.get("identity", 0)

        def necks(count: int) -> torch.nn.ModuleList:
            return torch.nn.ModuleList(BnNeck(body.channels[-1], part_size, identities, dropout=dropout) for _ in range(count))

        self.whole_necks = necks(len(self._views))
        self.part_necks = necks(sum(view.parts for view in self._views))

    def forward(self, images: torch.Tensor) -> Outputs:
        """Runs the network; see `Network`."""
        for stage in self.shared:
            images = stage(images)
        whole: list[NeckOutput] = []
        parts: list[NeckOutput] = []
        tested: list[torch.Tensor] = []
        part_necks = iter(self.part_necks)
        for view, branch, neck in zip(self._views, self.branches, self.whole_necks, strict=True):
            features = branch(images)
            whole.append(neck(features.mean((2, 3))))
            stripes = pool_stripes(features, view.rows, view.columns) if view.parts else []
            found = [next(part_necks)(stripe) for stripe in stripes]
            parts += found
            tested += [whole[-1].after] if view.whole_tested else []
            tested += [found[part].after for part in view.parts_tested]
        embedding = torch.cat(tested, 1)
        outputs: Outputs = {
            "embedding": embedding if self.training else unit(embedding),
            "feature": tuple(one.after for one in whole),
        }
        logits = tuple(one.identity for one in (*whole, *parts) if one.identity is not None)
        if logits:
            outputs["identity"] = logits
        return outputs

    def backbone_parameters(self) -> list[torch.nn.Parameter]:
        """Parameters of the shared stages and of all branches."""
        return [*self.shared.parameters(), *self.branches.parameters()]


def _branch(body: Backbone, view: Branch) -> torch.nn.Sequential:
    """A copy of the last two stages; where there are parts, with the resolution of the stage before."""
    stages = copy.deepcopy(body.stages[2:])
    if view.parts:
        remove_stride(stages[-1])
    return torch.nn.Sequential(*stages)
