"""Masking of persons in answers: the platform masks names and NIKs."""

from __future__ import annotations

from typing import Any

from sandbox.satusehat.resources.store import Resource

PERSONS = frozenset({"Patient", "Practitioner"})
NIK_MASK = "#" * 16
_SECRET_SYSTEMS = ("/id/nik", "/id/nik-ibu", "/id/kk", "/id/paspor")
_READ = ("resourceType", "active", "id", "identifier", "meta", "link")
_BY_NIK = (*_READ, "name")


def masked(resource: Resource, *, view: str) -> Resource:
    """Return a resource with masks. `view`: "read", "nik" (search by identifier) or "name" (fuller)."""
    kind = resource["resourceType"]
    if kind not in PERSONS:
        return resource
    if kind == "Practitioner":
        visible = {name: resource[name] for name in _BY_NIK if name in resource}
    else:
        kept = {"read": _READ, "nik": _BY_NIK}.get(view, tuple(resource))
        visible = {name: resource[name] for name in kept if name in resource}
        if view == "nik":
            visible["name"] = [_masked_name(name) for name in resource.get("name", [])]
    visible["identifier"] = [_masked_identifier(one) for one in resource.get("identifier", [])]
    return visible


def mask_words(text: str) -> str:
    """Return `Siti Contoh` as `Si** Co****`."""
    return " ".join(word[:2] + "*" * (len(word) - 2) for word in text.split())


def _masked_name(name: dict[str, Any]) -> dict[str, Any]:
    return {**name, "text": mask_words(str(name.get("text", "")))}


def _masked_identifier(identifier: dict[str, Any]) -> dict[str, Any]:
    if str(identifier.get("system", "")).endswith(_SECRET_SYSTEMS):
        return {**identifier, "value": NIK_MASK}
    return identifier
