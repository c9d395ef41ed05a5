"""not, and comparisons that the compiler turns round."""


def inverted(a, b):
    if not (a in b):                             # outcomes: TF
        x = 1
    if not (a not in b):                         # outcomes: TF
        x = 2
    if not (a is b):                             # outcomes: T-
        x = 3
    if not (a is not None):                      # outcomes: -F
        x = 4
    y = not (a in b) and 1                       # outcomes: TF
    z = (not (not (a == 1))) and b               # outcomes: TF --O
    return x, y, z


inverted(1, [1])
inverted(2, [1])


def none_of_values(a, b):
    if (a and b) is not None:                    # outcomes: TF TF --O
        x = 1
    if (not a) is not None:                      # outcomes: T-
        x = 2
    if (a is None) is not None:                  # outcomes: T-
        x = 3
    if (a or b) is None:                         # outcomes: TF TF --O
        x = 4
    if (0 < a < 3) is not None:                  # outcomes: T- TF T--
        x = 5
    return x


none_of_values(1, None)
none_of_values(0, None)
none_of_values(0, 2)


def negated_again(items):
    for s, q in items:  # outcomes: BE
        s = not ((s > 1 or q) and (not q)) or s  # outcomes: TF -F TF --O


negated_again([(0, 0), (2, 0), (2, 1), (0, 0), (2, 1)])
