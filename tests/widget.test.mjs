// The pure functions of the view, with node's own test runner: node --test tests/widget.test.mjs

import assert from "node:assert/strict";
import { test } from "node:test";
import { elsewhere, identity, indent, missing, name, nest, next, places, turned, unpacked, walked } from "../ipy_branchcov/reports/static/widget.js";

test("the name of a place", () => {
  assert.equal(name({ place: "x > 0", label: "never true", words: "never true" }), "x > 0: never true");
  assert.equal(name({ place: "x > 0", label: "", words: "all outcomes covered" }), "x > 0: all outcomes covered");
  assert.equal(name({ place: "lines 3 to 7", label: "5 lines never ran", words: "never ran" }), "lines 3 to 7: 5 lines never ran");
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

test("the next miss, forward and back", () => {
  const misses = [false, true, true, false];
  const found = [[-1, 1], [0, 1], [1, 1], [2, 1], [4, -1], [2, -1], [1, -1]].map(([at, step]) => next(misses, at, step));
  assert.deepEqual(found, [1, 1, 2, -1, 2, 1, -1]);
  assert.equal(next([], -1, 1), -1);
});

test("one unit for misses: outcomes, and lines told apart", () => {
  const mark = (missed) => ({ missed, place: "line 8", label: "never ran" });
  assert.deepEqual([1, 2, 0].map((missed) => walked(mark(missed), 2, 5)), ["3 of 5", "3–4 of 5", "line 8: never ran"]);
  assert.equal(missing([{ missed: 2, never_ran: 1 }, { missed: 1, never_ran: 0 }]), "3 missed · 1 line never ran");
  assert.deepEqual([missing([]), missing([{ missed: 0, never_ran: 2 }])], ["", "2 lines never ran"]);
});

test("data come packed", async () => {
  assert.deepEqual(await unpacked("eJyrVspUslIwrAUAChUCMQ=="), { i: 1 });
});

test("a place in a later view", () => {
  const mark = { line: 3, end: 3, kind: "if", text: "x > 0" };
  const [one, moved] = [identity(mark, { name: "this cell" }), identity({ ...mark, line: 5, end: 5 }, { name: "this cell" })];
  assert.deepEqual([one.exact === moved.exact, one.about === moved.about, one.source], [false, true, "this cell"]);
});

test("words from right to left stand by themselves", () => {
  assert.deepEqual(turned("a < b"), [["a < b", false]]);
  assert.deepEqual(turned("א < b"), [["א", true], [" < ", false], ["b", false]]);
});

test("how far in a line begins", () => {
  assert.deepEqual(["", "x", "  x", "\tx", "  \tx", "   "].map(indent), [0, 0, 2, 4, 4, 3]);
});

test("what other runs covered", () => {
  assert.deepEqual([elsewhere(3, 3), elsewhere(3, undefined), elsewhere(2, 3)], ["", "", ""]);
  assert.match(elsewhere(3, 1), /^other runs covered 2 of the outcomes missed here/);
});
