"""Branches in every place an expression can stand, with characters beyond ASCII."""


def decorate(on):
    return (lambda f: f) if on else None         # outcomes: T-


@decorate(1 and 2)
class Größe(object if decorate is None else dict): # outcomes: -F
    feld = [i for i in "äöü" if i != "ö" or i]   # outcomes: BE TF T-

    def methode(self, π=3 or 4, *, 名=[] or {}): # outcomes: -F --O
        return "ß😀" if π else "é", π and 名     # outcomes: T- T- --O


Größe().methode()


def lambdas():
    f, g = lambda a: a or 1, lambda a: a or 1    # outcomes: T- -F
    return f(1), g(0)


lambdas()


def subscripts(a, b):
    a[b or 0] = {**(b or {}), "k": [*(a and [])]}  # outcomes: -F -F --O T- --O
    del a[b or 0]                                # outcomes: -F
    return a


subscripts([1], None)


def annotated(x: int if 1 else str, y: "a or b" = None) -> (1 and 2):
    local: (x or y) = 1
    return local


annotated(1)
