"""Programs that put real packages to work, a function each: what it prints is the same in every run.

:mod:`tests.packages` runs them plainly, under the oracle and under each tracer.
"""

from __future__ import annotations

import builtins
import contextlib
import random
import sys
from typing import Any
from unittest import mock

TOML = """
title = "one"
[owner]
born = 1979-05-27T07:32:00-08:00
at = 07:32:00.999
[servers.alpha]
ports = [8000, 8_001, 0xFF, 0o17, 0b1, -3, +4]
rates = [1.5, -2e3, inf, nan, 6.02E+2]
text = \"\"\"
several \\
  lines "quoted" \\u00e9\"\"\"
raw = 'C:\\no\\escape'
inline = { a = 1, b.c = "x", d = [true, false] }
[[products]]
name = "nail"
[[products]]
"odd name".key = 1
"""
WRONG_TOML = (
    "a = ", "a = 1\na = 2", "[a]\n[a]", "a = 'x", 'a = "\\q"', "= 1", "a = [1, 2", "a = {b = 1,}", "a = 01",
    "a.b = 1\na = 2", "[[a]]\n[a]",
    "a = 2020-13-01", 'a = """x', "a b = 1", "\x00", "a = 1 2", "[a.b]\nc = 1\n[a]\nb = 2",
)  # fmt: skip
MARKDOWN = """# Title #

A *paragraph* with **bold**, `code`, a [link](http://example.org "t"), ![image](a.png) and <http://auto.example>.
Hard break\\
and a second line\x20\x20
with spaces; a [reference][r], &amp; &copy; and \\* escaped.

[r]: <http://r.example> 'title'

Heading two
-----------

> quote
> * nested
>   1. deeper

* a
* b

    code in a list

1. one
2. two

```python
x = 1 < 2
```

| a | b |
|---|:-:|
| 1 | 2 |

<div>raw</div>

***

Term ~~gone~~ and a footnote[^1].

[^1]: The note.
"""
SQL = """SELECT a.id, COUNT(*) AS n, CASE WHEN x > 1 THEN 'y''s' ELSE NULL END FROM foo AS a LEFT JOIN bar b
ON a.id = b.id WHERE a.v IN (1, 2, 3) AND NOT b.w LIKE '%z' -- comment
GROUP BY a.id HAVING n >= 2 ORDER BY 1 DESC LIMIT 10; INSERT INTO t (a, b) VALUES (1, 'two'), (3.5, $1);
/* block */ CREATE OR REPLACE FUNCTION f() RETURNS int AS $$ BEGIN RETURN 1; END; $$ LANGUAGE plpgsql;
UPDATE t SET a = a + 1, b = @v WHERE c BETWEEN 1 AND 2; WITH q AS (SELECT 1) SELECT * FROM q UNION ALL SELECT 2;"""
TEMPLATE = """{% macro field(name, value='') %}<input name="{{ name }}" value="{{ value|e }}">{% endmacro %}
{%- for user in users if user.age is even %}
{{ loop.index }}/{{ loop.length }} {{ user.name|upper|truncate(5) }} {{ field(user.name, user.age) }}
{%- if not loop.last %},{% endif %}
{% else %}nobody{% endfor %}
{% set total = users|map(attribute='age')|sum %}{{ total if total > 10 and users else 'few' }}
{% filter indent(2) %}{{ {'a': [1, 2, 3]}['a'][1:]|join('-') }} {{ 7 // 2 ** 1 ~ 'x' }} {{ 1 < 2 <= 3 }}{% endfilter %}
{% raw %}{{ untouched }}{% endraw %}{# comment #}{% with x = 3 %}{{ x is divisibleby 3 }}{% endwith %}
{{ missing|default('none') }} {{ 'a' in 'abc' and 'z' not in 'abc' or false }} {% include 'other' ignore missing %}"""
REST = """
Title
=====

:Author: Somebody
:Date: 2020

A paragraph with *emphasis*, **strong**, ``literal``, `a link <http://example.org>`_, a footnote [1]_ and |sub|.

.. |sub| replace:: replaced text
.. [1] The footnote.
.. _target: http://target.example

* one
* two

  1. inner
  #. auto

Term : class
    Definition.

-o FILE  an option
--long   another

+-----+------+
| a   | b    |
+=====+======+
| 1   | two  |
+-----+------+

===  ===
x    y
===  ===
1    2
===  ===

.. note:: A note.

.. code-block:: python

   x = 1

.. unknown:: thing

Section
-------

See target_ and unknown_. ::

    literal block

>>> doctest()
1

| line
| block
"""


def tomli() -> None:
    import tomli

    print(sorted(tomli.loads(TOML)))
    print(tomli.loads(TOML)["servers"]["alpha"]["text"])
    for text in WRONG_TOML:
        try:
            print(tomli.loads(text))
        except tomli.TOMLDecodeError as error:
            print(error)


