"""Measured by ``branchcov selftest``, out of a copy. Every kind of branch, and on each line what is expected of it.

One group a branch in column order, one letter an outcome, ``-`` where it is missed. Branches that are counted by their
operands have no group.
"""

import asyncio
import threading


class Point:
    __match_args__ = ("x", "y")

    def __init__(self, x, y):
        self.x, self.y = x, y


class Block:
    def __init__(self, suppress):
        self.suppress = suppress

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return self.suppress

    async def __aenter__(self):
        await asyncio.sleep(0)

    async def __aexit__(self, *exception):
        return self.suppress


def operands(a, b, c):
    if a and b:  # outcomes: TF T-
        c = 1 if c else 2  # outcomes: T-
    while (a or b) and c:  # outcomes: TF -F TF
        c -= 1
    kept = (a or b) and c > 0  # outcomes: TF -F -F-
    return kept if not (a < c < 5) else c  # outcomes: TF T-


def leap(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)  # outcomes: TF TF T--


def anything(a, b):
    print(a or b, a and (b or []))  # outcomes: TF T-O TF T- ---
    return 0 < a < b  # outcomes: TF T--


def chosen(value):
    match value:
        case 0 | 1:  # outcomes: MN MN -N
            return "small"
        case [1, x] if x > 2:  # outcomes: MN M- TF
            return "pair"
        case {"key": int() as n}:  # outcomes: MN M-
            return n
        case Point(x=0, y=y):  # outcomes: MN MN
            return y
        case None:  # outcomes: MN
            return "none"
        case str(text):  # outcomes: -N
            return text
        case _:
            return "other"


def loops(values):
    for value in values:  # outcomes: BE
        if value == 1:  # outcomes: TF
            continue
        try:
            if value > 8:  # outcomes: -F
                break
        finally:
            value += 1 if value else 2  # outcomes: TF
    else:
        value = 0
    for first in values:  # outcomes: B-
        break
    return [x for x in values if x] + [(x, y) for x in values for y in range(x) if y > 1]  # outcomes: BE TF BE BE TF


def lazy(n):
    for i in range(n):  # outcomes: B-
        yield i if i else -1  # outcomes: -F


def handled(error):
    try:
        if error:  # outcomes: TF
            raise error
    except (KeyError, IndexError):  # outcomes: MN
        return 1
    except ValueError:  # outcomes: MN
        return 2
    except Exception:  # outcomes: M-
        return 3
    finally:
        if error is None:  # outcomes: TF
            error = 1
    return 4


def grouped(*errors):
    try:
        raise ExceptionGroup("group", errors)
    except* KeyError:  # outcomes: MN
        pass
    except* ValueError:  # outcomes: M-
        pass


def blocks():
    with Block(True):  # outcomes: S-
        raise KeyError
    try:
        with Block(True), Block(False):  # outcomes: S- -P
            raise KeyError
    finally:
        assert blocks  # outcomes: T-


async def numbers(n):
    for i in range(n):  # outcomes: BE
        await asyncio.sleep(0)
        yield i


async def waited():
    async for i in numbers(3):  # outcomes: BE
        if i and await asyncio.sleep(0, i) > 1:  # outcomes: TF TF
            pass
    async with Block(True):  # outcomes: S-
        raise KeyError
    return [i async for i in numbers(2) if i]  # outcomes: BE TF


def threaded(value):
    return "one" if value == 1 else "two"  # outcomes: TF


def never_called(value):
    return 1 if value else 2  # outcomes: --


def main():
    print(operands(1, 1, 2), operands(0, 0, 1))
    print([leap(year) for year in (2000, 2023, 2024)])  # outcomes: BE
    print(anything(1, 2), anything(0, True), anything(0, 2))
    values = 0, [1, 3], [1, 2], {"key": 1}, Point(0, 1), Point(1, 1), None, 5.0
    print([chosen(value) for value in values], loops([0, 1, 2, 3]), next(lazy(3)))  # outcomes: BE
    print([handled(error) for error in (None, KeyError(), ValueError(), TypeError())])  # outcomes: BE
    grouped(KeyError(), ValueError())
    grouped(ValueError())
    blocks()
    print(asyncio.run(waited()))
    threads = [threading.Thread(target=lambda i=i: print(threaded(i))) for i in (1, 2)]  # outcomes: BE
    for thread in threads:  # outcomes: BE
        thread.start()
        thread.join()
