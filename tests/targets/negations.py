"""not, and comparisons that the compiler turns round."""


def inverted(a, b):
    if not (a in b):                             # arms: TF
        x = 1
    if not (a not in b):                         # arms: TF
        x = 2
    if not (a is b):                             # arms: T-
        x = 3
    if not (a is not None):                      # arms: -F
        x = 4
    y = not (a in b) and 1                       # arms: TF
    z = (not (not (a == 1))) and b               # arms: TF
    return x, y, z


inverted(1, [1])
inverted(2, [1])


def none_of_values(a, b):
    if (a and b) is not None:                    # arms: TF TF
        x = 1
    if (not a) is not None:                      # arms: T-
        x = 2
    if (a is None) is not None:                  # arms: T-
        x = 3
    if (a or b) is None:                         # arms: TF TF
        x = 4
    if (0 < a < 3) is not None:                  # arms: T- TF
        x = 5
    return x


none_of_values(1, None)
none_of_values(0, None)
none_of_values(0, 2)