def mistune() -> None:
    import mistune

    plugins = ["strikethrough", "footnotes", "table", "url", "task_lists", "def_list", "abbr", "mark", "superscript"]
    print(mistune.create_markdown(plugins=plugins)(MARKDOWN))
    print(mistune.create_markdown(escape=False, hard_wrap=True, renderer="html")(MARKDOWN))
    print(mistune.create_markdown(renderer="ast")(MARKDOWN))
    for piece in MARKDOWN.split("\n\n"):
        print(mistune.html(piece))


def markdown() -> None:
    import markdown

    every = ["extra", "toc", "sane_lists", "admonition", "meta", "smarty", "wikilinks", "nl2br"]
    for extensions in ([], every):
        print(markdown.markdown(MARKDOWN + "\n!!! note\n    text\n\n[[Wiki Link]]\n", extensions=extensions))
    for piece in MARKDOWN.split("\n\n"):
        print(markdown.markdown(piece, output_format="html"))


def jinja2() -> None:
    import jinja2

    users = [{"name": "anna-maria", "age": 4}, {"name": "<bob>", "age": 7}, {"name": "carol", "age": 10}]
    environment = jinja2.Environment(
        loader=jinja2.DictLoader({"main": TEMPLATE, "other": "{{ users|length }}", "child": "{% extends 'base' %}"}),
        trim_blocks=True,
        autoescape=True,
    )
    print(environment.get_template("main").render(users=users))
    print(environment.get_template("main").render(users=[]))
    for text in ("{{", "{% if %}", "{{ x.y.z }}", "{{ [1, 2 }}", "{% for x in %}", "{{ 1 / 0 }}", "{{ x|nofilter }}"):
        try:
            print(jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(text).render())
        except (jinja2.TemplateError, ZeroDivisionError) as error:
            print(type(error).__name__, error)


def sqlparse() -> None:
    import sqlparse

    for options in (
        {"reindent": True, "keyword_case": "upper"},
        {"strip_comments": True, "reindent_aligned": True},
        {"comma_first": True, "reindent": True, "wrap_after": 20, "identifier_case": "lower"},
        {"use_space_around_operators": True, "truncate_strings": 3, "output_format": "python"},
    ):
        print(sqlparse.format(SQL, **options))
    for statement in sqlparse.parse(SQL):
        print(statement.get_type(), [(token.ttype, str(token)) for token in statement.flatten()][:20])
    print(len(sqlparse.split(SQL)))


def pyparsing() -> None:
    import pyparsing as pp

    number = pp.common.number()
    name = pp.Word(pp.alphas, pp.alphanums + "_")
    expression = pp.infix_notation(
        number | name,
        [("-", 1, pp.OpAssoc.RIGHT), (pp.one_of("* /"), 2, pp.OpAssoc.LEFT), (pp.one_of("+ -"), 2, pp.OpAssoc.LEFT)],
    )
    pair = pp.Group(name("key") + pp.Suppress("=") + (pp.QuotedString("'") | expression)("value"))
    grammar = pp.ZeroOrMore(pair + pp.Opt(pp.Suppress(";"))) + pp.StringEnd()
    grammar.ignore(pp.python_style_comment)
    for text in ("a = 1 + 2 * -3; b = 'text' # why\nc = (x - 1) / y", "a = ", "a = 1 +", "", "= 3", "a = 'x"):
        try:
            print(grammar.parse_string(text, parse_all=True).as_list())
        except pp.ParseException as error:
            print(error)
    print(pp.DelimitedList(number).parse_string("1, 2.5, -3e4").as_list())
    print(pp.nested_expr("(", ")").parse_string("(a (b c) (d))").as_list())
    print(list(pp.Regex(r"\d+").scan_string("a1 b22 c333")))
    print((pp.Literal("a") ^ pp.Literal("ab") | pp.CaselessKeyword("if")).search_string("ab a IF").as_list())


def lark() -> None:
    import lark

    grammar = """
        start: item*
        item: NAME "=" sum ";" -> assign | "print" sum ";" -> show
        ?sum: product | sum "+" product -> add | sum "-" product -> sub
        ?product: atom | product "*" atom -> mul
        ?atom: NUMBER -> number | NAME -> var | "(" sum ")" | "-" atom -> neg | "[" [sum ("," sum)*] "]" -> list
        %import common.CNAME -> NAME
        %import common.NUMBER
        %import common.WS
        %ignore WS
    """
    texts = ("a = 1 + 2 * (3 - x); print -a;", "print [1, 2, b];", "print [];", "a = ;", "a = 1", "?", "")
    for parser in ("lalr", "earley"):
        made = lark.Lark(grammar, parser=parser, propagate_positions=True)
        for text in texts:
            try:
                print(made.parse(text).pretty())
            except lark.exceptions.LarkError as error:
                print(type(error).__name__, str(error).split("\n")[0] if parser == "lalr" else "")


