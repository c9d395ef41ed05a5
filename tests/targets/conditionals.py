"""if, while, conditional expressions: statements and expressions with one test."""


def sign(x):
    if x > 0:                                    # arms: TF
        return 1
    elif x is None:                              # arms: -F
        return None
    elif not x:                                  # arms: TF
        return 0
    return "even" if x % 2 == 0 else "odd"       # arms: T-


sign(3)
sign(0)
sign(-2)


def nested(a, b):
    return (1 if a else 2) if b else (3 if a else 4)  # arms: -F TF T-


nested(0, 1)
nested(1, 0)


def loop(n):
    while n:                                     # arms: TF
        n -= 1
        if n == 7: continue                      # arms: -F
    else:
        n = 5
    while True:
        break
    return n


loop(2)


def empty(a):
    if a: pass                                   # arms: TF
    if a: pass                                   # arms: TF
    else: pass


empty(0)
empty(1)


def text(a, b):
    return f"{a if b else 'none'}-{b or 'x'!r:>{10 if a else 4}}"  # arms: T- T- T-


text(1, 2)


class Raises:
    def __bool__(self):
        raise ValueError


def raising(x):
    if x:                                        # arms: --
        pass


try:
    raising(Raises())
except ValueError:                               # arms: M-
    pass
