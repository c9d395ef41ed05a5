"""Constants inside tests: what they settle is no branch, what they leave open is told right."""


def settled(a, b, c):
    if a or True:
        x = 1
    if None and a:
        x = 2
    if (1 or c) and a:                           # arms: TF
        x = 3
    if a and (b or 1):                           # arms: TF
        x = 4
    if (a if 0 else b):                          # arms: TF
        x = 5
    if ("x" if a else True):
        x = 6
    if ((1 or b) if a else b):                   # arms: T- TF
        x = 7
    if b or ((a < b < c) and None and c):        # arms: TF
        x = 8
    return x


settled(0, 1, 2)
settled(2, 0, 0)
settled(1, 1, 1)


def values(a, b):
    x = (a or True) and b                        # arms: TF
    y = (("x" if a else not b) and b)            # arms: T- TF
    z = ((1 or a) if b else a) or 5              # arms: TF TF
    u = (a and (not (not True))) and b           # arms: TF
    v = ("x" and a) or b                         # arms: TF
    w = ((1, -2) and a) or (b and f"x" and a)    # arms: TF -F
    return x, y, z, u, v, w


values(0, 0)
values(1, 1)
