"""Latency quantiles from merged sparse histograms: exact counts, each latency known to a quarter of an octave."""

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.tally import bucket_top

__all__ = ["QUANTILES", "quantiles"]

QUANTILES = {"p50": 0.50, "p90": 0.90, "p99": 0.99}


def quantile(share: float, buckets: Sequence[int], counts: Sequence[int]) -> float:
    """The top of the bucket in which `share` of all records is reached; buckets rise."""
    wanted = share * sum(counts)
    seen = 0
    for bucket, count in zip(buckets, counts, strict=True):
        seen += count
        if count and seen >= wanted:
            return bucket_top(bucket)
    return 0.0


def quantiles(row: Mapping[str, Any]) -> dict[str, float | int]:
    """`records`, `min`, `mean`, `p50`, `p90`, `p99`, `max` in ms, from a row of merged latencies."""
    buckets, counts = row["lat_b"], row["lat_c"]
    records = sum(counts)
    if not records:
        return {"records": 0}
    low, high = row["lat_min"], row["lat_max"]
    values = {name: round(min(max(quantile(share, buckets, counts), low), high), 1) for name, share in QUANTILES.items()}
    return {"records": records, "min": low, "mean": round(row["lat_sum"] / records, 1), **values, "max": high}
