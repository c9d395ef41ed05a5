// The pure functions of the view, with node's own test runner: node --test tests/widget.test.mjs

import assert from "node:assert/strict";
import { test } from "node:test";
import { describe, indent, labels, news, shown, walk } from "../ipy_branchcov/reports/static/widget.js";

const arm = (name, hits, more = {}) => ({ name, hits, first: "", reason: "", excluded: false, ...more });

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

const marks = [{ state: "taken", label: "" }, { state: "missed", label: "never true" }, { state: "never-ran", label: "never ran" }];

test("what shows on a piece", () => {
  assert.equal(shown([], marks), undefined);
  assert.equal(shown([0, 1], marks), 1);
  assert.equal(shown([0, 2, 1], marks), 2);
});

test("labels stand where their places end, and once where code never ran", () => {
  assert.deepEqual(labels({ marks: [0, 1], ends: [0, 1] }, marks), [1]);
  assert.deepEqual(labels({ marks: [2, 1], ends: [2, 1] }, marks), [2]);
  assert.deepEqual(labels({ marks: [2, 1], ends: [1] }, marks), []);
});

test("what is new", () => {
  assert.equal(news({ arms: [arm("true", 1), arm("false", 0)] }), "");
  assert.equal(news({ arms: [arm("true", 1, { new: true }), arm("false", 1, { new: true })] }), "new: true, false");
  assert.equal(describe({ kind: "if", arms: [arm("true", 1, { new: true })] }), "if — true: taken, new");
});

test("walking over what was missed goes round", () => {
  assert.deepEqual([walk(-1, 1, 3), walk(2, 1, 3), walk(0, -1, 3), walk(-1, -1, 3), walk(-1, 1, 0)], [0, 0, 2, 2, -1]);
});

test("how far in a line begins", () => {
  assert.deepEqual(["", "x", "  x", "\tx", "  \tx", "   "].map(indent), [0, 0, 2, 4, 4, 3]);
});
