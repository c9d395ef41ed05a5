"""Excluded arms are told, never counted."""


def left_out(a):  # pragma: no cover
    if a:                                        # arms: --
        return 1


def partly(a, b):
    if a:  # pragma: no cover                      arms: T-
        return b or 2                            # arms: T-
    else:
        return b or 3                            # arms: --
    while a:  # pragma: no branch                  arms: --
        pass


partly(1, 1)
