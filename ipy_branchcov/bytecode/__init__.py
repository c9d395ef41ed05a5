"""Code object <-> instructions: decode, encode, and the instructions in memory. One codec, both directions."""


class Unencodable(Exception):
    """The instructions cannot be encoded in this order."""
