"""Declarations of WhatsApp gateways (config/gateways.yaml): how a message and a token are handed to each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ENCODINGS = ("json", "form")
FIELDS = {"label", "url", "encoding", "headers", "body"}
NEEDED = ("{to}", "{message}")  # placeholders that a body must have
_PLACEHOLDER = re.compile(r"\{(token|to|message)\}")


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway: its label by language, the URL that the form suggests, and the templates of a request."""

    label: Mapping[str, str]
    url: str
    encoding: str
    headers: Mapping[str, str]
    body: Mapping[str, str]


def read_gateways(declared: Mapping[str, Any]) -> dict[str, Gateway]:
    """Return the gateways by name; raises ValueError that names the gateway and what is wrong."""
    gateways = {}
    for name, fields in declared.items():
        if not isinstance(fields, dict) or set(fields) != FIELDS:
            raise ValueError(f"{name}: has exactly the fields {', '.join(sorted(FIELDS))}")
        if fields["encoding"] not in ENCODINGS:
            raise ValueError(f"{name}.encoding: use one of {', '.join(ENCODINGS)}")
        if not isinstance(fields["label"], dict) or set(fields["label"]) != {"id", "en"}:
            raise ValueError(f"{name}.label: has exactly the languages id and en")
        for part in ("headers", "body"):
            texts = fields[part]
            if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
                raise ValueError(f"{name}.{part}: is a mapping of texts")
        if not all(any(mark in text for text in fields["body"].values()) for mark in NEEDED):
            raise ValueError(f"{name}.body: needs {{to}} and {{message}}")
        gateways[name] = Gateway(**fields)
    return gateways


def filled(templates: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """Return the templates with their placeholders replaced; a value is never read as a template."""
    return {name: _PLACEHOLDER.sub(lambda match: values[match[1]], text) for name, text in templates.items()}
