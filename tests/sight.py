"""What can be seen on a page: scripts that ask its elements, and pixels that show whether they are drawn."""

from __future__ import annotations

import io
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image
from selenium import webdriver

Colour = tuple[int, int, int]

#: What a front end puts in the place of a widget that it cannot draw.
BROKEN = ("model not found", "Loading widget", "Error displaying widget", "Error creating widget")

_PARSE = """
const parse = (color) => {
  const numbers = color.match(/[\\d.]+/g).map(Number);
  return color.startsWith('color(') ? [...numbers.slice(0, 3).map((n) => n * 255), numbers[3] ?? 1]
                                    : [...numbers.slice(0, 3), numbers[3] ?? 1];
};
"""

#: The least contrast (WCAG 2) of each class of visible text below the elements of a selector, against all that lies
#: behind it.
CONTRASTS = (
    _PARSE
    + """
const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3]));
const luminance = (color) => {
  const [r, g, b] = color.map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
// The colours of the text and behind it, of an element's chain from the page down, on what lies below.
const painted = (chain, below) => {
  const [style, ...inner] = chain;
  const back = over(parse(style.backgroundColor), below);
  const pair = inner.length ? painted(inner, back) : [over(parse(style.color), back), back];
  return pair.map((color) => over([...color, Number(style.opacity)], below));
};
const found = {};
for (const element of document.querySelectorAll(arguments[0] + ' *')) {
  if (![...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())) continue;
  if (!element.checkVisibility()) continue;
  const chain = [];
  for (let at = element; at; at = at.parentElement) chain.unshift(getComputedStyle(at));
  const [high, low] = painted(chain, [255, 255, 255]).map(luminance).sort((a, b) => b - a);
  const names = [element.parentElement, element].map((each) => `${each.tagName}.${each.className.split(' ')[0]}`);
  const wash = chain.map((style) => style.backgroundColor).filter((color) => color.includes('0.2')).length;
  const name = `${names.join(' > ')} on ${wash} washes`;
  found[name] = Math.min(found[name] ?? 21, (high + 0.05) / (low + 0.05));
}
return found;
"""
)

#: The records on a page: how many labels of each are drawn, and the text of each.
RECORDS = """
const drawn = (element) => {
  const {width, height} = element.getBoundingClientRect();
  return element.checkVisibility({opacityProperty: true, visibilityProperty: true}) && width > 5 && height > 5;
};
return [...document.querySelectorAll('.branchcov-record')].map((record) => {
  const copy = record.cloneNode(true);
  for (const sheet of copy.querySelectorAll('style')) sheet.remove();
  return [[...record.querySelectorAll('em')].filter(drawn).length, copy.textContent];
});
"""

#: For each of some texts its marked place: the colours that it is drawn in (red, green, blue, opacity), and the
#: rectangles of itself, of the label behind it, and of the empty end of its line.
_PLACES = (
    _PARSE
    + """
const marked = [...document.querySelectorAll('.branchcov-record mark, .branchcov-widget .mark')];
const found = arguments[0].map((text) => marked.find((mark) => mark.textContent === text && mark.checkVisibility()));
found[0]?.scrollIntoView({block: 'center'});
const frame = window.frameElement?.getBoundingClientRect() ?? {left: 0, top: 0};
const inset = window.frameElement ? 2 : 0;  // its border
const onScreen = (box) => box.map((each, i) => (each + inset + (i % 2 ? frame.top : frame.left)) * devicePixelRatio);
const box = (element) => {
  const {left, top, right, bottom} = element.getBoundingClientRect();
  return onScreen([left, top, right, bottom]);
};
return found.map((mark) => {
  if (!mark) return null;
  const label = mark.nextElementSibling;
  const line = mark.closest('pre, .text').getBoundingClientRect();
  const {bottom} = [...mark.getClientRects()].pop();
  const end = onScreen([line.right - 30, bottom - 12, line.right - 20, bottom - 2]);
  const style = getComputedStyle(mark);
  const [wash, under] = [style.backgroundColor, style.borderBottomColor].map(parse);
  const chip = parse(getComputedStyle(label).backgroundColor);
  return {mark: box(mark), label: box(label), words: label.textContent.replace('←', '').trim(), end, wash, under, chip};
});
"""
)

#: How much green there may be for each red: amber has much of it, red little.
_GREEN = {"missed": (0.5, 0.8), "never ran": (0.0, 0.4)}


@dataclass(frozen=True)
class Place:
    """A marked place: what became of it, its text and the words of its label."""

    state: str
    text: str
    words: str


