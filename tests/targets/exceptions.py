"""Handlers, context managers, asserts, finally."""


def handle(error):
    try:
        if error:                                # outcomes: TF
            raise error
    except (KeyError, IndexError):               # outcomes: MN
        return 1
    except ValueError:                           # outcomes: MN
        return 2
    except:
        return 3
    else:
        return 4
    finally:
        if error is None:                        # outcomes: TF
            error = 1


handle(None)
handle(KeyError())
handle(ValueError())
handle(TypeError())


def last(error):
    try:
        raise error
    except KeyError:                             # outcomes: MN
        pass


last(KeyError())
try:
    last(ValueError())
except ValueError:                               # outcomes: M-
    pass
except TypeError:                                # outcomes: --
    pass


def group(*errors):
    try:
        raise ExceptionGroup("group", errors)
    except* KeyError:                            # outcomes: MN
        pass
    except* ValueError:                          # outcomes: M-
        pass


group(KeyError(), ValueError())
group(ValueError())


class Suppress:
    def __init__(self, yes):
        self.yes = yes

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return self.yes


def block(outer, inner, error):
    with Suppress(outer), Suppress(inner) as m:  # outcomes: SP SP
        if error:                                # outcomes: TF
            raise error


block(True, False, KeyError())
block(True, True, KeyError())
block(True, True, None)
try:
    block(False, False, KeyError())
except KeyError:                                 # outcomes: M-
    pass


def check(a, b):
    assert a                                     # outcomes: T-
    assert a and b, "never"                      # outcomes: T- T-
    assert a or b                                # outcomes: T- --


check(1, 2)
