import numpy as np
import pytest

from throughline.types import Detections


def test_detections_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="do not agree"):
        Detections(np.zeros((2, 4), np.float32), np.zeros(3, np.float32), np.zeros(2, np.int64))
    with pytest.raises(ValueError, match="embeddings"):
        Detections(np.zeros((2, 4), np.float32), np.zeros(2, np.float32), np.zeros(2, np.int64), np.zeros((1, 8), np.float32))


def test_select_takes_rows_by_mask_and_by_index() -> None:
    boxes = np.arange(12, dtype=np.float32).reshape(3, 4)
    detections = Detections(boxes, np.array([0.1, 0.2, 0.3], np.float32), np.array([0, 1, 2]), np.eye(3, dtype=np.float32))
    assert detections.select(np.array([True, False, True])).classes.tolist() == [0, 2]
    picked = detections.select(np.array([2, 0]))
    assert picked.boxes.tolist() == boxes[[2, 0]].tolist()
    assert picked.embeddings is not None
    assert picked.embeddings.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert len(Detections.empty()) == 0
