// SPDX-License-Identifier: MIT
// @ts-check
// Marks in the cells themselves: an extension of JupyterLab 4.2 and Notebook 7.2 or later, without a build step.
//
// JupyterLab's own modules are shared at run time (module federation), so this file needs no bundler: it is a container
// of modules with `init` and `get`. The data stand in the outputs of a notebook, a line of JSON for each cell that was
// measured, so a saved notebook has its marks without a kernel. A cell is known by its text: what one output says of
// the functions of another cell is drawn there, and what several outputs say of one cell is united.
(() => {
  const NAME = "ipy-branchcov";
  const MIME = "application/vnd.branchcov.marks";
  const LIVE_MIME = "application/vnd.branchcov.live+json";
  const NEVER_RAN = "never ran";

  // --- the data: the same types as in cell_marks.py, which has comments on the fields

  /**
   * @typedef {object} CellMarks
   * @property {string} cell
   * @property {number} outcomes
   * @property {string[]} forms
   * @property {number[][]} places
   * @property {number[][]} parts
   * @property {[number, number][]} lines
   * @property {[number, number][]} ends
   */

  /**
   * @typedef {object} LiveMarks
   * @property {string[]} lines
   * @property {string[]} details
   * @property {boolean} keep
   * @property {boolean} forget
   */

  // --- types of this file alone

  /** An outcome in words. @typedef {{name: string, state: string, fate: string, label: string, duty: string, first: string}} OutcomeWords */

  /**
   * What several branches have in common, in words.
   * @typedef {{state: State, kind: string, outcomes: OutcomeWords[]}} MarkWords
   * @typedef {"missed" | "never-ran" | "covered" | "optional" | "excluded"} State
   */

  /** A line and column, and the same of the end. @typedef {[number, number, number, number]} Span */

  /**
   * The data of one cell, read.
   * @typedef {{cell: string, outcomes: number, forms: MarkWords[], places: [number, ...Span][], parts: Span[], lines: [number, number][], ends: [number, number][]}} Run
   */

  /**
   * A place in a cell's text: a branch, or a part of a line or whole lines that never ran. Lines from 1, columns from
   * 0 in code points.
   * @typedef {object} Place
   * @property {MarkWords} form
   * @property {Span} span
   * @property {string} label
   * @property {boolean} whole
   */

  /** The marks of one cell, united. `ends`: where the code of a line ends before a comment. @typedef {{cell: string, outcomes: number, places: Place[], ends: Map<number, number>}} Marks */

  /**
   * Where a place stands in an editor: the ranges of its pieces, one a line, and the number of its place.
   * `unit`: what fades together.
   * @typedef {{from: number, to: number, place: number, unit: object, last: boolean}} Piece
   */

  /** A miss on the walk through a notebook; `missed`: the outcomes that it stands for. @typedef {{cell: number, from: number, place: number, missed: number}} Miss */

  /** Objects of JupyterLab and CodeMirror, whose types are not at hand. @typedef {any} Foreign */

  // --- pure functions

  const CRC = Uint32Array.from({ length: 256 }, (_, number) => {
    for (let bit = 0; bit < 8; bit += 1) number = number & 1 ? (number >>> 1) ^ 0xedb88320 : number >>> 1;
    return number;
  });

  /**
   * A cell's text as it is measured: without blank lines above and line ends below, its lines ended by newlines; and
   * the number of lines cut above.
   * @param {string} text
   * @returns {[string, number]}
   */
  function cellText(text) {
    text = text.replace(/\r\n?/g, "\n");
    const blank = /^(?:[ \t]*\n)+/.exec(text)?.[0] ?? "";
    return [text.slice(blank.length).replace(/\n+$/, ""), blank.split("\n").length - 1];
  }

  /**
   * What a cell is known by: the length of its text in UTF-8, and the CRC-32 of that.
   * @param {string} text
   * @returns {string}
   */
  function textKey(text) {
    const bytes = new TextEncoder().encode(cellText(text)[0]);
    let crc = 0xffffffff;
    for (const byte of bytes) crc = (crc >>> 8) ^ CRC[(crc ^ byte) & 255];
    return `${bytes.length}-${((crc ^ 0xffffffff) >>> 0).toString(16).padStart(8, "0")}`;
  }

  // The words of words.py: a test compares them.

  /** @type {Record<string, string>} */
  const KINDS = {
    "if": "test of `if`", "while": "test of `while`", "ifexp": "test of a conditional expression", "assert": "test of `assert`",
    "comp-if": "filter of a comprehension", "guard": "guard of a `case`", "and": "operand of `and`", "or": "operand of `or`",
    "compare": "link of a chained comparison", "for": "`for` loop", "async-for": "`async for` loop",
    "comp-for": "loop of a comprehension", "async-comp-for": "async loop of a comprehension", "except": "handler",
    "except*": "handler of `except*`", "pattern": "pattern of a `case`", "with": "`with` block", "async-with": "`async with` block",
  };

  /**
   * The outcomes of a kind of branch, each with the label where it was missed.
   * @param {string} kind
   * @returns {[name: string, label: string][]}
   */
  function outcomesOf(kind) {
    if (/for$/.test(kind)) return [["body", "never entered"], ["exhausted", "never exhausted"]];
    if (/^(except|pattern)/.test(kind)) return [["match", "never matched"], ["nomatch", "never failed to match"]];
    const names = /with$/.test(kind) ? ["suppressed", "propagated"] : ["true", "false", "other"];
    return names.map((name) => [name, `never ${name}`]);
  }

  /**
   * A form in words. Raises where it is none.
   * @param {string} form
   * @returns {MarkWords}
   */
  function worded(form) {
    const [head, ...extras] = form.split("\t");
    const [kind, state, letters] = head.split(" ");
    if (!Object.hasOwn(KINDS, kind) || !WEIGHTS.includes(state) || !/^([-+oOxX]\d*)+$/.test(letters)) throw new Error("no form");
    const named = outcomesOf(kind);
    const outcomes = [...letters.matchAll(/([-+oOxX])(\d*)/g)].map(([, letter, hits], number) => {
      const covered = "+OX".includes(letter);
      const [name, label] = named[number];
      const counted = !hits ? "covered" : hits === "1" ? "covered once" : `covered ${hits} times`;
      const what = { o: "optional", x: "excluded" }[letter.toLowerCase()];
      const reason = extras[2 * number];
      return {
        name,
        label,
        state: covered ? "covered" : what ?? "missed",
        fate: covered ? counted : "never covered",
        duty: what ? (reason ? `${what}: ${reason}` : what) : "required",
        first: extras[2 * number + 1] ?? "",
      };
    });
    return { state: /** @type {State} */ (state), kind: KINDS[kind], outcomes };
  }

  /**
   * The data in a line of an output; undefined for anything else, which a saved notebook can have there.
   * @param {string} line
   * @returns {Run | undefined}
   */
  function parse(line) {
    const numbers = (/** @type {unknown} */ each, /** @type {number[]} */ ...counts) =>
      Array.isArray(each) && counts.includes(each.length) && each.every((number) => Number.isInteger(number) && number >= 0);
    const span = (/** @type {number[]} */ [line, column, end, last]) => /** @type {Span} */ ([line, column, last ?? line, end]);
    try {
      /** @type {CellMarks} */
      const data = JSON.parse(line);
      const [forms, ends] = [data.forms.map(worded), data.ends ?? []];
      const sound = data.places.every((each) => numbers(each, 4, 5) && each[0] < forms.length)
        && data.parts.every((each) => numbers(each, 3, 4))
        && data.lines.every((each) => numbers(each, 2) && each[1] < 1e6)
        && ends.every((each) => numbers(each, 2))
        && typeof data.cell === "string" && Number.isInteger(data.outcomes);
      if (!sound) return undefined;
      return { ...data, forms, ends, places: data.places.map(([form, ...place]) => [form, ...span(place)]), parts: data.parts.map(span) };
    } catch {
      return undefined;
    }
  }

  /**
   * A form with the outcomes of two runs: covered in one of them is covered.
   * @param {MarkWords} one
   * @param {MarkWords} other
   * @returns {MarkWords}
   */
  function united(one, other) {
    const outcomes = one.outcomes.map((outcome, number) => {
      const twin = other.outcomes[number];
      if (twin?.name !== outcome.name || twin.state !== "covered") return outcome;
      if (outcome.state !== "covered") return twin;
      const fates = outcome.fate === twin.fate ? outcome.fate : `${outcome.fate}, ${twin.fate}`;
      return { ...outcome, fate: fates, first: outcome.first || twin.first };
    });
    const covered = outcomes.some((outcome) => outcome.state === "covered");
    const missed = outcomes.some((outcome) => outcome.state === "missed");
    const judged = missed ? (covered ? "missed" : "never-ran") : "covered";
    return { ...one, outcomes, state: ["optional", "excluded"].includes(one.state) ? one.state : judged };
  }

  /**
   * The lines that never ran in any of several runs.
   * @param {Run[]} runs
   * @returns {Set<number>}
   */
  function missedLines(runs) {
    const sets = runs.map(({ lines }) => new Set(lines.flatMap(([first, last]) =>
      Array.from({ length: Math.max(0, last - first + 1) }, (_, number) => first + number))));
    return new Set([...sets[0]].filter((line) => sets.every((set) => set.has(line))));
  }

  /**
   * What several runs of one cell say together.
   * @param {Run[]} runs
   * @returns {Marks}
   */
  function unite(runs) {
    /** @type {Map<string, Place>} */
    const found = new Map();
    const key = (/** @type {Run} */ { forms, places }, /** @type {number} */ number) =>
      `${places[number].slice(1)} ${forms[places[number][0]].kind}`;
    for (const run of runs) {
      run.places.forEach(([number, ...span], place) => {
        const known = found.get(key(run, place));
        const form = known ? united(known.form, run.forms[number]) : run.forms[number];
        found.set(key(run, place), { form, span, label: labelOf(form), whole: false });
      });
    }
    const parts = runs.flatMap((run) => run.parts).filter((span) => runs.every((run) => neverRan(run, span)));
    for (const span of parts) {
      if (!parts.some((each) => contains(each, span) && !contains(span, each))) found.set(`${span}`, notRun(span, NEVER_RAN, false));
    }
    const places = labelled([...found.values()], missedLines(runs));
    const ends = new Map(runs.flatMap((run) => run.ends));
    return { cell: runs[0].cell, outcomes: Math.max(...runs.map((run) => run.outcomes)), places, ends };
  }

  /**
   * @param {number[]} outer
   * @param {number[]} inner
   */
  function contains([line, column, endLine, endColumn], [first, from, last, to]) {
    return (line < first || (line === first && column <= from)) && (last < endLine || (last === endLine && to <= endColumn));
  }

  /**
   * Whether a run knows that a place never ran: as a part, in a wider one, or with its line.
   * @param {Run} run
   * @param {number[]} span
   */
  function neverRan({ parts, lines }, span) {
    return parts.some((each) => contains(each, span)) || lines.some(([first, last]) => first <= span[0] && span[0] <= last);
  }

  /**
   * @param {Place["span"]} span
   * @param {string} label
   * @param {boolean} whole
   * @returns {Place}
   */
  function notRun(span, label, whole) {
    return { form: { state: "never-ran", kind: "", outcomes: [] }, span, label, whole };
  }

  /**
   * The words beside a place: "" where nothing is missed.
   * @param {MarkWords} form
   * @returns {string}
   */
  function labelOf({ state, outcomes }) {
    if (state === "never-ran") return NEVER_RAN;
    return state === "missed" ? outcomes.filter((each) => each.state === "missed").map((each) => each.label).join(", ") : "";
  }

  /** The states by weight: of two places alike, the one with the greater weight comes first. */
  const WEIGHTS = ["optional", "covered", "excluded", "missed", "never-ran"];

  /**
   * Places in source order with the lines that never ran; what lies inside code that never ran has its label already.
   * @param {Place[]} places
   * @param {Set<number>} never
   * @returns {Place[]}
   */
  function labelled(places, never) {
    const lines = [...never].sort((a, b) => a - b);
    const starts = lines.filter((line) => !never.has(line - 1));
    const runs = starts.map((first) => {
      let last = first;
      while (never.has(last + 1)) last += 1;
      const label = first === last ? NEVER_RAN : `${last - first + 1} lines ${NEVER_RAN}`;
      return notRun([first, 0, last, Infinity], label, true);
    });
    const before = (/** @type {Place} */ a, /** @type {Place} */ b) =>
      a.span[0] - b.span[0] || a.span[1] - b.span[1] || b.span[2] - a.span[2] || b.span[3] - a.span[3]
      || WEIGHTS.indexOf(b.form.state) - WEIGHTS.indexOf(a.form.state);
    const all = [...runs, ...places].sort(before);
    /** @type {Place | undefined} */
    let around;
    return all.map((place) => {
      const [line, , endLine, endColumn] = place.span;
      const inside = around && (around.span[2] > endLine || (around.span[2] === endLine && around.span[3] >= endColumn));
      if (!inside && place.form.state === "never-ran") around = place;
      const echo = inside || (!place.whole && place.form.state === "never-ran" && never.has(line));
      return echo ? { ...place, label: "" } : place;
    });
  }

  /**
   * The offset in a line, in UTF-16, of a column in code points.
   * @param {string} line
   * @param {number} column
   * @returns {number}
   */
  function offset(line, column) {
    if (column >= line.length) return line.length;
    let at = 0;
    for (let count = 0; count < column && at < line.length; count += 1) at += /** @type {number} */ (line.codePointAt(at)) > 0xffff ? 2 : 1;
    return at;
  }

  /**
   * The pieces of all places in an editor's text: one a line, without the white space at its edges and without a comment
   * behind it.
   * @param {Marks} marks
   * @param {string} text
   * @returns {Piece[]}
   */
  function pieces(marks, text) {
    const [, above] = cellText(text);
    const lines = text.split("\n");
    const starts = [0];
    for (const line of lines) starts.push(starts[starts.length - 1] + line.length + 1);
    return marks.places.flatMap(({ span: [first, column, last, end], whole }, place) => {
      const unit = {};
      /** @type {Piece[]} */
      const found = [];
      for (let number = first; number <= Math.min(last, lines.length - above); number += 1) {
        const line = lines[number + above - 1] ?? "";
        const from = number === first && column ? offset(line, column) : line.length - line.trimStart().length;
        const to = offset(line, number === last && !whole ? end : marks.ends.get(number) ?? line.trimEnd().length);
        const start = starts[number + above - 1];
        if (to > from) found.push({ from: start + from, to: start + to, place, unit: whole ? {} : unit, last: false });
      }
      if (found.length) found[whole ? 0 : found.length - 1].last = true;
      return found;
    });
  }

  /**
   * How many of a cell's outcomes that count were covered.
   * @param {Marks} marks
   * @returns {number}
   */
  function covered(marks) {
    return marks.places.flatMap((place) => place.form.outcomes).filter((each) => each.state === "covered" && each.duty === "required").length;
  }

  /**
   * How many missed outcomes each place with words stands for: its own, or those in code that never ran.
   * @param {Marks} marks
   * @returns {Map<number, number>}
   */
  function missedAt({ places }) {
    /** @type {Map<number, number>} */
    const found = new Map();
    let around = -1;
    places.forEach(({ form, span, label }, number) => {
      const missed = form.outcomes.filter((each) => each.state === "missed").length;
      if (label) found.set(number, missed);
      else if (around >= 0 && contains(places[around].span, span)) found.set(around, (found.get(around) ?? 0) + missed);
      if (label && form.state === "never-ran") around = number;
    });
    return found;
  }

  /**
   * Where a miss stands on the walk: "3 of 5" or "3–4 of 5" missed outcomes; "" for code that has none.
   * @param {Miss[]} misses
   * @param {number} at
   * @returns {string}
   */
  function walked(misses, at) {
    const sum = (/** @type {Miss[]} */ some) => some.reduce((all, { missed }) => all + missed, 0);
    const [before, { missed }] = [sum(misses.slice(0, at)), misses[at]];
    return missed ? `${before + 1}${missed > 1 ? `–${before + missed}` : ""} of ${sum(misses)} missed` : "";
  }

  /**
   * The next of some misses in order from a place on, round the end.
   * @param {Miss[]} misses
   * @param {{cell: number, from: number}} at
   * @param {1 | -1} step
   * @param {Miss | undefined} current where the walk stands, if it still does
   * @returns {number} its number; -1: there is none
   */
  function walk(misses, at, step, current) {
    const count = misses.length;
    if (!count) return -1;
    const here = current ? misses.findIndex((each) => each.cell === current.cell && each.place === current.place && each.from === current.from) : -1;
    if (here >= 0 && at.cell === current?.cell && at.from === current.from) return (here + step + count) % count;
    const order = (/** @type {Miss} */ each) => each.cell - at.cell || each.from - at.from;
    const found = step > 0 ? misses.findIndex((each) => order(each) > 0) : misses.findLastIndex((each) => order(each) < 0);
    return found >= 0 ? found : step > 0 ? 0 : count - 1;
  }

  /**
   * How many characters two texts have in common at their beginnings, and behind that at their ends.
   * @param {string} before
   * @param {string} after
   * @returns {[start: number, end: number]}
   */
  function alike(before, after) {
    const most = Math.min(before.length, after.length);
    let [start, end] = [0, 0];
    while (start < most && before[start] === after[start]) start += 1;
    while (end < most - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end += 1;
    return [start, end];
  }

  /**
   * Words cut at their backticks, between which stand those of the language (`code`).
   * @param {string} words
   * @returns {[text: string, code: boolean][]}
   */
  function quoted(words) {
    return words.split("`").map((text, number) => [text, number % 2 === 1]);
  }

  // --- drawing

  /**
   * @template {keyof HTMLElementTagNameMap} Tag
   * @param {Tag} tag
   * @param {string} className
   * @param {...(Node | string)} content
   * @returns {HTMLElementTagNameMap[Tag]}
   */
  function element(tag, className, ...content) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    made.append(...content);
    return made;
  }

  /**
   * The details of a place: its kind and text, and an outcome a row.
   * @param {Place} place
   * @param {string} text
   * @returns {HTMLElement[]}
   */
  function details(place, text) {
    const { form, label } = place;
    const kind = quoted(form.kind).map(([words, code]) => (code ? element("span", "branchcov-code", words) : words));
    const head = element("div", "branchcov-what", ...(form.kind ? [...kind, ": "] : []), element("b", "branchcov-code", text));
    if (!form.outcomes.length) head.append(` ${label || NEVER_RAN}`);
    const rows = form.outcomes.map(({ name, state, fate, duty, first }) => {
      const glyph = element("span", "branchcov-glyph", { covered: "✓", missed: "✗" }[state] ?? "–");
      glyph.setAttribute("aria-hidden", "true");
      const cells = [element("td", "", glyph, fate), element("td", "branchcov-soft", duty), element("td", "", first)];
      const heading = element("th", "branchcov-code", name);
      heading.scope = "row";
      return element("tr", `branchcov-${state}`, heading, ...cells);
    });
    return rows.length ? [head, element("table", "", element("tbody", "", ...rows))] : [head];
  }

  /**
   * The same in a sentence, for who hears it.
   * @param {Place} place
   * @param {string} text
   * @returns {string}
   */
  function sentence({ form, label }, text) {
    const outcomes = form.outcomes.map(({ name, fate, first }) => [`${name} ${fate}`, first].filter(Boolean).join(", "));
    return [form.kind.replaceAll("`", ""), text, label || "", outcomes.join("; ")].filter(Boolean).join(": ");
  }

  /** Milliseconds before details follow the pointer, before they go, and before a change is drawn. */
  const [SHOW, HIDE, SOON] = [250, 250, 60];
  /** Milliseconds of work before the page may breathe (a cell with new marks is laid out at once), and of breath. */
  const [SLICE, BREATH] = [15, 20];

  /** The details beside a place, above all else, as long as the pointer is there or until a key is pressed. */
  class Card {
    root = element("div", "branchcov-card");
    spoken = element("div", "branchcov-spoken");
    /** @type {number | undefined} */
    timer;
    /** @type {(() => DOMRect[]) | undefined} */
    boxes;
    /** While it is there, the details stay, though what they belong to has left the window. @type {object | undefined} */
    held;

    constructor() {
      this.root.popover = "manual";
      this.root.setAttribute("role", "tooltip");
      this.spoken.setAttribute("role", "status");
      document.body.append(this.root, this.spoken);
      this.root.addEventListener("pointerenter", () => clearTimeout(this.timer));
      this.root.addEventListener("pointerleave", () => this.rest());
    }

    /**
     * @param {Node[]} content
     * @param {() => DOMRect[]} boxes the rectangles of what it belongs to
     */
    show(content, boxes) {
      clearTimeout(this.timer);
      this.boxes = boxes;
      this.root.replaceChildren(...content);
      if (!this.root.matches(":popover-open")) {
        this.root.showPopover();
        document.addEventListener("scroll", this.moved, true);
        window.addEventListener("resize", this.moved);
        document.addEventListener("keydown", this.key, true);
        document.addEventListener("pointerdown", this.pressed, true);
      }
      this.moved();
    }

    hide = () => {
      clearTimeout(this.timer);
      if (!this.boxes) return;
      this.boxes = undefined;
      this.root.hidePopover();
      document.removeEventListener("scroll", this.moved, true);
      window.removeEventListener("resize", this.moved);
      document.removeEventListener("keydown", this.key, true);
      document.removeEventListener("pointerdown", this.pressed, true);
    };

    /**
     * After a while, unless something else comes.
     * @param {() => void} then
     * @param {number} delay
     */
    later(then, delay) {
      clearTimeout(this.timer);
      this.timer = setTimeout(then, delay);
    }

    rest() {
      this.later(this.hide, HIDE);
    }

    moved = () => {
      const boxes = this.boxes?.() ?? [];
      const [top, bottom] = [Math.min(...boxes.map((box) => box.top)), Math.max(...boxes.map((box) => box.bottom))];
      if (!boxes.length || bottom < 0 || top > innerHeight) return this.held ? undefined : this.hide();
      const left = Math.min(...boxes.filter((box) => box.bottom > bottom - box.height / 2).map((box) => box.left));
      const { width, height } = this.root.getBoundingClientRect();
      const below = bottom + height + 12 <= innerHeight || top < height + 12;
      this.root.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`;
      this.root.style.top = `${Math.max(8, below ? Math.min(bottom, innerHeight - height - 12) + 5 : top - height - 5)}px`;
    };

    // Escape sends it away and means nothing else then; any other key means what it always does.
    key = (/** @type {KeyboardEvent} */ event) => {
      if (["Shift", "Control", "Alt", "Meta"].includes(event.key)) return;
      if (event.key === "Escape") {
        event.preventDefault();
        event.stopPropagation();
      }
      this.hide();
    };

    pressed = (/** @type {Event} */ event) => {
      if (!this.root.contains(/** @type {Node} */ (event.target))) this.hide();
    };

    /**
     * Let a screen reader say something, the same again too.
     * @param {string} words
     */
    say(words) {
      this.spoken.textContent = this.spoken.textContent === words ? `${words}\u00a0` : words;
    }
  }

  /**
   * What CodeMirror needs to draw marks: `extension` for each editor, `prepared` for the marks of its cell, `put` to show
   * them or nothing, `shown` for what it shows, and `misses` for the places with words that still stand there as they
   * were measured.
   * @param {Foreign} view the module @codemirror/view
   * @param {Foreign} state the module @codemirror/state
   */
  function drawing({ EditorView, Decoration, WidgetType, GutterMarker, gutter }, { ChangeSet, StateEffect, StateField, RangeSet }) {
    class Label extends WidgetType {
      constructor(/** @type {string} */ words, /** @type {string} */ kind, /** @type {number} */ place) {
        super();
        Object.assign(this, { words, kind, place });
      }
      eq(/** @type {Foreign} */ other) {
        return other.words === this.words && other.kind === this.kind && other.place === this.place;
      }
      toDOM() {
        const made = element("span", `branchcov-label branchcov-${this.kind}`, this.words);
        made.dataset.branchcov = this.place;
        return made;
      }
      ignoreEvent() {
        return false;
      }
    }

    class Missed extends GutterMarker {
      constructor(/** @type {string} */ kind) {
        super();
        this.elementClass = `branchcov-line-${kind}`;
      }
      eq(/** @type {Foreign} */ other) {
        return other.elementClass === this.elementClass;
      }
    }
    const MISSED = { missed: new Missed("missed"), "never-ran": new Missed("never-ran") };
    const put = StateEffect.define();

    /**
     * What an editor shows of marks, as long as its text is this.
     * @param {Marks} marks
     * @param {Foreign} doc
     */
    function prepared(marks, doc) {
      const decorations = drawn(marks, doc);
      return { marks, doc, decorations, gutter: gutterOf(decorations, doc), faded: false };
    }

    /**
     * @param {Marks} marks
     * @param {Foreign} doc
     */
    function drawn(marks, doc) {
      const text = doc.toString();
      const ranges = [];
      for (const { from, to, place, unit, last } of pieces(marks, text)) {
        const { form, label, whole } = marks.places[place];
        const spec = { unit, place, text: text.slice(from, to), attributes: { "data-branchcov": String(place) } };
        if (whole) ranges.push(Decoration.line({ class: "branchcov-line", unit, whole }).range(doc.lineAt(from).from));
        ranges.push(Decoration.mark({ ...spec, class: `branchcov-mark branchcov-${whole ? "within" : form.state}` }).range(from, to));
        if (last && label) ranges.push(Decoration.widget({ widget: new Label(label, form.state, place), side: -1, unit, place, label }).range(to));
      }
      return Decoration.set(ranges, true);
    }

    /**
     * The lines on which something missed ends, and those that never ran.
     * @param {Foreign} decorations
     * @param {Foreign} doc
     */
    function gutterOf(decorations, doc) {
      /** @type {Map<number, "missed" | "never-ran">} */
      const lines = new Map();
      decorations.between(0, doc.length, (/** @type {number} */ from, /** @type {number} */ _, /** @type {Foreign} */ { spec }) => {
        if (!spec.label && !spec.whole) return;
        const line = doc.lineAt(from).from;
        if (spec.widget?.kind === "missed" || !lines.has(line)) lines.set(line, spec.widget?.kind ?? "never-ran");
      });
      return RangeSet.of([...lines].map(([from, kind]) => MISSED[kind].range(from)), true);
    }

    /**
     * The changes of an edit. Of one that puts a whole text in the place of another, as front ends do where a cell is
     * split, merged or formatted, what differs.
     * @param {Foreign} transaction
     * @returns {Foreign}
     */
    function changed({ changes, startState, newDoc }) {
      let whole = false;
      changes.iterChangedRanges((/** @type {number} */ from, /** @type {number} */ to) => (whole ||= from === 0 && to === startState.doc.length));
      if (!whole || !newDoc.length) return changes;
      const [before, after] = [startState.doc.toString(), newDoc.toString()];
      const [start, end] = alike(before, after);
      return ChangeSet.of({ from: start, to: before.length - end, insert: after.slice(start, after.length - end) }, before.length);
    }

    /**
     * Marks follow an edit. Where the text under one is another now, its words go and it fades.
     * @param {Foreign} before
     * @param {Foreign} transaction
     * @returns {[decorations: Foreign, faded: boolean]}
     */
    function moved(before, transaction) {
      const [changes, { newDoc }] = [changed(transaction), transaction];
      const lost = new Set();
      changes.iterChangedRanges((/** @type {number} */ from, /** @type {number} */ to) => {
        before.between(from, to, (/** @type {number} */ start, /** @type {number} */ end, /** @type {Foreign} */ { spec }) => {
          if (spec.text === undefined) return;
          const now = newDoc.sliceString(changes.mapPos(start, 1), Math.max(changes.mapPos(start, 1), changes.mapPos(end, -1)));
          if (now !== spec.text) lost.add(spec.unit);
        });
      });
      const after = before.map(changes);
      if (!lost.size) return [after, false];
      /** @type {Foreign[]} */
      const faded = [];
      after.between(0, newDoc.length, (/** @type {number} */ from, /** @type {number} */ to, /** @type {Foreign} */ { spec }) => {
        if (lost.has(spec.unit) && to > from) faded.push(Decoration.mark({ class: "branchcov-mark branchcov-faded" }).range(from, to));
      });
      const kept = (/** @type {number} */ _, /** @type {number} */ __, /** @type {Foreign} */ { spec }) => !lost.has(spec.unit);
      return [after.update({ filter: kept, add: faded, sort: true }), true];
    }

    const NOTHING = { marks: null, doc: null, decorations: Decoration.none, gutter: RangeSet.empty, faded: false };
    const field = StateField.define({
      create: () => NOTHING,
      update(/** @type {Foreign} */ value, /** @type {Foreign} */ transaction) {
        if (transaction.docChanged && value.marks) {
          const [decorations, faded] = moved(value.decorations, transaction);
          value = { ...value, decorations, faded: faded || value.faded, gutter: gutterOf(decorations, transaction.newDoc) };
        }
        for (const effect of transaction.effects) {
          if (effect.is(put)) value = effect.value?.doc === transaction.newDoc ? effect.value : NOTHING;
        }
        return value;
      },
      provide: (/** @type {Foreign} */ self) => EditorView.decorations.from(self, (/** @type {Foreign} */ value) => value.decorations),
    });

    const bar = gutter({ class: "branchcov-gutter", markers: (/** @type {Foreign} */ editor) => editor.state.field(field).gutter });

    return {
      extension: [field, bar],
      prepared: (/** @type {Foreign} */ editor, /** @type {Marks} */ marks) => prepared(marks, editor.state.doc),
      put: (/** @type {Foreign} */ editor, /** @type {Foreign} */ what) => editor.dispatch({ effects: put.of(what) }),
      shown: (/** @type {Foreign} */ editor) => editor.state.field(field, false),
      /**
       * Where each place with words begins.
       * @param {Foreign} editor
       * @returns {[from: number, place: number][]}
       */
      misses(editor) {
        const { decorations } = editor.state.field(field);
        /** @type {Map<number, number>} */
        const starts = new Map();
        /** @type {Set<number>} */
        const labelled = new Set();
        decorations.between(0, editor.state.doc.length, (/** @type {number} */ from, /** @type {number} */ to, /** @type {Foreign} */ { spec }) => {
          if (spec.label) labelled.add(spec.place);
          else if (to > from && spec.text !== undefined && !starts.has(spec.place)) starts.set(spec.place, from);
        });
        return [...labelled].map((place) => /** @type {[number, number]} */ ([starts.get(place) ?? 0, place])).sort(([a], [b]) => a - b);
      },
      /**
       * The innermost place at an offset; -1: none.
       * @param {Foreign} editor
       * @param {number} at
       * @returns {number}
       */
      placeAt(editor, at) {
        let [place, width] = [-1, Infinity];
        editor.state.field(field).decorations.between(at, at, (/** @type {number} */ from, /** @type {number} */ to, /** @type {Foreign} */ { spec }) => {
          if (spec.text !== undefined && to - from < width) [place, width] = [spec.place, to - from];
        });
        return place;
      },
      center: (/** @type {number} */ at) => EditorView.scrollIntoView(at, { y: "center" }),
    };
  }

  // --- a notebook

  /** What all notebooks of a page share. */
  class Desk {
    card = new Card();
    /**
     * The editors that are drawn, by the model of their cell.
     * @type {Map<Foreign, Foreign>}
     */
    editors = new Map();
    /** @type {Map<Foreign, Notebook>} */
    notebooks = new Map();
    /** Whether marks are shown in cells. */
    shown = true;
    /** Called when the numbers of a notebook may be others. */
    changed = () => {};
    /**
     * Lines with their first hits, by the same lines as they are saved.
     * @type {Map<string, string>}
     */
    detailed = new Map();

    /** @param {ReturnType<typeof drawing>} draw */
    constructor(draw) {
      this.draw = draw;
    }

    /** @param {Foreign} panel */
    open(panel) {
      if (this.notebooks.has(panel)) return;
      this.notebooks.set(panel, new Notebook(this, panel));
      panel.disposed.connect(() => this.notebooks.delete(panel));
    }

    /** @param {boolean} shown */
    show(shown) {
      this.shown = shown;
      this.card.hide();
      for (const notebook of this.notebooks.values()) notebook.refresh();
    }

    /**
     * The cell of an editor that was made, or changed.
     * @param {Foreign} model
     */
    edited(model) {
      for (const notebook of this.notebooks.values()) if (notebook.cells().includes(model)) notebook.later();
    }

    /**
     * Show the details of a place of an editor.
     * @param {Foreign} editor
     * @param {number} number
     * @param {{walked: string}} [walk] where it stands on a walk
     */
    details(editor, number, walk) {
      const marks = this.draw.shown(editor)?.marks;
      const place = marks?.places[number];
      if (!place) return;
      const found = pieces(marks, editor.state.doc.toString()).filter((piece) => piece.place === number);
      const text = place.whole ? place.span[0] === place.span[2] ? `line ${place.span[0]}` : `lines ${place.span[0]} to ${place.span[2]}`
        : shortened(textOf(editor, number) || editor.state.doc.sliceString(found[0]?.from ?? 0, found.at(-1)?.to ?? 0));
      const content = details(place, text);
      if (walk?.walked) content.push(element("div", "branchcov-soft branchcov-walked", walk.walked));
      this.card.show(content, () => [...editor.dom.querySelectorAll(`.cm-content [data-branchcov="${number}"]`)].flatMap((each) => [...each.getClientRects()]));
      this.card.say(walk ? [sentence(place, text), walk.walked].filter(Boolean).join(". ") : "");
    }
  }

  /**
   * The text under a place as the editor shows it.
   * @param {Foreign} editor
   * @param {number} number
   * @returns {string}
   */
  function textOf(editor, number) {
    /** @type {NodeListOf<HTMLElement>} */
    const fragments = editor.contentDOM.querySelectorAll(`.branchcov-mark[data-branchcov="${number}"]`);
    return [...fragments].map((each) => {
      const copy = /** @type {HTMLElement} */ (each.cloneNode(true));
      for (const label of copy.querySelectorAll(".branchcov-label")) label.remove();
      return copy.textContent;
    }).join(" ");
  }

  /** The marks of one notebook: collected from its outputs and from what the kernel sends, drawn in its cells. */
  class Notebook {
    /** @type {Set<Foreign>} */
    followed = new Set();
    /** @type {Map<string, Marks>} */
    known = new Map();
    /** @type {Map<string, Marks | undefined>} */
    read = new Map();
    /**
     * The outcomes missed in all runs together, by cell.
     * @type {Record<string, number>}
     */
    missed = {};
    /** @type {Miss | undefined} */
    at;
    /** @type {number | undefined} */
    timer;
    /** @type {number | undefined} */
    drawing;

    /**
     * @param {Desk} desk
     * @param {Foreign} panel
     */
    constructor(desk, panel) {
      this.desk = desk;
      this.panel = panel;
      panel.context.ready.then(() => {
        panel.content.model.cells.changed.connect(() => this.later());
        panel.sessionContext.iopubMessage.connect((/** @type {Foreign} */ _, /** @type {Foreign} */ message) => this.hear(message));
        panel.disposed.connect(() => [this.timer, this.drawing].forEach(clearTimeout));
        this.refresh();
      });
    }

    /** Draw soon: a run changes many outputs, and its end puts back what its beginning took away. */
    later() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.refresh(), SOON);
    }

    /** The models of the code cells. @returns {Foreign[]} */
    cells() {
      const list = this.panel.content?.model?.cells;
      return list ? Array.from({ length: list.length }, (_, number) => list.get(number)).filter((cell) => cell.type === "code") : [];
    }

    /**
     * The lines of marks that the notebook has.
     * @returns {string[]}
     */
    lines() {
      /** @type {string[]} */
      const found = Object.values(this.kept()).filter((each) => typeof each === "string");
      for (const cell of this.cells()) {
        for (let number = 0; number < cell.outputs.length; number += 1) {
          const data = cell.outputs.get(number).data[MIME];
          const text = Array.isArray(data) ? data.join("") : data;
          if (typeof text === "string") found.push(...text.split("\n"));
        }
      }
      return [...new Set(found)];
    }

    /** The lines that no output has, by the cell they are of: kept with the notebook. @returns {Record<string, string>} */
    kept() {
      const kept = this.panel.content.model.getMetadata("branchcov")?.marks;
      return kept && typeof kept === "object" ? kept : {};
    }

    /** @param {Foreign} message */
    hear(message) {
      if (message.header.msg_type !== "update_display_data") return;
      /** @type {LiveMarks | undefined} */
      const sent = message.content.data[LIVE_MIME];
      if (!sent) return;
      sent.lines.forEach((line, number) => this.desk.detailed.set(line, sent.details[number]));
      if (sent.forget) this.panel.content.model.deleteMetadata("branchcov");
      if (sent.keep) {
        const named = sent.lines.flatMap((line) => ((cell) => (cell ? [[cell, line]] : []))(parse(line)?.cell));
        const cells = new Set(this.cells().map((cell) => textKey(cell.sharedModel.getSource())));
        const kept = Object.entries({ ...this.kept(), ...Object.fromEntries(named) }).filter(([cell]) => cells.has(cell));
        this.panel.content.model.setMetadata("branchcov", { marks: Object.fromEntries(kept) });
      }
      this.later();
    }

    refresh() {
      if (this.panel.isDisposed || !this.panel.content.model) return;
      const cells = this.cells();
      for (const cell of cells) {
        if (this.followed.has(cell)) continue;
        this.followed.add(cell);
        cell.outputs.changed.connect(() => this.later());
      }
      for (const cell of this.followed) if (!cells.includes(cell)) this.followed.delete(cell);
      this.work(this.redrawn(cells));
    }

    /**
     * Some work now, the rest bit by bit.
     * @param {Iterator<void>} steps
     */
    work(steps) {
      clearTimeout(this.drawing);
      const until = performance.now() + SLICE;
      let done = false;
      while (!done && performance.now() < until) done = Boolean(steps.next().done);
      if (!done) this.drawing = setTimeout(() => this.work(steps), BREATH);
    }

    /**
     * @param {Foreign[]} cells
     * @returns {Generator<void>}
     */
    *redrawn(cells) {
      this.known = yield* this.collect();
      this.missed = Object.fromEntries([...this.known].map(([cell, marks]) => [cell, marks.outcomes - covered(marks)]));
      this.desk.changed();
      const detail = { node: this.panel.node, missed: this.desk.shown ? this.missed : {} };
      document.dispatchEvent(new CustomEvent("branchcov:drawn", { detail }));
      for (const cell of cells) {
        yield* this.draw(cell);
        yield;
      }
    }

    /** @returns {Generator<void, Map<string, Marks>>} */
    *collect() {
      /** @type {Map<string, string[]>} */
      const groups = new Map();
      for (const saved of this.lines()) {
        const line = this.desk.detailed.get(saved) ?? saved;
        const cell = /^\{"cell":"([^"]+)"/.exec(line)?.[1];
        if (cell) groups.set(cell, [...(groups.get(cell) ?? []), line]);
      }
      const names = new Map([...groups.values()].map((lines) => [lines.sort().join("\n"), lines]));
      for (const [name, lines] of names) {
        if (this.read.has(name)) continue;
        /** @type {Run[]} */
        const runs = [];
        for (const line of lines) {
          runs.push(...[parse(line) ?? []].flat());
          yield;
        }
        this.read.set(name, runs.length ? unite(runs) : undefined);
        yield;
      }
      for (const name of this.read.keys()) if (!names.has(name)) this.read.delete(name);
      return new Map([...this.read.values()].flatMap((marks) => (marks ? [[marks.cell, marks]] : [])));
    }

    /** @param {Foreign} cell */
    marks(cell) {
      return this.known.get(textKey(cell.sharedModel.getSource()));
    }

    /**
     * An edited cell keeps what is left of its marks, as long as the results are there that they came from.
     * @param {Foreign} cell
     * @returns {Marks | undefined}
     */
    left(cell) {
      const editor = this.desk.editors.get(cell);
      const shown = editor && this.desk.draw.shown(editor);
      return shown?.marks && shown.decorations.size ? this.known.get(shown.marks.cell) : undefined;
    }

    /**
     * @param {Foreign} cell
     * @returns {Generator<void>}
     */
    *draw(cell) {
      const editor = this.desk.editors.get(cell);
      const now = editor && this.desk.draw.shown(editor);
      if (!now) return;
      const wanted = this.desk.shown ? this.marks(cell) ?? null : null;
      const edited = this.desk.shown && !wanted && this.left(cell);
      if (edited || (wanted === now.marks && !now.faded)) return;
      const made = wanted && this.desk.draw.prepared(editor, wanted);
      if (made) yield;
      // Meanwhile the cell may have gone, and an edit draws it again.
      if (this.desk.editors.get(cell) === editor) this.desk.draw.put(editor, made);
    }

    /**
     * The code cells whose results count, with their marks: one cell of each text. Of an edited copy and its original,
     * the original; of cells that are alike, the first.
     * @returns {Map<Marks, Foreign>}
     */
    counting() {
      /** @type {Map<Marks, Foreign>} */
      const found = new Map();
      const add = (/** @type {Foreign} */ cell, /** @type {Marks | undefined} */ marks) => marks && !found.has(marks) && found.set(marks, cell);
      for (const cell of this.cells()) add(cell, this.marks(cell));
      for (const cell of this.cells()) if (!this.marks(cell)) add(cell, this.left(cell));
      return found;
    }

    /** The misses of all cells that count, in order. @returns {Miss[]} */
    misses() {
      const numbers = new Map(this.panel.content.widgets.map((/** @type {Foreign} */ { model }, /** @type {number} */ cell) => [model, cell]));
      const found = [...this.counting()].flatMap(([marks, model]) => {
        const editor = this.desk.editors.get(model);
        const shown = editor && this.desk.draw.shown(editor)?.marks;
        const [cell, missed] = [/** @type {number} */ (numbers.get(model)), missedAt(shown ?? marks)];
        const starts = shown ? this.desk.draw.misses(editor) : this.starts(model, marks, missed);
        return starts.map(([from, place]) => ({ cell, from, place, missed: missed.get(place) ?? 0 }));
      });
      return found.sort((a, b) => a.cell - b.cell);
    }

    /**
     * Where each missed place of a cell without an editor begins, in order.
     * @param {Foreign} model
     * @param {Marks} marks
     * @param {Map<number, number>} missed
     * @returns {[from: number, place: number][]}
     */
    starts(model, marks, missed) {
      /** @type {Map<number, number>} */
      const starts = new Map();
      for (const { from, place } of pieces(marks, model.sharedModel.getSource().replace(/\r\n?/g, "\n"))) if (!starts.has(place)) starts.set(place, from);
      const first = [...starts].filter(([place]) => missed.has(place)).sort(([, a], [, b]) => a - b);
      return first.map(([place, from]) => [from, place]);
    }

    /**
     * How many outcomes of all cells were covered, and how many there are: an edited cell, or what is left of one that
     * was split, counts as it was measured. And whether there is such a cell.
     * @returns {{covered: number, outcomes: number, edited: boolean}}
     */
    totals() {
      const every = [...this.counting()];
      return {
        covered: every.reduce((sum, [marks]) => sum + covered(marks), 0),
        outcomes: every.reduce((sum, [marks]) => sum + marks.outcomes, 0),
        edited: every.some(([, cell]) => !this.marks(cell)),
      };
    }

    /**
     * To the next miss from the cursor on.
     * @param {1 | -1} step
     */
    async walk(step) {
      if (!this.desk.shown) return this.desk.card.say("the marks are hidden");
      const { content } = this.panel;
      const editor = this.desk.editors.get(content.activeCell?.model);
      const misses = this.misses();
      const at = { cell: content.activeCellIndex, from: editor?.state.selection.main.head ?? 0 };
      const found = walk(misses, at, step, this.at);
      if (found < 0) return this.desk.card.say("nothing was missed");
      const miss = misses[found];
      this.at = miss;
      const there = await this.reach(miss);
      if (there && this.at === miss) this.desk.details(there, miss.place, { walked: walked(misses, found) });
    }

    /**
     * Put the cursor there; the editor, once it is drawn.
     * @param {{cell: number, from: number}} where
     * @returns {Promise<Foreign>}
     */
    async reach({ cell, from }) {
      const { content } = this.panel;
      content.deselectAll();
      content.activeCellIndex = cell;
      const widget = content.widgets[cell];
      widget.inputHidden = false;
      if (!this.desk.editors.has(widget.model)) await content.scrollToItem(cell, "center");
      for (let tries = 0; tries < 100 && !this.desk.editors.has(widget.model); tries += 1) await frame();
      const editor = this.desk.editors.get(widget.model);
      if (!editor) return undefined;
      for (const _ of this.draw(widget.model));
      content.mode = "edit";
      editor.focus();
      const at = Math.min(from, editor.state.doc.length);
      editor.dispatch({ selection: { anchor: at }, effects: this.desk.draw.center(at) });
      this.stay(editor, at);
      return editor;
    }

    /**
     * Keep a place where it is in the window while the page lays out what it has just scrolled to.
     * @param {Foreign} editor
     * @param {number} at
     */
    async stay(editor, at) {
      // Asked for a position, the editor scrolls now, not in a later frame.
      const top = () => editor.coordsAtPos(at)?.top;
      const before = top();
      const { card } = this.desk;
      const held = (card.held = {});
      for (let count = 0; count < 3; count += 1) {
        await frame();
        const here = card.held === held && this.desk.editors.get(this.panel.content.activeCell?.model) === editor && editor.state.selection.main.head === at;
        if (!here || Math.abs((top() ?? before) - before) < 2) continue;
        editor.dispatch({ effects: this.desk.draw.center(at) });
        top();
      }
      if (card.held !== held) return;
      card.held = undefined;
      card.moved();
    }

    /**
     * To a line of a cell, which is known by its text, or else by its number.
     * @param {{cell?: string, name: string, line: number}} where
     * @returns {boolean} whether there is one
     */
    lead({ cell, name, line }) {
      const { widgets } = this.panel.content;
      const found = (/** @type {(model: Foreign) => boolean} */ wanted) => widgets.findIndex((/** @type {Foreign} */ { model }) => model.type === "code" && wanted(model));
      const byText = cell ? found((model) => textKey(model.sharedModel.getSource()) === cell) : -1;
      const number = byText >= 0 ? byText : found((model) => name === `In [${model.executionCount}]`);
      if (number < 0) return false;
      const text = widgets[number].model.sharedModel.getSource().replace(/\r\n?/g, "\n");
      const above = text.split("\n").slice(0, cellText(text)[1] + line - 1);
      this.reach({ cell: number, from: above.reduce((/** @type {number} */ sum, /** @type {string} */ each) => sum + each.length + 1, 0) });
      return true;
    }

    /**
     * Insert a cell below the one whose output something stands in, and go there.
     * @param {Node} from
     * @param {string} source
     * @returns {boolean} whether that can be done
     */
    insert(from, source) {
      const { content } = this.panel;
      const number = content.widgets.findIndex((/** @type {Foreign} */ { node }) => node.contains(from));
      if (number < 0 || content.model.readOnly) return false;
      // As JupyterLab inserts cells: one that the reader made is trusted.
      content.model.sharedModel.insertCell(number + 1, { cell_type: "code", source, metadata: { trusted: true } });
      this.reach({ cell: number + 1, from: 0 });
      return true;
    }

    /** Show the details of what the cursor is at, or else of the first miss on its line. */
    inspect() {
      const editor = this.desk.editors.get(this.panel.content.activeCell?.model);
      const marks = editor && this.desk.draw.shown(editor)?.marks;
      if (!marks) return this.desk.card.say("no coverage here");
      const { head } = editor.state.selection.main;
      const line = editor.state.doc.lineAt(head);
      const place = this.desk.draw.placeAt(editor, head);
      const near = place >= 0 ? place : this.desk.draw.misses(editor).find(([from]) => from >= line.from && from <= line.to)?.[1] ?? -1;
      if (near < 0) return this.desk.card.say("no branch here");
      this.desk.details(editor, near);
      this.desk.card.say(sentence(marks.places[near], textOf(editor, near)));
    }
  }

  /** @returns {Promise<void>} */
  function frame() {
    return new Promise((done) => requestAnimationFrame(() => done()));
  }

  /**
   * @param {string} text
   * @returns {string}
   */
  function shortened(text) {
    const line = text.replace(/\s+/g, " ");
    return line.length > 120 ? `${line.slice(0, 119)}…` : line;
  }

  // --- the extension

  const COMMANDS = { show: "branchcov:show-in-cells", next: "branchcov:next-miss", previous: "branchcov:previous-miss", details: "branchcov:details" };

  /**
   * A module that JupyterLab shares. Raises where there is none.
   * @param {Foreign} scope
   * @param {string} name
   * @returns {Promise<Foreign>}
   */
  async function shared(scope, name) {
    const versions = Object.values(scope[name] ?? {});
    const version = versions.find((each) => each.loaded) ?? versions[0];
    if (!version) throw new Error(`${name} is not shared`);
    return (await version.get())();
  }

  /**
   * Tell the desk of each editor of a cell, and of the pointer in it.
   * @param {Desk} desk
   * @param {Foreign} view the module @codemirror/view
   * @param {Foreign} model
   */
  function following(desk, { ViewPlugin }, model) {
    const over = (/** @type {Event} */ event) =>
      /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest?.("[data-branchcov]"));
    return ViewPlugin.define(
      (/** @type {Foreign} */ editor) => {
        desk.editors.set(model, editor);
        desk.edited(model);
        return {
          update: (/** @type {Foreign} */ { docChanged }) => {
            if (!docChanged) return;
            desk.card.hide();
            desk.edited(model);
          },
          destroy: () => desk.editors.get(model) === editor && desk.editors.delete(model),
        };
      },
      {
        eventHandlers: {
          pointerover: (/** @type {PointerEvent} */ event, /** @type {Foreign} */ editor) => {
            const place = over(event)?.dataset.branchcov;
            if (place === undefined) desk.card.rest();
            else if (event.pointerType !== "touch" && !event.buttons) desk.card.later(() => desk.details(editor, Number(place)), SHOW);
          },
          pointerleave: () => desk.card.rest(),
        },
      },
    );
  }

  /**
   * The numbers of the notebook in front; a click leads to the next miss.
   * @param {Desk} desk
   * @param {() => Notebook | undefined} current
   * @param {Foreign} app
   * @returns {HTMLElement}
   */
  function status(desk, current, app) {
    const made = element("button", "branchcov-status");
    made.type = "button";
    made.hidden = true;
    made.title = "Branch coverage of the cells of this notebook: to the next miss";
    made.addEventListener("click", () => app.commands.execute(COMMANDS.next));
    desk.changed = () => {
      const { covered, outcomes, edited } = current()?.totals() ?? { covered: 0, outcomes: 0, edited: false };
      const missed = outcomes > covered ? ` · ${outcomes - covered} missed` : "";
      made.textContent = `${covered} of ${outcomes} outcomes${missed}${edited ? " · before edits" : ""}`;
      made.hidden = !outcomes || !desk.shown;
    };
    return made;
  }

  /**
   * @param {Desk} desk
   * @param {() => Notebook | undefined} current
   * @param {Foreign} app
   * @param {Foreign} palette
   * @param {(shown: boolean) => void} store
   */
  function addCommands(desk, current, app, palette, store) {
    const toggle = () => store(!desk.shown);
    /** @type {[string, string, () => unknown][]} */
    const commands = [
      [COMMANDS.show, "Branch coverage: show in cells", toggle],
      [COMMANDS.next, "Branch coverage: next miss", () => current()?.walk(1)],
      [COMMANDS.previous, "Branch coverage: previous miss", () => current()?.walk(-1)],
      [COMMANDS.details, "Branch coverage: details at the cursor", () => current()?.inspect()],
    ];
    for (const [command, label, execute] of commands) {
      const isToggled = command === COMMANDS.show ? { isToggleable: true, isToggled: () => desk.shown } : {};
      const isEnabled = () => command === COMMANDS.show || Boolean(current());
      const describedBy = { args: { type: "object", properties: {} } };
      app.commands.addCommand(command, { label, execute, isEnabled, describedBy, ...isToggled });
      palette?.addItem({ command, category: "Branch Coverage" });
    }
  }

  /**
   * The switch as a setting of JupyterLab; without a registry it holds for the page.
   * @param {Desk} desk
   * @param {Foreign} app
   * @param {Foreign} registry
   * @returns {(shown: boolean) => void} what changes it
   */
  function setting(desk, app, registry) {
    const take = (/** @type {boolean} */ shown) => {
      desk.show(shown);
      app.commands.notifyCommandChanged(COMMANDS.show);
    };
    /** @type {Foreign} */
    let settings;
    registry?.load(`${NAME}:marks`).then((/** @type {Foreign} */ loaded) => {
      settings = loaded;
      const read = () => take(settings.get("showInCells").composite !== false);
      settings.changed.connect(read);
      read();
    }, () => warn("its setting was not found; the switch holds for this page"));
    return (shown) => (settings ? settings.set("showInCells", shown) : take(shown));
  }

  /** @param {unknown} reason */
  function warn(reason) {
    console.warn(`branchcov: marks in cells: ${reason instanceof Error ? reason.message : reason}`);
  }

  /**
   * The plugin, made of JupyterLab's modules.
   * @param {Foreign} scope
   */
  async function plugin(scope) {
    const names = ["@codemirror/view", "@codemirror/state", "@jupyterlab/codemirror", "@jupyterlab/notebook", "@jupyterlab/apputils", "@jupyterlab/settingregistry", "@lumino/widgets"];
    const [view, state, codemirror, notebook, apputils, settings, widgets] = await Promise.all(names.map((name) => shared(scope, name)));
    const statusbar = await shared(scope, "@jupyterlab/statusbar").catch(() => undefined);
    const tokens = [codemirror.IEditorExtensionRegistry, notebook.INotebookTracker, apputils.ICommandPalette, settings.ISettingRegistry, statusbar?.IStatusBar];
    if (tokens.slice(0, 2).some((token) => !token)) throw new Error("this version of JupyterLab is not known");
    return {
      id: `${NAME}:marks`,
      description: "Marks branch coverage in the cells themselves.",
      autoStart: true,
      optional: tokens.filter(Boolean),
      /** @type {(app: Foreign, ...given: Foreign[]) => void} */
      activate(app, editors, tracker, palette, registry, bar) {
        // The pages of Notebook 7 that show no notebook have neither.
        if (!editors || !tracker) return;
        try {
          const desk = new Desk(drawing(view, state));
          const current = () => desk.notebooks.get(tracker.currentWidget);
          addCommands(desk, current, app, palette, setting(desk, app, registry));
          const { createImmutableExtension } = codemirror.EditorExtensionRegistry;
          const factory = (/** @type {Foreign} */ { model }) => createImmutableExtension([desk.draw.extension, following(desk, view, model)]);
          editors.addExtension({ name: NAME, factory });
          document.head.append(element("style", "", STYLE));
          if (bar) {
            const item = new widgets.Widget({ node: element("div", "", status(desk, current, app)) });
            bar.registerStatusItem(`${NAME}:totals`, { item, align: "left", rank: 10 });
          }
          document.addEventListener("branchcov:lead", (event) => {
            const [from, { detail }] = [/** @type {Node} */ (event.target), /** @type {CustomEvent} */ (event)];
            for (const [panel, open] of desk.notebooks) if (panel.node.contains(from) && open.lead(detail)) event.preventDefault();
          });
          document.addEventListener("branchcov:united", (event) => {
            const [from, { detail }] = [/** @type {Node} */ (event.target), /** @type {CustomEvent} */ (event)];
            for (const [panel, open] of desk.notebooks) if (desk.shown && panel.node.contains(from)) detail.missed = open.missed;
          });
          document.addEventListener("branchcov:insert", (event) => {
            const [from, { detail }] = [/** @type {Node} */ (event.target), /** @type {CustomEvent} */ (event)];
            for (const [panel, open] of desk.notebooks) if (panel.node.contains(from) && open.insert(from, detail.code)) event.preventDefault();
          });
          tracker.widgetAdded.connect((/** @type {Foreign} */ _, /** @type {Foreign} */ panel) => desk.open(panel));
          tracker.currentChanged.connect(() => desk.changed());
          tracker.forEach((/** @type {Foreign} */ panel) => desk.open(panel));
        } catch (error) {
          warn(error);
        }
      },
    };
  }

  // All colours are the front end's own, or drawn towards the colour of its text, as in branchcov.css.
  const STYLE = `
.cm-content, .branchcov-gutter, .branchcov-card, .branchcov-status {
  --branchcov-text: var(--jp-content-font-color1, #1f2328);
  --branchcov-soft: color-mix(in srgb, var(--jp-content-font-color2, #59636e) 75%, var(--branchcov-text));
  --branchcov-amber: color-mix(in srgb, #d98a00 80%, var(--branchcov-text));
  --branchcov-red: color-mix(in srgb, #e0372e 85%, var(--branchcov-text));
  --branchcov-green: color-mix(in srgb, #2ea043 85%, var(--branchcov-text));
  --branchcov-amber-wash: rgba(224, 160, 0, .12);
  --branchcov-red-wash: rgba(224, 55, 46, .11);
}
/* Marks differ in the form of their lines, not in colour alone. Nothing here makes a line higher. */
.branchcov-mark { border-radius: 2px 2px 0 0; }
.branchcov-mark.branchcov-covered { border-bottom: 1px solid var(--branchcov-green); }
.branchcov-mark.branchcov-missed { background: var(--branchcov-amber-wash); border-bottom: 2px solid var(--branchcov-amber); }
.branchcov-mark.branchcov-never-ran { background: var(--branchcov-red-wash); border-bottom: 2px dashed var(--branchcov-red); }
.branchcov-mark:is(.branchcov-optional, .branchcov-excluded) { border-bottom: 1px dotted var(--branchcov-soft); }
.branchcov-mark.branchcov-faded { border-bottom: 1px dotted var(--branchcov-soft); opacity: .65; }
.branchcov-never-ran .branchcov-mark, .branchcov-line .branchcov-mark { background: none; border-bottom: 0; }
.branchcov-missed .branchcov-mark.branchcov-missed { background: none; }
.branchcov-line { background-image: linear-gradient(var(--branchcov-red-wash), var(--branchcov-red-wash)); }
.branchcov-label { font: 500 10.5px / 1 var(--jp-ui-font-family, system-ui, sans-serif); color: var(--branchcov-text); border: 1px solid; border-radius: 1em; padding: 0 .55em 1px; margin: 0 .3em 0 .4em; white-space: nowrap; cursor: default; user-select: none; unicode-bidi: isolate; }
.branchcov-label.branchcov-missed { background: var(--branchcov-amber-wash); border-color: var(--branchcov-amber); }
.branchcov-label.branchcov-never-ran { background: var(--branchcov-red-wash); border-color: var(--branchcov-red); border-style: dashed; }
/* A bar in the space that an editor leaves before its text. */
.cm-gutters:has(> .branchcov-gutter:only-child) { border: 0; background: none; }
.branchcov-gutter { width: 0; overflow: visible !important; }
.branchcov-gutter .cm-gutterElement { position: relative; padding: 0; }
.branchcov-gutter .cm-gutterElement::after { position: absolute; inset: 1px auto 1px 0; width: 0; }
.branchcov-gutter .branchcov-line-missed::after { content: ""; border-left: 3px solid var(--branchcov-amber); }
.branchcov-gutter .branchcov-line-never-ran::after { content: ""; border-left: 3px dotted var(--branchcov-red); }

.branchcov-card { position: fixed; inset: auto; margin: 0; padding: .55em .9em .65em; max-width: min(46em, calc(100vw - 16px)); border: 1px solid var(--jp-border-color1, #b1b9c0); border-radius: .5em; background: var(--jp-layout-color1, #fff); color: var(--branchcov-text); font: 13px / 1.5 var(--jp-ui-font-family, system-ui, sans-serif); overflow-wrap: break-word; box-shadow: 0 2px 6px rgba(0, 0, 0, .14), 0 8px 28px rgba(0, 0, 0, .18); }
.branchcov-card:not(:popover-open) { display: none; }
.branchcov-card :is(.branchcov-soft, .branchcov-what) { color: var(--branchcov-soft); }
.branchcov-card .branchcov-code { font-family: var(--jp-code-font-family, monospace); font-size: 12.5px; color: var(--branchcov-text); overflow-wrap: anywhere; }
.branchcov-card table { border-collapse: collapse; margin: .3em 0 0; }
.branchcov-card :is(td, th) { text-align: left; vertical-align: baseline; padding: .12em 1.3em .12em 0; }
.branchcov-card :is(td, th):last-child { padding-right: 0; }
.branchcov-card th { font-weight: 600; white-space: nowrap; }
.branchcov-card td:nth-of-type(1) { white-space: nowrap; }
.branchcov-glyph { display: inline-block; width: 1.35em; font-weight: 700; }
.branchcov-card .branchcov-covered .branchcov-glyph { color: color-mix(in srgb, var(--branchcov-green) 70%, var(--branchcov-text)); }
.branchcov-card .branchcov-missed .branchcov-glyph { color: color-mix(in srgb, var(--branchcov-red) 70%, var(--branchcov-text)); }
.branchcov-card .branchcov-walked { margin-top: .3em; font-size: 12px; }
.branchcov-spoken { position: fixed; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.branchcov-status { font: inherit; color: inherit; background: none; border: 0; padding: 0 .5em; height: 100%; cursor: pointer; font-variant-numeric: tabular-nums; }
.branchcov-status[hidden] { display: none; }
.branchcov-status:hover { background: var(--jp-layout-color3, rgba(128, 128, 128, .2)); }
.branchcov-status:focus-visible { outline: 2px solid var(--jp-brand-color1, #0969da); outline-offset: -2px; }

@media (prefers-reduced-motion: no-preference) {
  .branchcov-card { animation: branchcov-appear .1s; }
  @keyframes branchcov-appear { from { opacity: 0; } }
}
/* High contrast: washes are gone, the forms of the lines are left. */
@media (forced-colors: active) {
  .branchcov-mark.branchcov-missed { border-bottom: 3px double; }
  .branchcov-gutter .cm-gutterElement::after { forced-color-adjust: none; border-color: CanvasText !important; }
}
`;

  /** @type {Foreign} */
  let scope = {};
  /** @type {Record<string, () => Promise<object>>} */
  const modules = {
    // Where it cannot start, everything else does.
    "./extension": () => plugin(scope).then((made) => ({ default: made }), (error) => (warn(error), { default: [] })),
    "./marks": async () => ({ cellText, labelOf, alike, missedAt, parse, worded, pieces, textKey, unite, walk, walked, covered, quoted }),
  };
  /** @type {Foreign} */
  const page = window;
  (page._JUPYTERLAB ??= {})[NAME] = {
    init: (/** @type {Foreign} */ given) => void (scope = given),
    get: async (/** @type {string} */ name) => {
      const made = await modules[name]();
      return () => ({ __esModule: true, ...made });
    },
  };
})();
