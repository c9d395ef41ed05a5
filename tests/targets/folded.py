"""Constants inside tests: what they settle is no branch, what they leave open is reported rightly."""


def settled(a, b, c):
    if a or True:
        x = 1
    if None and a:
        x = 2
    if (1 or c) and a:                           # outcomes: TF
        x = 3
    if a and (b or 1):                           # outcomes: TF
        x = 4
    if (a if 0 else b):                          # outcomes: TF
        x = 5
    if ("x" if a else True):
        x = 6
    if ((1 or b) if a else b):                   # outcomes: T- TF
        x = 7
    if b or ((a < b < c) and None and c):        # outcomes: TF
        x = 8
    return x


settled(0, 1, 2)
settled(2, 0, 0)
settled(1, 1, 1)


def values(a, b):
    x = (a or True) and b                        # outcomes: TF
    y = (("x" if a else not b) and b)            # outcomes: T- TF --O
    z = ((1 or a) if b else a) or 5              # outcomes: TF TF
    u = (a and (not (not True))) and b           # outcomes: TF --O
    v = ("x" and a) or b                         # outcomes: TF --O
    w = ((1, -2) and a) or (b and f"x" and a)    # outcomes: TF -F ---
    return x, y, z, u, v, w


values(0, 0)
values(1, 1)


def empty_side(a, v):
    found = 0
    if v if a else ():                           # outcomes: TF TF
        found += 1
    if () if a else v:                           # outcomes: TF TF
        found += 2
    if not (v if a else 0):                      # outcomes: TF TF
        found += 4
    while v if a else "":                        # outcomes: TF TF
        v = found < 0
    return found


for a, v in ((0, 0), (0, 1), (0, 1), (1, 0), (1, 1), (1, 1), (1, 1)):  # outcomes: BE
    empty_side(a, v)


def empty_text(a):
    """Some Pythons build ``f""`` when it runs, and test it."""
    found = 0
    if a or f"":                                 # outcomes: TF
        found += 1
    if not (a or f"" or f""):                    # outcomes: TF
        found += 2
    if (a or f"") and found:                     # outcomes: TF T-
        found += 4
    x = 1 if a or (f"" and found) else 2         # outcomes: TF
    y = [b for b in (a,) if b or f""]            # outcomes: BE TF
    return found, x, y, f"" or a, a and f"x"     # outcomes: TF


empty_text(0)
empty_text(0)
empty_text(1)
