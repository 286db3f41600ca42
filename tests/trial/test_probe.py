"""The probe's latencies: beyond so many, what is kept stands for all that was seen, early and late alike."""

import pytest

from trial.probe import Sample, Samples, quantile


def test_samples_of_a_long_demo_lean_neither_to_its_beginning_nor_to_its_end() -> None:
    samples = Samples(2_000)
    for start in range(0, 100_000, 500):
        samples.add(Sample(0, latency) for latency in range(start, start + 500))
    kept = sorted(sample.latency for sample in samples.kept)
    assert len(kept) == 2_000
    for share in (0.1, 0.25, 0.5, 0.75, 0.9):
        assert quantile(kept, share) == pytest.approx(share * 100_000, abs=5_000)


def test_few_samples_are_all_kept() -> None:
    samples = Samples(10)
    samples.add([Sample(5, 3), Sample(6, 1)])
    samples.add([Sample(7, 2)])
    assert sorted(samples.kept) == [(5, 3), (6, 1), (7, 2)]
