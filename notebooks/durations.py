"""Durations as people write them: ``1h 30m``. The example of a module whose documentation is a notebook."""

import re

UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)")


def parse(text):
    """Seconds. Raises ValueError for what is no duration."""
    rest = text.strip().lower()
    sign, rest = (-1, rest[1:]) if rest.startswith("-") else (1, rest)
    match rest.split(":"):
        case [hours, minutes, *seconds] if len(seconds) <= 1:
            if int(minutes) > 59 or any(int(part) > 59 for part in seconds):
                raise ValueError(f"not a time of the clock: {text!r}")
            return sign * (int(hours) * 3_600 + int(minutes) * 60 + sum(map(int, seconds)))
        case [number] if number.isdecimal():
            return sign * int(number)
    total, at = 0, 0
    while found := _PART.match(rest, at):
        number, unit = found.groups()
        if unit not in UNITS:
            raise ValueError(f"no unit of time: {unit!r} in {text!r}")
        total += float(number) * UNITS[unit]
        at = found.end()
    if at == 0 or at < len(rest):
        raise ValueError(f"not a duration: {text!r}")
    return sign * (int(total) if total == int(total) else total)


def show(seconds, parts=2):
    """The greatest units of a whole number of seconds, at most ``parts`` of them; what is smaller is left out."""
    sign, rest = ("-", -seconds) if seconds < 0 else ("", seconds)
    shown = []
    for unit, worth in UNITS.items():
        number, rest = divmod(rest, worth)
        if number and len(shown) < parts:
            shown.append(f"{number}{unit}")
    return sign + " ".join(shown) if shown else "0s"
