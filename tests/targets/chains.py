"""Chained comparisons: each link decides."""


def between(a, x, b):
    if a < x <= b:                               # outcomes: TF T-
        return True
    return a < x <= b                            # outcomes: -F ---


between(0, 1, 2)
between(3, 1, 2)


def none(a, b):
    if a is b is None:                           # outcomes: TF T-
        return 1
    if a is not None and b is None:              # outcomes: TF -F
        return 2
    return [v for v in (a, b) if 0 < v is not None]  # outcomes: BE TF T-


none(None, None)
none(1, 2)
try:
    none(None, 2)
except TypeError:                                # outcomes: M-
    pass
none(-1, 1)


def operand(a, b, c):
    return (a < b < 5) and c                     # outcomes: TF -F ---


operand(1, 9, 2)
operand(3, 2, 2)


def copied(a, b, c):
    return a != 2 == (b and (c if "x" else a))   # outcomes: TF -F- -F ---


copied(2, 0, 0), copied(3, 0, 0)


def filters(values):
    return [v for v in values if v is not None if v]  # outcomes: BE TF T-


filters([1, None])


def superinstructions(a, b):
    c = a; d = a is None or b is None            # outcomes: -F -F-
    return c and d if a < b < 3 else a and b     # outcomes: T- -F- TF T- T- --O


superinstructions(1, 2)
superinstructions(2, 0)


def joint_chain(x, two=2):
    return (x < two <= two <= two) or [1]        # outcomes: TF T- T- --O


joint_chain(1)
joint_chain(3)
