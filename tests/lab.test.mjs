// The pure functions of the marks in cells, with node's own test runner: node --test tests/lab.test.mjs

import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.window = {};
await import("../ipy_branchcov/reports/static/lab.js");
const container = window._JUPYTERLAB["ipy-branchcov"];
const { alike, cellText, covered, missedAt, parse, pieces, textKey, unite, walk, walked, worded } = (await container.get("./marks"))();

const outcome = (name, state) => ({ name, state, fate: state === "covered" ? "covered" : "never covered", label: `never ${name}`, duty: "required", first: "" });
const form = (yes, no, state) => ({ state, kind: "test of `if`", outcomes: [outcome("true", yes), outcome("false", no)] });
const TRUE = form("covered", "missed", "missed");
const FALSE = form("missed", "covered", "missed");
const run = (places, lines = [], parts = [], ends = []) => ({
  cell: "k", outcomes: 2, ends, forms: places.map(([each]) => each), places: places.map(([, ...span], number) => [number, ...span]), parts, lines,
});
const labels = (marks) => marks.places.map(({ span, label }) => [span[0], label]);

test("what was covered in one of two runs is covered", () => {
  const marks = unite([run([[TRUE, 1, 3, 1, 4]]), run([[FALSE, 1, 3, 1, 4]])]);
  assert.deepEqual([marks.places[0].form.state, labels(marks), covered(marks)], ["covered", [[1, ""]], 2]);
  assert.deepEqual(labels(unite([run([[TRUE, 1, 3, 1, 4]]), run([[TRUE, 1, 3, 1, 4]])])), [[1, "never false"]]);
});

test("lines never ran where they ran in no run", () => {
  const marks = unite([run([], [[2, 5]]), run([[TRUE, 2, 3, 2, 4]], [[4, 7]])]);
  assert.deepEqual(labels(marks), [[2, "never false"], [4, "2 lines never ran"]]);
});

test("a part of a line never ran where no run knows better", () => {
  const part = run([[TRUE, 1, 3, 1, 4]], [], [[1, 8, 1, 9]]);
  const line = run([], [[1, 1]]);
  const wider = run([[TRUE, 1, 3, 1, 4]], [], [[1, 7, 1, 12]]);
  const parts = (runs) => unite(runs).places.filter((each) => each.form.state === "never-ran").map((each) => each.span);
  assert.deepEqual(parts([part, part, wider]), [[1, 8, 1, 9]]);
  assert.deepEqual(parts([wider, line]), [[1, 7, 1, 12]]);
  assert.deepEqual(parts([part, run([[FALSE, 1, 3, 1, 4]])]), []);
});

test("the text of a cell", () => {
  assert.deepEqual(cellText("\n \t\nx = 1\n\n"), ["x = 1", 2]);
  assert.deepEqual(cellText("  x"), ["  x", 0]);
  assert.deepEqual(cellText("\r\nx = 1\r\ny = 2\r\n"), ["x = 1\ny = 2", 1]);
  assert.equal(textKey("\nx = 1\n"), "5-475ba176");
});

test("pieces stand where the columns are, a line each", () => {
  const text = "\nif '𝒳' and (a\n    or b ):\n  c\n\n  d";
  const marks = unite([run([[TRUE, 1, 3, 1, 6], [TRUE, 1, 12, 2, 8]], [[3, 5]])]);
  assert.deepEqual(pieces(marks, text).map(({ from, to, last }) => [text.slice(from, to), last]), [
    ["'𝒳'", true], ["a", false], ["or b", true], ["c", true], ["d", false],
  ]);
});

test("no piece reaches over a comment", () => {
  const text = "\nif (a  # one\n    or b):  # two\n  '𝒳'  # three\n  # four";
  const marks = unite([run([[TRUE, 1, 4, 2, 8]], [[3, 4]], [], [[1, 5], [3, 5], [4, 2]])]);
  assert.deepEqual(pieces(marks, text).map(({ from, to }) => text.slice(from, to)), ["a", "or b", "'𝒳'"]);
});

