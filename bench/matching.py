"""The search over a catalogue: what people mean among the first five, and how long it takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles

from bench.misspelt import queries
from bench.rows import Row
from engine.faults import Faults
from engine.loading.files import read_files
from engine.matching.index import Document, Index
from engine.matching.vocabulary import Vocabulary
from sandbox.kfa.catalogue import Catalogue, generate

CONFIG = Path(__file__).resolve().parent.parent / "config"
QUERIES = 1_000


def documents(catalogue: Catalogue) -> Iterator[Document]:
    """Products, and each template once, found as the shipped mapping finds them."""
    for product in catalogue.products:
        ingredients = " ".join(product.template.presentation.ingredients)
        yield Document(product.code, f"{product.name} {ingredients} {product.brand}")
    for template in catalogue.templates:
        yield Document(template.code, f"{template.name} {' '.join(template.presentation.ingredients)}")


def vocabulary() -> Vocabulary:
    """The shipped one."""
    return Vocabulary.of(read_files(CONFIG, Faults()).vocabularies["drugs"].plain())


def rows(sizes: tuple[int, ...] = (20_000, 100_000), count: int = QUERIES) -> Iterator[Row]:
    for size in sizes:
        catalogue, known = generate(size), vocabulary()
        index = Index(known, documents(catalogue))
        first = five = 0
        taken = []
        for query in queries(catalogue.products, count):
            began = time.perf_counter()
            keys = [hit.key for hit in index.search(query.text, 5)]
            taken.append((time.perf_counter() - began) * 1000)
            first += keys[:1] != [] and keys[0] in query.meant
            five += any(key in query.meant for key in keys)
        slow = quantiles(taken, n=20)[-1]
        what = f"search of {size:,} products, recall@5 (@1 {first / count:.3f})"
        yield Row(what, f"{count:,} misspelt queries", five / count, ">= 0.95", slow, "ms p95")


def main() -> None:
    for row in rows():
        print(row)


if __name__ == "__main__":
    main()
