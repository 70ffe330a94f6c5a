"""Metrics as Prometheus reads them."""

from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families


def values(text: str) -> dict[str, float]:
    """Every sample by its name and labels, as they are written: `name{label="value"}`."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
    return found


def value(registry: CollectorRegistry, name: str, **labels: str) -> float:
    """One sample; 0 when there is none."""
    return registry.get_sample_value(f"sololine_{name}", labels) or 0
