"""and, or, not: as tests and as values."""


def test(a, b, c):
    if a and b or c:                             # outcomes: TF T- T-
        return 1
    return 2


test(1, 1, 0)
test(0, 1, 1)


def value(a, b, c):
    x = a and b                                  # outcomes: TF --O
    y = a or b or c                              # outcomes: TF TF --O
    z = not (a or b)                             # outcomes: TF --O
    return x, y, z


value(1, 0, 0)
value(0, 1, 0)
value(0, 0, 1)


def shared_jumps(a, b, c):
    x = (a or b) and c                           # outcomes: TF -F --O
    y = (a and b) or c                           # outcomes: TF -F --O
    return x, y


shared_jumps(1, 0, 5)
shared_jumps(0, 0, 5)


def negated_joint(a, b, c):
    return not (a or b) and c                    # outcomes: TF T- ---


negated_joint(1, 0, 5)
negated_joint(0, 3, 5)


def broken_lines(a, b, c):
    return (
        a                                        # outcomes: T-
        and (b                                   # outcomes: TF
             or c)                               # outcomes: T-
        and "end"
    )


broken_lines(1, 0, 3)
broken_lines(1, 2, 0)


def inside_a_conditional(a, b, t, q, c):
    x = ((a or b) if t else q) and c             # outcomes: T- T- --- TF --O
    return x


inside_a_conditional(1, 0, True, 0, 0)
inside_a_conditional(1, 0, False, 7, 0)
inside_a_conditional(1, 0, True, 0, 0)


def tested_conditional(a, b, t, q):
    if (a or b) if t else q:                     # outcomes: TF TF -F T-
        return 1


tested_conditional(1, 0, True, 0)
tested_conditional(0, 0, True, 0)


def walrus(f):
    if (y := f()) and (z := y - 1):              # outcomes: T- TF
        return z


walrus(lambda: 1)
walrus(lambda: 2)


def compared_with_none(a, b):
    if (a and b) is None:                        # outcomes: TF TF --O
        return 1
    return ((a and b) is not None) and b         # outcomes: T- TF --O --O


compared_with_none(1, None)
compared_with_none(0, 1)
compared_with_none(1, 1)


def joint_behind_a_long_operand(a, b):
    return (
        a and b or                               # outcomes: TF -F
        sum([int(a), int(b), int(a), int(b), int(a), int(b), int(a), int(b), int(a), int(b),  # outcomes: TF
             int(a), int(b), int(a), int(b), int(a), int(b), int(a), int(b), int(a), int(b),
             int(a), int(b), int(a), int(b), int(a), int(b), int(a), int(b), int(a), int(b)])
    ) or b  # outcomes: --O


joint_behind_a_long_operand(0, 0)
joint_behind_a_long_operand(3, 0)