def unseen(driver: webdriver.Chrome, places: Sequence[Place]) -> list[str]:
    """What of marked places, close together, cannot be seen on a screenshot of the page: nothing where all is well.

    On a busy machine a screenshot of a frame can be older than its last scroll, so it is taken again.
    """
    boxes = driver.execute_script(_PLACES, [place.text for place in places])
    for _ in range(4):
        image = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
        wrong: list[str] = []
        for place, found in zip(places, boxes, strict=True):
            wrong += _wrong(image, place, found) if found else [f"no {place.text!r} is marked"]
        if not wrong:
            break
        time.sleep(0.5)
    return wrong


#: How somebody sees who is blind to some colours or to all, as Chromium emulates it (Machado and others, 2009).
DEFICIENCIES = ("protanopia", "deuteranopia", "tritanopia", "achromatopsia")

#: The rectangles of the lines below some elements, and of their background just beneath.
_LINES = """
return arguments[0].map((selector) => {
  const element = document.querySelector(selector);
  element.scrollIntoView({block: 'center'});
  const {left, right, bottom} = [...element.getClientRects()].pop();
  const width = parseFloat(getComputedStyle(element).borderBottomWidth);
  return [left, bottom - width, right, bottom].map((each) => each * devicePixelRatio);
});
"""


def lines_seen(driver: webdriver.Chrome, selectors: Sequence[str]) -> dict[str, dict[str, float]]:
    """How much of the line below each element stands out from the page (contrast 3:1, WCAG 1.4.11), by deficiency."""
    found: dict[str, dict[str, float]] = {}
    for deficiency in DEFICIENCIES:
        driver.execute_cdp_cmd("Emulation.setEmulatedVisionDeficiency", {"type": deficiency})
        try:
            shares = found[deficiency] = {}
            for selector in selectors:
                ((left, top, right, bottom),) = driver.execute_script(_LINES, [selector])
                image = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
                back = _commonest(_cut(image, [left, bottom + 2, right, bottom + 4]))
                rows = [_cut(image, [left, y, right, y + 1]) for y in range(round(top) - 1, round(bottom) + 1)]
                shares[selector] = max(_letters(row, back, 3) for row in rows)  # a border is put on whole pixels
        finally:
            driver.execute_cdp_cmd("Emulation.setEmulatedVisionDeficiency", {"type": "none"})
    return found


def _wrong(image: Image.Image, place: Place, found: dict[str, Any]) -> list[str]:
    back = _commonest(_cut(image, found["end"]))
    wash, line = _over(found["wash"], back), _over(found["under"], _over(found["wash"], back))
    mark, label = _cut(image, found["mark"]), _cut(image, found["label"])
    wrong = []
    red, green, blue, opacity = found["wash"]
    low, high = _GREEN[place.state]
    highlighted = (red, green, blue, opacity) == (255, 255, 0, 1)  # by the browser, where the sheet was stripped
    if not highlighted and not (opacity > 0.1 and low <= green / max(red, 1) <= high):
        wrong.append(f"{place.text!r}: {found['wash']} is no wash of what {place.state}")
    if found["words"] != place.words:
        wrong.append(f"the label says {found['words']!r}")
    if _share(mark, line) < 0.02:
        wrong.append(f"{place.text!r}: no line of {line}")
    for words, picture, ground in ((place.text, mark, wash), (place.words, label, _over(found["chip"], back))):
        if _share(picture, ground) < 0.3:
            wrong.append(f"{words!r}: no wash of {ground} on {back}, but {_commonest(picture)}")
        if _letters(picture, ground) < 0.02:
            wrong.append(f"{words!r}: no letters")
    return wrong


def _over(top: Sequence[float], below: Colour) -> Colour:
    red, green, blue = (round(top[i] * top[3] + below[i] * (1 - top[3])) for i in range(3))
    return red, green, blue


def _cut(image: Image.Image, box: list[float]) -> Image.Image:
    left, top, right, bottom = map(round, box)
    return image.crop((left, top, max(right, left + 1), max(bottom, top + 1)))


def _pixels(image: Image.Image) -> Counter[Any]:
    return Counter({colour: count for count, colour in image.getcolors(1 << 24) or ()})


def _commonest(image: Image.Image) -> Any:
    return _pixels(image).most_common(1)[0][0]


def _share(image: Image.Image, colour: Colour) -> float:
    """How much of a picture is of a colour, or so near that no eye sees a difference."""
    near = sum(
        n for each, n in _pixels(image).items() if max(abs(a - b) for a, b in zip(each, colour, strict=True)) < 8
    )
    return near / (image.width * image.height)


def _letters(image: Image.Image, back: Colour, contrast: float = 4.5) -> float:
    """How much of a picture stands out from its background as strongly as letters must, or by another contrast."""
    light = _luminance(back)
    strong = 0
    for colour, count in _pixels(image).items():
        low, high = sorted((_luminance(colour), light))
        strong += count if (high + 0.05) / (low + 0.05) >= contrast else 0
    return strong / (image.width * image.height)


def _luminance(colour: Colour) -> float:
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in (x / 255 for x in colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
