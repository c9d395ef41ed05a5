"""Excluded outcomes are reported, never counted."""


def left_out(a):  # pragma: no cover
    if a:                                        # outcomes: --
        return 1


def partly(a, b):
    if a:  # pragma: no cover                      outcomes: T-
        return b or 2                            # outcomes: T-
    else:
        return b or 3                            # outcomes: --
    while a:  # pragma: no branch                  outcomes: --
        pass


partly(1, 1)
