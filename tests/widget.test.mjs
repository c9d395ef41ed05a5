// The pure functions of the view, with node's own test runner: node --test tests/widget.test.mjs

import assert from "node:assert/strict";
import { test } from "node:test";
import { called, describe, duty, fate, indent, name, nest, news, places, turned, walk } from "../ipy_branchcov/reports/static/widget.js";

const arm = (name, hits, more = {}) => ({ name, hits, required: true, first: "", reason: "", excluded: false, ...more });

test("a branch in words", () => {
  const arms = [arm("true", 3, { first: "In [2]" }), arm("false", 0)];
  assert.equal(describe({ kind: "if", arms }, false), "if — true: taken, first by In [2]; false: never taken");
  assert.equal(describe({ kind: "if", arms }, true), "if — true: taken 3 times, first by In [2]; false: never taken");
  assert.equal(describe({ kind: "if", arms: [arm("true", 1)] }, true), "if — true: taken once");
  const values = [["x", "5"], ["n", "10"]];
  assert.equal(
    describe({ kind: "if", arms: [arm("true", 1, { first: "In [7]", values })] }),
    "if — true: taken, first by In [7] with x=5, n=10",
  );
  assert.equal(
    describe({ kind: "assert", arms: [arm("false", 0, { reason: "an assert that fails" })] }),
    "assert — false: never taken (optional: an assert that fails)",
  );
  assert.equal(describe({ kind: "if", arms: [arm("true", 1, { excluded: true, reason: "x" })] }), "if — true: taken, excluded");
  assert.equal(describe({ kind: "", label: "never ran", arms: [] }), "never ran");
});

test("what became of an arm, and whether it counts", () => {
  assert.deepEqual([0, 1, 3].map((hits) => fate(arm("true", hits), true)), ["never taken", "taken once", "taken 3 times"]);
  assert.equal(fate(arm("true", 3), false), "taken");
  assert.equal(duty(arm("true", 1)), "required");
  assert.equal(duty(arm("true", 1, { required: false, reason: "why" })), "optional: why");
  assert.equal(duty(arm("true", 1, { required: false })), "optional");
  assert.equal(duty(arm("true", 1, { excluded: true, reason: "why" })), "excluded");
});

test("the name of a place", () => {
  assert.equal(name({ text: "x > 0", label: "never true", state: "missed" }), "x > 0: never true");
  assert.equal(name({ text: "x > 0", label: "", state: "taken" }), "x > 0: all arms taken");
  assert.equal(name({ text: "a or b", label: "", state: "optional", composite: true }), "a or b: counted by its operands");
  assert.equal(name({ text: "", line: 3, end: 3, label: "never ran", state: "never-ran" }), "line 3: never ran");
  assert.equal(called({ text: "", line: 3, end: 7 }), "lines 3 to 7");
});

// The text of each node; what a mark covers in brackets behind its number, its end as a bar.
const drawn = (nodes) => nodes.map((node) => {
  if (node.tokens) return node.tokens.map(([text]) => text).join("");
  return node.nodes ? `${node.mark}[${drawn(node.nodes)}]` : `|${node.end}`;
}).join("");
const piece = (text, marks = [], ends = []) => ({ tokens: [[text, ""]], marks, ends });

test("places within each other", () => {
  const pieces = [piece("if "), piece("a", [0, 1], [1]), piece(" or ", [0]), piece("b", [0, 2], [0, 2]), piece(":")];
  assert.equal(drawn(nest(pieces)), "if 0[1[a]|1 or 2[b]|2]|0:");
});

test("links of a chain share an operand", () => {
  const pieces = [piece("0 < ", [0, 1]), piece("c", [0, 1, 2], [1]), piece(" < 9", [0, 2], [0, 2])];
  assert.equal(drawn(nest(pieces)), "0[1[0 < 2[c]]|12[ < 9]|2]|0");
});

test("a place that goes on in the next line ends there", () => {
  assert.equal(drawn(nest([piece("a or", [0])])), "0[a or]");
  assert.equal(drawn(nest([piece("  "), piece("b", [0], [0])])), "  0[b]|0");
});

test("places in the order in which they end", () => {
  const lines = [
    { pieces: [piece("a", [1, 2], [2]), piece(" or b", [1], [1])], miss: null },
    { pieces: [piece("x")], miss: 0 },
  ];
  assert.deepEqual(places({ lines }), [2, 1, 0]);
});

test("what is new", () => {
  assert.equal(news({ arms: [arm("true", 1), arm("false", 0)] }), "");
  assert.equal(news({ arms: [arm("true", 1, { new: true }), arm("false", 1, { new: true })] }), "new: true, false");
  assert.equal(describe({ kind: "if", arms: [arm("true", 1, { new: true })] }), "if — true: taken, new");
});

test("walking over what was missed goes round", () => {
  const misses = [false, true, true, false];
  const found = [[-1, 1], [0, 1], [1, 1], [2, 1], [3, -1], [1, -1], [-1, -1]].map(([at, step]) => walk(misses, at, step));
  assert.deepEqual(found, [1, 1, 2, 1, 2, 2, 2]);
  assert.deepEqual([walk([], -1, 1), walk([false], 0, -1), walk([true], 0, 1)], [-1, -1, 0]);
});

test("words from right to left stand by themselves", () => {
  assert.deepEqual(turned("a < b"), [["a < b", false]]);
  assert.deepEqual(turned("א < b"), [["א", true], [" < ", false], ["b", false]]);
});

test("how far in a line begins", () => {
  assert.deepEqual(["", "x", "  x", "\tx", "  \tx", "   "].map(indent), [0, 0, 2, 4, 4, 3]);
});