test("places outside the text are left out", () => {
  const marks = unite([run([[TRUE, 1, 90, 1, 99], [TRUE, 7, 0, 8, 2], [TRUE, 0, 0, 0, 9]], [[3, 900]])]);
  assert.deepEqual(pieces(marks, "x"), []);
});

test("what two texts have in common", () => {
  assert.deepEqual([alike("abcd", "abxd"), alike("aa", "aaa"), alike("", "a"), alike("ab", "ab")], [[2, 1], [2, 0], [0, 0], [2, 0]]);
});

test("a walk goes on from the cursor, and round the end", () => {
  const misses = [{ cell: 0, from: 4, place: 0 }, { cell: 0, from: 4, place: 1 }, { cell: 2, from: 0, place: 0 }];
  const from = (cell, at, step, current) => walk(misses, { cell, from: at }, step, current);
  assert.deepEqual([from(0, 0, 1), from(0, 4, 1, misses[0]), from(0, 4, 1, misses[1]), from(2, 0, 1, misses[2])], [0, 1, 2, 0]);
  assert.deepEqual([from(1, 0, 1), from(1, 0, -1), from(0, 0, -1), from(0, 4, -1, misses[1])], [2, 1, 2, 0]);
  assert.equal(walk([], { cell: 0, from: 0 }, 1), -1);
});

test("a walk counts missed outcomes; what never ran stands for those in it", () => {
  const both = form("missed", "missed", "never-ran");
  const marks = unite([run([[TRUE, 1, 0, 1, 4], [both, 3, 3, 3, 8], [both, 4, 3, 4, 8], [FALSE, 6, 0, 6, 4]], [[3, 4], [8, 8]])]);
  const misses = [...missedAt(marks)].map(([place, missed]) => ({ cell: 0, from: place, place, missed }));
  assert.deepEqual(misses.map((_, at) => walked(misses, at)), ["1 of 6 missed", "2–5 of 6 missed", "6 of 6 missed", ""]);
  assert.equal(misses.reduce((sum, { missed }) => sum + missed, 0), 8 - covered(marks));
});

test("data that is not ours is left out", () => {
  const good = { cell: "k", outcomes: 2, forms: ["if missed +-"], places: [[0, 1, 3, 4], [0, 1, 3, 9, 2]], parts: [[1, 8, 9]], lines: [] };
  const read = parse(JSON.stringify(good));
  assert.deepEqual([read.places, read.parts, read.forms], [[[0, 1, 3, 1, 4], [0, 1, 3, 2, 9]], [[1, 8, 1, 9]], [TRUE]]);
  const bad = [
    null, [], {}, { ...good, places: [[9, 1, 1, 1]] }, { ...good, places: [[0, 1, 1]] }, { ...good, lines: [[1, 1e9]] },
    ...[null, "if", "if missed", "if missed +*", "if missed ----", "toString missed +-", "if odd +-"].map((form) => ({ ...good, forms: [form] })),
    { ...good, cell: 3 }, { ...good, places: [[0, -1, 1, 1]] }, { ...good, parts: [[1, 8, 9.5]] }, { ...good, parts: [[1, 8]] },
  ];
  assert.deepEqual(bad.map((each) => parse(JSON.stringify(each))), bad.map(() => undefined));
  assert.equal(parse("not JSON"), undefined);
});

test("a form in words", () => {
  const { kind, state, outcomes } = worded("assert covered +4o\t\tfirst by In [3]\tnot expected to fail\t");
  assert.deepEqual([kind, state], ["test of `assert`", "covered"]);
  assert.deepEqual(outcomes[0], { name: "true", label: "never true", state: "covered", fate: "covered 4 times", duty: "required", first: "first by In [3]" });
  assert.deepEqual(outcomes[1], { name: "false", label: "never false", state: "optional", fate: "never covered", duty: "optional: not expected to fail", first: "" });
});

test("where a module is missing, one line says so and nothing starts", async () => {
  const said = [];
  console.warn = (words) => said.push(words);
  container.init({});
  const module = (await container.get("./extension"))();
  assert.deepEqual([module.default, said], [[], ["branchcov: marks in cells: @codemirror/view is not shared"]]);
});
