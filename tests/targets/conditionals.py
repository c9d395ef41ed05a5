"""if, while, conditional expressions: statements and expressions with one test."""


def sign(x):
    if x > 0:                                    # outcomes: TF
        return 1
    elif x is None:                              # outcomes: -F
        return None
    elif not x:                                  # outcomes: TF
        return 0
    return "even" if x % 2 == 0 else "odd"       # outcomes: T-


sign(3)
sign(0)
sign(-2)


def nested(a, b):
    return (1 if a else 2) if b else (3 if a else 4)  # outcomes: -F TF T-


nested(0, 1)
nested(1, 0)


def loop(n):
    while n:                                     # outcomes: TF
        n -= 1
        if n == 7: continue                      # outcomes: -F
    else:
        n = 5
    while True:
        break
    return n


loop(2)


def empty(a):
    if a: pass                                   # outcomes: TF
    if a: pass                                   # outcomes: TF
    else: pass


empty(0)
empty(1)


def text(a, b):
    return f"{a if b else 'none'}-{b or 'x'!r:>{10 if a else 4}}"  # outcomes: T- T- T-


text(1, 2)


class Raises:
    def __bool__(self):
        raise ValueError


def raising(x):
    if x:                                        # outcomes: --
        pass


try:
    raising(Raises())
except ValueError:                               # outcomes: M-
    pass
