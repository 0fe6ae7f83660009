"""What GET /metrics tells, parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx
    from prometheus_client import Metric
    from prometheus_client.samples import Sample

PATH = "/metrics"


class Exposition:
    """An answer of GET /metrics."""

    def __init__(self, text: str) -> None:
        """Parses it."""
        self.text = text
        self.families: dict[str, Metric] = {}
        for family in text_string_to_metric_families(text):
            assert family.name not in self.families, "each metric is told once"
            self.families[family.name] = family
        self.samples: list[Sample] = [sample for family in self.families.values() for sample in family.samples]

    def matching(self, name: str, **labels: str) -> Iterator[Sample]:
        """The samples of this name that have at least these labels."""
        return (one for one in self.samples if one.name == name and labels.items() <= one.labels.items())

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples of this name that have at least these labels; 0 where there is none."""
        return sum(one.value for one in self.matching(name, **labels))

    def labels(self, name: str, label: str) -> set[str]:
        """The values of a label."""
        return {one.labels[label] for one in self.matching(name)}


async def scrape(client: httpx.AsyncClient) -> Exposition:
    """Asks for the metrics."""
    answer = await client.get(PATH)
    assert answer.status_code == 200, answer.text
    return Exposition(answer.text)
