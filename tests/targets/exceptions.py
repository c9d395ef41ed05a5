"""Handlers, context managers, asserts, finally."""


def handle(error):
    try:
        if error:                                # arms: TF
            raise error
    except (KeyError, IndexError):               # arms: MN
        return 1
    except ValueError:                           # arms: MN
        return 2
    except:
        return 3
    else:
        return 4
    finally:
        if error is None:                        # arms: TF
            error = 1


handle(None)
handle(KeyError())
handle(ValueError())
handle(TypeError())


def last(error):
    try:
        raise error
    except KeyError:                             # arms: MN
        pass


last(KeyError())
try:
    last(ValueError())
except ValueError:                               # arms: M-
    pass
except TypeError:                                # arms: --
    pass


def group(*errors):
    try:
        raise ExceptionGroup("group", errors)
    except* KeyError:                            # arms: MN
        pass
    except* ValueError:                          # arms: M-
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
    with Suppress(outer), Suppress(inner) as m:  # arms: SP SP
        if error:                                # arms: TF
            raise error


block(True, False, KeyError())
block(True, True, KeyError())
block(True, True, None)
try:
    block(False, False, KeyError())
except KeyError:                                 # arms: M-
    pass


def check(a, b):
    assert a                                     # arms: T-
    assert a and b, "never"                      # arms: T- T-
    assert a or b                                # arms: T- --


check(1, 2)
