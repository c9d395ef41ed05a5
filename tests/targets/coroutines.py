"""async for, async with, asynchronous comprehensions, await."""

import asyncio
import types


async def numbers(n):
    for i in range(n):                           # outcomes: BE
        await asyncio.sleep(0)
        yield i


class Manager:
    def __init__(self, yes):
        self.yes = yes

    async def __aenter__(self):
        await asyncio.sleep(0)

    async def __aexit__(self, *exception):
        await asyncio.sleep(0)
        return self.yes


async def loops():
    async for i in numbers(2):                   # outcomes: BE
        if i:                                    # outcomes: TF
            pass
    async for i in numbers(1):                   # outcomes: B-
        break
    async for i in numbers(0):                   # outcomes: -E
        pass
    return [i async for i in numbers(3) if i and await asyncio.sleep(0, i) > 1]  # outcomes: BE TF TF


class Waiting:
    def __await__(self):
        yield


class Late:
    """Its items come after waiting."""

    def __init__(self, count):
        self.count = count

    def __aiter__(self):
        return self

    async def __anext__(self):
        await Waiting()
        self.count -= 1
        if self.count < 0:                       # outcomes: TF
            raise StopAsyncIteration
        return self.count


async def late():
    async for i in Late(2):                      # outcomes: BE
        x = 1 if i else 2                        # outcomes: TF
    return [i async for i in Late(2) if x]       # outcomes: BE T-


async def managers():
    async with Manager(True):                    # outcomes: S-
        raise KeyError
    try:
        async with Manager(True), Manager(False):  # outcomes: S- -P
            async with Manager(False):           # outcomes: -P
                raise KeyError
    except KeyError:                             # outcomes: --
        pass
    return await loops() or 5                    # outcomes: T-


async def both():
    return [x async for x in numbers(2) for y in range(x)]  # outcomes: BE BE


async def broken(count):
    for i in range(count):                       # outcomes: B-
        yield i
        if i:                                    # outcomes: TF
            raise KeyError


async def ended_by_another_exception():
    seen = []
    try:
        async for i in broken(3):                # outcomes: B-
            seen.append(i)
    except KeyError:                             # outcomes: M-
        pass
    try:
        return [i async for i in broken(3)]      # outcomes: B-
    except KeyError:                             # outcomes: M-
        return seen


@types.coroutine
def awaitable(value):
    return (yield from numbers_until(value)) or 1  # outcomes: TF


def numbers_until(value):
    yield
    return value if value else 0                 # outcomes: TF


async def awaiting():
    return await awaitable(0), await awaitable(1)


asyncio.run(awaiting())
asyncio.run(ended_by_another_exception())
asyncio.run(managers())
asyncio.run(both())
asyncio.run(late())


async def values(x, n):
    (await asyncio.sleep(0, x)) or [z async for z in numbers(n)]  # outcomes: TF --O BE
    x and await asyncio.sleep(0, n)  # outcomes: TF TFO
    y = x or {z: 1 async for z in numbers(n) if x or z}  # outcomes: TF --O BE -F TF
    return [x and (n if await asyncio.sleep(0, z) else not n) for z in (0, 1)], y  # outcomes: TF TFO TF BE


for x, n in ((0, 2), (1, 2), (True, False), (1, True)):  # outcomes: BE
    asyncio.run(values(x, n))


def repeated(value):
    yield value
    return value


def sends(x, n):
    y = (yield x) or (yield from repeated(n))  # outcomes: TF --O
    x and (yield)  # outcomes: TF T--
    return (yield from repeated(y)) or 0 < n < (yield)  # outcomes: T- -- ---


for x, n in ((0, 2), (1, 2), (1, 0)):  # outcomes: BE
    generator = sends(x, n)
    next(generator)
    try:
        for value in (x, True, None, None, 3):  # outcomes: B-
            generator.send(value)
    except StopIteration:  # outcomes: M-
        pass
