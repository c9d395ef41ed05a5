"""for and comprehensions: body when an item arrives, exhausted when none is left."""


def first(values):
    for value in values:                         # outcomes: B-
        return value


first([1])


def last(values):
    for value in values:                         # outcomes: BE
        pass
    else:
        value = 2
    for _ in ():                                 # outcomes: -E
        pass
    return value


last([1, 2])


def comprehensions(values):
    a = [x for x in values if x]                 # outcomes: BE TF
    b = {x: y for x in a for y in [x] if y > 1}  # outcomes: BE TF
    c = {y for x in b if x for y in range(x)}    # outcomes: BE T- BE
    return any(x > 1 for x in c)                 # outcomes: B-


comprehensions([0, 1, 2, 3])


def builtins(values):
    return (
        all(x for x in values if x != 2),        # outcomes: BE TF
        any(x > 9 for x in values),              # outcomes: BE
        tuple(x for x in values),                # outcomes: BE
        list(1 if x else 2 for x in values),     # outcomes: T- BE
    )


builtins([1, 2])


def generator(n):
    for i in range(n):                           # outcomes: B-
        yield i if i else -1                     # outcomes: -F


next(generator(3))


def jumps(values):
    for value in values:                         # outcomes: BE
        try:
            if value == 1:                       # outcomes: TF
                continue
            if value == 2:                       # outcomes: TF
                break
        finally:
            if value:                            # outcomes: T-
                value = 0


jumps([1, 3, 2])
jumps([1])


def filters_of_subscripts(pairs, key):
    first = [x for x in pairs if pairs[0]]       # outcomes: BE T-
    return first, [x for x in pairs if [x, key][key] and key]  # outcomes: BE T- TF


filters_of_subscripts((2, 1), 1)
filters_of_subscripts((2, 1), 0)
