"""Conditions that are constant by their form are no branches; what a constant leaves open still is."""


def constants(a):
    if True:
        x = 1
    if 0 or "text":
        x = 2
    if __debug__ and not None:
        x = 3
    y = a or 1                                   # outcomes: TF
    if a and True:                               # outcomes: TF
        x = 4
    if True if a else False:                     # outcomes: TF TF
        x = 5
    while 1:
        break
    z = 1 if 1 else 2
    for b in [c for c in (a,) for d in [c]]:     # outcomes: BE BE
        pass
    return x, y, z, b


constants(0)
constants(1)
