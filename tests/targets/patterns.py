"""match: every refutable pattern and sub-pattern."""


class Point:
    __match_args__ = ("x", "y")

    def __init__(self, x, y):
        self.x, self.y = x, y


def what(value):
    match value:
        case 0 | 1:                              # outcomes: MN MN -N
            return "small"
        case None:                               # outcomes: MN
            return "none"
        case [1, x] if x > 2:                    # outcomes: MN M- TF
            return "pair"
        case [_, *rest] if rest:                 # outcomes: MN T-
            return "sequence"
        case {"key": int() as n, **others}:      # outcomes: MN M-
            return n, others
        case Point(x=0, y=y):                    # outcomes: MN MN
            return y
        case Point(3, str()):                    # outcomes: -N -N --
            return "never"
        case str(text):                          # outcomes: MN
            return text
        case _:
            return "other"


for value in (0, None, [1, 3], [1, 2], {"key": 1}, Point(0, 1), Point(1, 1), "text", 5.0):  # outcomes: BE
    what(value)


def final(value):
    match value:
        case int() if value is None:             # outcomes: M- -F
            return 0
        case x if x is not None:                 # outcomes: T-
            return x


final(1)


def after_a_constant_guard(value):
    match value:
        case 4 if None:                          # outcomes: MN
            return 0
        case None as nothing:                    # outcomes: MN
            return nothing
        case -1:                                 # outcomes: -N
            return 1


after_a_constant_guard(None)
after_a_constant_guard(4)


def one_by_one(value):
    match value:
        case [_, *_, 1 | 2]:                     # outcomes: MN MN MN MN
            return 1
        case [_, _]:                             # outcomes: MN
            return 2


one_by_one([0, 2])
one_by_one([1, 1])
one_by_one([0, 3])
one_by_one([3])
