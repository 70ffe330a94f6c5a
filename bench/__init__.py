"""Benchmarks: what Sololine costs, beside a baseline measured in the same run."""
