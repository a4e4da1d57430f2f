"""Packs of sources beside the configuration that it does not include yet, and the line that includes one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.hub import Hub

MAIN_FILE = "resources.yaml"  # whose `include` names the other files


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack: the name of the clinic's system, and the line for the list under `include`."""

    name: str
    title: str
    line: str


def offered(hub: Hub) -> list[Pack]:
    """Return the packs in the folder of the configuration, by name."""
    folder = hub.settings.config_dir / "packs"
    return [
        Pack(file.parent.name, _title(file.parent), f"  - packs/{file.parent.name}/{file.name}")
        for file in sorted(folder.glob("*/source.yaml"))
    ]


def main_file(hub: Hub) -> str:
    """Return the path of the file into which the line belongs."""
    return str(hub.settings.config_dir / MAIN_FILE)


def _title(folder: Path) -> str:
    """Return the heading of the pack's README; without one the name of its folder."""
    readme = folder / "README.md"
    first = readme.read_text("utf-8").partition("\n")[0] if readme.is_file() else ""
    return first.removeprefix("# ").strip() or folder.name
