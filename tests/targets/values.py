"""Last operands and last links whose value is used, not their truth: what they are, by identity (T, F, O for other)."""


class Array:
    """Compares to arrays, and has no truth."""

    def __bool__(self):
        raise ValueError("the truth of an array is ambiguous")

    def __eq__(self, other):
        return Array()

    def __gt__(self, other):
        return Array()


def leap(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)  # outcomes: TF TF T--


[leap(year) for year in (2000, 2023, 2024)]  # outcomes: BE


def whole(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)  # outcomes: TF TF TF-


[whole(year) for year in (1900, 2000, 2023, 2024)]  # outcomes: BE


def ordered(a, b, c):
    return a < b < c  # outcomes: TF TF-


[ordered(0, 1, 2), ordered(0, 1, 1), ordered(1, 0, 0)]


def skipped(a, b):
    found = a and b > 0  # outcomes: -F ---
    return found


skipped(0, 1)


def anything(a, b):
    print(a or b, end="")  # outcomes: TF TFO
    return a and (b or [])  # outcomes: TF TF --O


[anything(0, 0), anything(0, True), anything(0, False), anything(1, 0), anything(1, 1)]


def arrays(a):
    return a and Array() == 1, a and 0 < 1 < Array(), a and a is not None  # outcomes: T- --O T- T- --O T- T--


arrays(1)


def sides(a, b, c):
    x = a and (b if c else not b)  # outcomes: T- TF- TF
    x = a and ((b or c) if c else (c or b))  # outcomes: T- T-- T- --- TF -F T--
    return a and (1 if c else b == c)  # outcomes: T- -FO TF


[sides(1, True, 1), sides(1, True, 0)]


def negated(a, b):
    return not (a or b < 1), not (0 < a < b)  # outcomes: TF T-- TF -F-


[negated(1, 0), negated(0, 0)]


def named(a, b):
    print((x := a and b), end="")  # outcomes: TF T--
    a and (y := not b)  # outcomes: TF -F-
    return [z for z in (0, 1) if (a and b) or z]  # outcomes: BE TF T- TF


[named(1, True), named(0, True)]


def places(a, b, *, c=1 or 2):
    yield a or (yield b)  # outcomes: -F --O
    {a or b: a and b}  # outcomes: -F T-- -F ---
    [a or b for _ in (1,)]  # outcomes: -F T-- BE
    (lambda: a or b)()  # outcomes: -F T--
    f"{a or b}"  # outcomes: -F T--
    for _ in a or (b, b) or ():  # outcomes: B- -F T-
        break
    try:
        raise KeyError
    except KeyError:  # outcomes: M-
        a or b  # outcomes: -F T--
    finally:
        a or b  # outcomes: -F T--


list(places(0, True))


def raises(a, b):
    return a and b / a > 1, a and 1 < b < a // 0  # outcomes: T- T-- T- T- ---


try:
    raises(1, 2)
except ZeroDivisionError:  # outcomes: M-
    pass


def true_side(a, b, c):
    return a and (b if c else True)  # outcomes: T- T-- -F


def false_side(a, b, c):
    return a and (b if c else False)  # outcomes: T- -FO TF


def none_side(a, b, c):
    return a and (b if c else None)  # outcomes: TF --O -F


true_side(1, 0, 0), false_side(1, 0, 0), false_side(1, 3, 1), none_side(1, 0, 0), none_side(0, 0, 0)


def dead_operand(given, x):
    return (given and None) and x  # outcomes: TF


dead_operand("", 1), dead_operand("a", 1)


def dead_in_a_tuple(given, x):
    return [(given or 3) and x, (given and 0) or x]  # outcomes: T- T-


dead_in_a_tuple("a", 1)


def dropped(a, b, c):
    a and (True if c else False)  # outcomes: TF TF- TF
    a or (True if b else c)  # outcomes: TF T-O TF
    a and (True if b < c < 3 else None)  # outcomes: TF T-O TF T-
    a and (not (True if c else b))  # outcomes: TF TF- TF
    a and (b if c else (((a or b) and c) or True))  # outcomes: TF T-O TF T- -- -F
    a and b and c < 2  # outcomes: TF TF TF-


[dropped(*each) for each in ((1, True, 2), (1, 0, 0), (0, 0, 0), (0, 1, False), (1, 0, 1), (1, 1, 1))]  # outcomes: BE


def dropped_lists(a, b):
    if b:  # outcomes: TF
        if b:  # outcomes: T-
            a; a and ([None for q in [1]] if b else [])  # outcomes: TF --O BE T-
        else:
            print(a)
    if b:  # outcomes: TF
        if b:  # outcomes: T-
            a; a and ([p for q in [1] for p in [2] if q] if b else [])  # outcomes: TF --O BE T- T-
        else:
            print(a)
    return 3


dropped_lists(0, 1), dropped_lists(1, 1), dropped_lists(1, 0)


def left_out(a, c):
    a and (c if c else (a and 0 or True))  # outcomes: T- T-- -F T-
    a and ((1, True)[1] if c else not 3)  # outcomes: T- -F- -F
    while a:  # outcomes: TF
        a and (False if c else __debug__)  # outcomes: T- T-- -F
        a = None


left_out(1, 0)


def compared(a, b, c):
    return not (a and (Array() > b if c else b < 1))  # outcomes: TF TFO TF


compared(1, 0, 0), compared(1, 2, 0), compared(0, 0, 0)
try:
    compared(1, 0, 1)
except ValueError:  # outcomes: M-
    pass


def shared(a, b, c, d):
    return a or (((b != c < d) and (d or 1)) if c else d)  # outcomes: -F TFO TF TF T- TF


for each in ((0, 1, 1, 1), (0, 2, 1, 0), (0, 2, 1, 2), (0, 2, 0, True)):  # outcomes: BE
    shared(*each)


def linked(a, b, c):
    found = a and (True if c else c != b == 2)  # outcomes: T- TF- -F TF TF-
    return found


linked(1, 0, 0), linked(1, 1, 0), linked(1, 2, 0)