def docutils() -> None:
    from docutils.core import publish_parts, publish_string

    quiet = {"report_level": 5, "halt_level": 6, "_disable_config": True, "datestamp": None}
    print(publish_parts(REST, writer_name="html5", settings_overrides=quiet)["body"])
    for writer in ("pseudoxml", "latex", "manpage", "xml"):
        print(publish_string(REST, writer_name=writer, settings_overrides=quiet).decode())


def networkx() -> None:
    import networkx as nx

    graph = nx.connected_watts_strogatz_graph(30, 4, 0.3, seed=7)
    for a, b in graph.edges:
        graph[a][b]["weight"] = (a * 7 + b * 3) % 10 + 1
    print(nx.shortest_path(graph, 0, 9, weight="weight"), nx.is_connected(graph), nx.density(graph))
    print(sorted(nx.connected_components(graph), key=len)[-1], nx.clustering(graph)[3], nx.diameter(nx.path_graph(5)))
    print(sorted(nx.minimum_spanning_edges(graph, data=False))[:9], nx.greedy_color(graph))
    print(sorted(map(sorted, nx.find_cliques(graph)))[:5], nx.core_number(graph), nx.is_bipartite(graph))
    directed = nx.DiGraph([(i, (i * 3 + 1) % 17) for i in range(17)] + [(i, i + 1) for i in range(16)])
    print([sorted(each) for each in nx.strongly_connected_components(directed)], list(nx.simple_cycles(directed))[:4])
    for u, v in directed.edges:
        directed[u][v]["capacity"] = (u + v) % 5 + 1
    print(nx.maximum_flow_value(directed, 0, 16), nx.is_directed_acyclic_graph(directed))
    print(list(nx.topological_sort(nx.DiGraph([(1, 2), (1, 3), (3, 2)]))), nx.max_weight_matching(nx.path_graph(6)))
    with contextlib.suppress(nx.NetworkXNoPath):
        print(nx.shortest_path(nx.Graph([(1, 2), (3, 4)]), 1, 4))
    print("\n".join(nx.generate_graphml(nx.path_graph(3))), nx.to_dict_of_lists(nx.star_graph(3)))
    print(nx.is_isomorphic(nx.cycle_graph(5), nx.relabel_nodes(nx.cycle_graph(5), {0: "a"})))


def sympy() -> None:
    class Sorted(random.Random):
        def __init__(self, seed: int = 7) -> None:
            super().__init__(seed)

        def shuffle(self, x: list[Any]) -> None:
            x.sort()  # so that what is asked next does not depend on how much was asked before

    build = builtins.__build_class__
    domains = ("Domain", "RealField", "ComplexField", "FiniteField", "AlgebraicField")

    def built(function: Any, name: str, *bases: Any, **keywords: Any) -> Any:
        made = build(function, name, *bases, **keywords)
        if made.__module__.startswith("sympy.polys.domains.") and name in domains:
            made.__hash__ = lambda self: hash((type(self).__name__, self.rep))
        return made

    # From its import on, sympy asks for assumptions in an order that a generator of its own shuffles. And matrices are
    # brought to one domain in the order of a set of domains, whose hash is made of that of a class: of an address.
    with mock.patch.object(random, "Random", Sorted), mock.patch.object(builtins, "__build_class__", built):
        import sympy as sp

    x, y, n = sp.symbols("x y n")
    print(sp.expand((x + y) ** 4), sp.factor(x**4 - 1), sp.simplify(sp.sin(x) ** 2 + sp.cos(x) ** 2))
    print(sp.diff(sp.exp(x**2) * sp.sin(x), x, 2), sp.integrate(x**2 * sp.exp(x), x), sp.limit(sp.sin(x) / x, x, 0))
    print(sp.solve([x + y - 3, x - y - 1], [x, y]), sp.solve(x**3 - 2 * x + 1, x), sp.series(sp.cos(x), x, 0, 8))
    print(sp.Matrix([[1, 2], [3, 4]]).inv(), sp.Matrix([[2, 0], [0, 3]]).eigenvals(), sp.factorint(360), sp.isprime(97))
    print(sp.sympify("2*x + sqrt(8)"), sp.latex(sp.Integral(x**2, (x, 0, 1))), sp.pretty(x**2 / y))
    print(
        sp.summation(n**2, (n, 1, 10)), sp.Rational(3, 4) + sp.Rational(1, 6), sp.pi.evalf(30), sp.apart(1 / (x**2 - 1))
    )
    print(sp.Piecewise((x, x > 0), (-x, True)).subs(x, -3), sp.Poly(x**2 + 1, x).degree(), sp.gcd(12, 18))


def run(name: str) -> None:
    """Run one, under the same circumstances in every way: the oracle's frames are more and deeper."""
    sys.setrecursionlimit(20_000)
    random.seed(7)
    globals()[name]()
