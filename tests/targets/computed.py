"""Arithmetic, comparisons and subscripts of constants are no branches, whether or not a compiler computes them."""


def sides(a, b, items):
    x = [i for i in items if ((1 + 1) if a else b)]# outcomes: BE TF TF
    x = [i for i in items if ((1, 2)[0] if a else b)]# outcomes: BE TF TF
    if (24 * 60 if a else b): x = 1          # outcomes: TF TF
    if ((a and -1) or (b and ~0)): x = 2     # outcomes: TF TF
    while ("a" * 3 if a else b):             # outcomes: TF TF
        break
    if not (1 - 1 if a else b) and a: x = 3  # outcomes: TF TF TF
    if (None is None if a else b): x = 4     # outcomes: TF TF
    if (1 < 2 < 3 if a else b) or b: x = 5   # outcomes: TF TF -F
    if (b or 1 + 1) and a: x = 6             # outcomes: TF
    if ((1, 2) if a else b): x = 7           # outcomes: TF TF
    if (f"x" if a else b): x = 8             # outcomes: TF TF
    if (not (1 + 1) if a else b): x = 9      # outcomes: TF TF
    if ((1 + 1 and a) if a else b): x = 10   # outcomes: TF T- TF
    if ((1 + 1 or a) if a else b): x = 11    # outcomes: TF TF
    return (24 * 60) and a, x


for a in (0, 1):                             # outcomes: BE
    for b in (0, 1):                         # outcomes: BE
        sides(a, b, [1, 2])


def alone(a):
    if 1 + 1: a = a or 1                     # outcomes: -F
    if 2 < 1: a = a or 2                     # outcomes: --
    while 1 > 2:
        a = 3
    assert 1 < 2, a
    return (24 * 60) and a


alone(0)
