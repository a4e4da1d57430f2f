"""Loads the webhooks of the YAML."""

from __future__ import annotations

from collections.abc import Collection

from engine.catalog.reading import values
from engine.catalog.reading.files import Sections
from engine.source.faults import Faults, did_you_mean
from engine.specs.webhook import Webhook

NAME_LENGTH = 32  # of a webhook: its credentials are stored as webhook:NAME, in 40 characters


def load_webhooks(sections: Sections, specs: Collection[str], faults: Faults) -> dict[str, Webhook]:
    """Load all webhooks by name; a type that does not exist is a fault."""
    loaded = {}
    for name, node in sections.webhooks.items():
        if len(name) > NAME_LENGTH:
            message = f"{name!r} has more than {NAME_LENGTH} characters; shorten it"
            faults.add(sections.keys["webhooks", name], f"webhooks.{name}", message)
        for item in values.items(node, "specs"):
            if item.value not in specs:
                hint = did_you_mean(str(item.value), specs)
                faults.add(item.source, f"webhooks.{name}.specs", f"no entry {item.value!r}{hint}")
        loaded[name] = Webhook(
            name=name,
            label=values.label(node, "label", name),
            credentials=values.labels(node, "credentials"),
            specs=values.texts(node, "specs"),
        )
    return loaded
