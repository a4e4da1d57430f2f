"""Colours of badges as Chromium computes them, named by their hue."""

from __future__ import annotations

import colorsys
import re

from playwright.sync_api import Page

MIN_SATURATION = 0.2  # below it a colour is grey
MIN_ALPHA = 0.5
HUES = {"red": 10, "orange": 30, "yellow": 65, "green": 160, "blue": 230, "violet": 290, "pink": 344}  # last degree

# A copy of a badge of the page in each state, in its place: colours of its text and of its filling.
_BADGES = """(states) => {
    const badge = document.querySelector("main .status");
    return Object.fromEntries(states.map((state) => {
        const copy = badge.cloneNode(true);
        copy.className = `status s-${state}`;
        badge.after(copy);
        const { color, backgroundColor } = getComputedStyle(copy);
        copy.remove();
        return [state, [color, backgroundColor]];
    }));
}"""


def badge_colours(page: Page, *states: str) -> list[str]:
    """Return the colour of each state's badge: of its filling, or else of its text and border, then "outline"."""
    colours = page.evaluate(_BADGES, states)
    pairs = (colours[state] for state in states)
    return [colour_name(filling) or f"{colour_name(text)} outline" for text, filling in pairs]


def colour_name(colour: str) -> str:
    """Return the name of a colour as CSS computes it, e.g. rgb(35, 112, 50); nothing if it is hardly to be seen."""
    red, green, blue, *alpha = (float(part) for part in re.findall(r"[\d.]+", colour))
    if alpha and alpha[0] < MIN_ALPHA:
        return ""
    hue, _, saturation = colorsys.rgb_to_hls(red / 255, green / 255, blue / 255)
    if saturation < MIN_SATURATION:
        return "grey"
    return next((name for name, last in HUES.items() if hue * 360 <= last), "red")
