from __future__ import annotations

from streams.backoff import Backoff


def test_pauses_double_up_to_the_longest() -> None:
    backoff = Backoff(0.5, 5.0, jitter=0.0)
    assert [backoff.pause() for _ in range(6)] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    backoff.reset()
    assert backoff.pause() == 0.5


def test_jitter_only_shortens_and_differs_between_cameras() -> None:
    first, second, again = (Backoff(1.0, 8.0, jitter=0.3, seed=seed) for seed in (1, 2, 1))
    pauses = [first.pause() for _ in range(50)]
    assert all(0.7 * full <= pause <= full for pause, full in zip(pauses, [1.0, 2.0, 4.0] + [8.0] * 47, strict=True))
    assert len(set(pauses[3:])) == 47
    assert pauses == [again.pause() for _ in range(50)]
    assert pauses != [second.pause() for _ in range(50)]


def test_failures_without_end_do_not_overflow() -> None:
    backoff = Backoff(0.5, 5.0, jitter=0.0)
    assert {backoff.pause() for _ in range(3000)} <= {0.5, 1.0, 2.0, 4.0, 5.0}
