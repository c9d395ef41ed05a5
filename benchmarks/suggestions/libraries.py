"""Twenty functions of four libraries, and for each the calls that were seen. Chosen before the search was written.

tomli is read from its source: its installed modules are compiled.
"""

from __future__ import annotations

#: By ``module:function``: the calls, in the module's own names.
CALLS = {
    "tomli._parser:parse_value": ['parse_value("1", 0, float, 0)'],
    "tomli._parser:parse_basic_str_escape": [r'parse_basic_str_escape("\\n", 0)'],
    "tomli._parser:skip_until": ['skip_until("abc", 0, "c", error_on=frozenset("x"), error_on_eof=True)'],
    "tomli._parser:parse_multiline_str": ["""parse_multiline_str('\"\"\"a\"\"\"', 0, literal=False)"""],
    "tomli._parser:parse_key": ['parse_key("a = 1", 0)'],
    "humanize.filesize:naturalsize": ["naturalsize(3000000)"],
    "humanize.number:ordinal": ["ordinal(1)"],
    "humanize.number:intcomma": ["intcomma(1000)"],
    "humanize.number:intword": ["intword(12400)"],
    "humanize.number:clamp": ["clamp(123.456)"],
    "humanize.lists:natural_list": ['natural_list(["one", "two", "three"])'],
    "sortedcontainers.sortedlist:SortedList.irange": ["SortedList([1, 2, 3, 4]).irange(2, 3)"],
    "sortedcontainers.sortedlist:SortedList.index": ["SortedList([1, 2, 3]).index(2)"],
    "sortedcontainers.sortedlist:SortedList.islice": ["SortedList([1, 2, 3, 4]).islice(1, 3)"],
    "more_itertools.more:windowed": ["windowed([1, 2, 3, 4, 5], 3)"],
    "more_itertools.more:split_at": ["split_at([1, 2, 3], lambda x: x == 2)"],
    "more_itertools.more:nth_permutation": ["nth_permutation([1, 2, 3], 2, 1)"],
    "more_itertools.more:is_sorted": ["is_sorted([1, 2, 3])"],
    "more_itertools.more:padded": ["padded([1, 2], 0, 4)"],
    "more_itertools.more:sort_together": ["sort_together([(3, 1, 2), (1, 2, 3)])"],
}
