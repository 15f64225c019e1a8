"""What the page looks like, measured: contrast, names, sizes, what sticks out."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

# Of each text that is seen: its contrast with what lies under it, and the least that AA allows.
_CONTRASTS = """
() => {
  const channel = (value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  };
  const parse = (text) => {
    const [red, green, blue, alpha = 1] = text.match(/[\\d.]+/g).map(Number);
    return { red, green, blue, alpha };
  };
  const luminance = ({ red, green, blue }) =>
    0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.alpha === 1) return colour;
    }
    return parse("255 255 255");
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || element.closest(".unseen, [aria-disabled=true], option")) continue;
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    const style = getComputedStyle(element);
    const pair = [luminance(parse(style.color)), luminance(ground(element))];
    const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    found.push({ text, ratio, least: isLarge ? 3 : 4.5 });
  }
  return found;
}
"""


def faint(page: Page) -> list[dict[str, Any]]:
    """Return the texts that do not stand out from their ground as far as AA asks."""
    contrasts = page.evaluate(_CONTRASTS)
    assert len(contrasts) > 5
    return [entry for entry in contrasts if entry["ratio"] < entry["least"]]


def overflow(page: Page) -> int:
    """Return by how many pixels the page is wider than the screen."""
    return page.evaluate(
        "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )


def outside_of_their_frame(page: Page) -> list[str]:
    """Return what is wider than the part of the page that it stands in."""
    return page.evaluate(
        """() => [...document.querySelectorAll("main *, header *, .shell *")]
            .filter((element) => element.checkVisibility() && !element.closest(".strip"))
            .filter((element) => {
                const frame = element.closest(".panel, .card, .board, .shell, header");
                const { left, right } = element.getBoundingClientRect();
                const room = frame?.getBoundingClientRect();
                return room && (right > room.right + 1 || left < room.left - 1);
            })
            .map((element) => element.id || element.className || element.tagName)"""
    )


def nameless(page: Page) -> list[str]:
    """Return the controls that a screen reader could not name."""
    return page.evaluate(
        """() => {
            const named = (element) =>
                element.ariaLabel || element.textContent.trim() || element.labels?.length ||
                element.getAttribute("aria-labelledby") || element.querySelector("img[alt]");
            const all = document.querySelectorAll(
                "button, input, select, textarea, progress, canvas, a, [role], output");
            const hidden = (element) => element.closest("[aria-hidden=true]");
            return [...all]
                .filter((element) => !hidden(element) && !element.closest(".thumb .image"))
                .filter((element) => !named(element) && element.role !== "status")
                .map((element) => element.outerHTML);
        }"""
    )


def too_small(page: Page) -> list[str]:
    """Return the controls that a finger would miss."""
    return page.evaluate(
        """() => [...document.querySelectorAll(
                "button, select, textarea, #form input:not([type=checkbox]), .chip, .instances li")]
            .filter((element) => element.checkVisibility())
            .map((element) => [element.getBoundingClientRect(), element])
            .filter(([{ width, height }]) => width < 24 || height < 24)
            .map(([, element]) => element.id || element.className)"""
    )
