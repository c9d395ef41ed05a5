// SPDX-License-Identifier: MIT
// @ts-check
// The interactive view. State crosses once, as `data`.
//
// A *place* is a mark on its source. In the text it is one or several fragments (nested, and one a line), and it has
// one button, its *handle*, where it ends: the words of a miss, or nothing that is seen. Buttons inside each other
// would mean nothing to a screen reader, so the fragments are plain text, and the pointer may use either.

// All words about outcomes come with the data: `label` beside a place, `words` for it in any state, `sentence` for its
// branch, and `fate` and `duty` of each outcome.

// --- the data: the same types as in view_data.py, which has comments on the fields

/**
 * @typedef {object} OutcomeView
 * @property {string} name
 * @property {number} hits
 * @property {string} state
 * @property {string} fate
 * @property {string} duty
 * @property {string} first
 * @property {[string, string][]} values
 * @property {boolean} new
 * @property {string} exempt
 * @property {string} caller
 */

/**
 * @typedef {object} MarkView
 * @property {"missed" | "never-ran" | "covered" | "optional" | "excluded"} state
 * @property {string} label
 * @property {string} words
 * @property {string} counts
 * @property {number} missed
 * @property {string} kind
 * @property {string} kind_words
 * @property {string} sentence
 * @property {string} news
 * @property {string} text
 * @property {string} place
 * @property {number} line
 * @property {number} end
 * @property {boolean} composite
 * @property {number[]} within
 * @property {OutcomeView[]} outcomes
 */

/**
 * @typedef {object} PieceView
 * @property {number[]} marks
 * @property {number[]} ends
 * @property {[string, string][]} tokens
 */

/**
 * @typedef {object} LineView
 * @property {number} number
 * @property {boolean} missed
 * @property {number | null} miss
 * @property {boolean} worth
 * @property {boolean} head
 * @property {PieceView[]} pieces
 */

/**
 * @typedef {object} RowView
 * @property {number} number
 * @property {string[]} letters
 * @property {string} outcome
 * @property {string} first
 */

/**
 * @typedef {object} TableView
 * @property {string} title
 * @property {string[]} columns
 * @property {RowView[]} rows
 * @property {string} more
 * @property {string[]} sentences
 * @property {boolean} complete
 */

/**
 * @typedef {object} SourceView
 * @property {string} name
 * @property {string} label
 * @property {string} title
 * @property {string} cell
 * @property {string} totals
 * @property {number | null} percent
 * @property {number} missed
 * @property {number} never_ran
 * @property {number} stops
 * @property {string} note
 * @property {boolean} folded
 * @property {LineView[]} lines
 * @property {MarkView[]} marks
 * @property {TableView[]} tables
 */

/**
 * @typedef {object} ViewData
 * @property {string} totals
 * @property {number | null} percent
 * @property {boolean} named
 * @property {boolean} missed
 * @property {string} changes
 * @property {string} stopped
 * @property {SourceView[]} sources
 */

/**
 * @typedef {object} ValuesView
 * @property {number} mark
 * @property {string} sentence
 * @property {[string, string][][]} values
 */

/**
 * @typedef {object} AnswerView
 * @property {string} view
 * @property {number} number
 * @property {SourceView | null} source
 * @property {LineView[]} lines
 * @property {MarkView[]} marks
 * @property {ValuesView[]} values
 * @property {boolean} last
 */

/**
 * @typedef {object} PlaceView
 * @property {number} source
 * @property {number} mark
 * @property {number} outcome
 */

/**
 * @typedef {object} FoundView
 * @property {string} view
 * @property {PlaceView} place
 * @property {boolean} ended
 * @property {string} words
 * @property {string} call
 * @property {string} cell
 */

// --- types of this module alone

/** A message to the kernel. @typedef {{source: number, known: boolean} | {find: PlaceView} | {stop: PlaceView}} Asked */

/**
 * A node of a line's tree.
 * @typedef {{mark: number | null, nodes: Node[]} | {tokens: PieceView["tokens"]} | {end: number}} Node
 */

/** What the reader did to a view: folds by the name of their source. @typedef {{folds: Record<string, boolean>, missed?: boolean, pin?: Identity}} Kept */

/** What a place is known by in a later view: exactly, and where lines were added above it. @typedef {{exact: string, about: string, source: string}} Identity */

/**
 * What is used of anywidget's model.
 * @typedef {object} Model
 * @property {(name: "data" | "record" | "cell") => string} get
 * @property {{(event: "change:data", changed: () => void): void, (event: "msg:custom", came: (message: AnswerView | FoundView) => void): void}} on
 * @property {(event: "msg:custom", came: (message: AnswerView | FoundView) => void) => void} off
 * @property {(message: Asked & {view: string}) => void} send
 */

/**
 * The name of a place's handle: "x > 0: never true".
 * @param {MarkView} mark
 * @returns {string}
 */
export function name(mark) {
  return `${mark.place}: ${mark.label || mark.words}`;
}

/**
 * What a place is known by in a later view of the same sources, where numbers can be others.
 * @param {MarkView} mark
 * @param {SourceView} source
 * @returns {Identity}
 */
export function identity(mark, source) {
  const about = [source.name, mark.kind, mark.text];
  return { exact: JSON.stringify([...about, mark.line, mark.end]), about: JSON.stringify(about), source: source.name };
}

/**
 * The data of a model: JSON, compressed, in base64.
 * @param {string} packed
 * @returns {Promise<ViewData>}
 */
export async function unpacked(packed) {
  const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

// --- order and nesting

/**
 * A source's places in the order in which their ends are read.
 * @param {SourceView} source
 * @returns {number[]}
 */
export function places(source) {
  return source.lines.flatMap((line) => [
    ...line.pieces.flatMap((piece) => [...piece.ends].reverse()),
    ...(line.miss == null ? [] : [line.miss]),
  ]);
}

/**
 * A line's pieces as a tree: `{mark, nodes}` around what it covers, `{tokens}` for text, `{end: mark}` where one is over.
 * Marks that overlap (the links of a chain share an operand) are cut: the later one goes on in a second node.
 * @param {PieceView[]} pieces
 * @returns {Node[]}
 */
export function nest(pieces) {
  /** @type {{mark: number | null, nodes: Node[]}} */
  const root = { mark: null, nodes: [] };
  const open = [root];
  const add = (/** @type {Node} */ node) => open[open.length - 1].nodes.push(node);
  for (const piece of pieces) {
    let depth = 1;
    while (depth < open.length && open[depth].mark === piece.marks[depth - 1]) depth += 1;
    open.length = depth;
    for (const mark of piece.marks.slice(depth - 1)) {
      /** @type {{mark: number, nodes: Node[]}} */
      const node = { mark, nodes: [] };
      add(node);
      open.push(node);
    }
    add({ tokens: piece.tokens });
    for (const mark of [...piece.ends].reverse()) {
      open.length = open.findIndex((node) => node.mark === mark);
      add({ end: mark });
    }
  }
  return root.nodes;
}

/**
 * The next number behind `at` where `misses` is true, `step` forward or back; -1: none.
 * @param {boolean[]} misses
 * @param {number} at
 * @param {1 | -1} step
 * @returns {number}
 */
export function next(misses, at, step) {
  for (let to = at + step; to >= 0 && to < misses.length; to += step) if (misses[to]) return to;
  return -1;
}

/**
 * Where a place stands on the walk: "3 of 5" or "3–4 of 5" missed outcomes; lines without any are named.
 * @param {MarkView} mark
 * @param {number} before
 * @param {number} all
 * @returns {string}
 */
export function walked({ missed, place, label }, before, all) {
  if (!missed) return `${place}: ${label}`;
  return `${before + 1}${missed > 1 ? `–${before + missed}` : ""} of ${all}`;
}

/**
 * That the marks in a cell, which unite its runs, show more than this view, which shows one; "" where they do not.
 * @param {number} missed in this run
 * @param {number | undefined} united missed in all of them, where the cell has marks
 * @returns {string}
 */
export function elsewhere(missed, united = missed) {
  if (united >= missed) return "";
  return `other runs covered ${missed - united} of the outcomes missed here; the marks in the cell show all runs together`;
}

/**
 * What was missed, in outcomes; lines that never ran are counted apart.
 * @param {{missed: number, never_ran: number}[]} sources
 * @returns {string}
 */
export function missing(sources) {
  const [missed, lines] = sources.reduce(([a, b], each) => [a + each.missed, b + each.never_ran], [0, 0]);
  const parts = [missed ? `${missed} missed` : "", lines ? `${lines} ${lines === 1 ? "line" : "lines"} never ran` : ""];
  return parts.filter(Boolean).join(" · ");
}

/**
 * The columns of white space that a line begins with; tabs go to the next fourth.
 * @param {string} text
 * @returns {number}
 */
export function indent(text) {
  let columns = 0;
  for (const character of text) {
    if (character === "\t") columns += 4 - (columns % 4);
    else if (character === " ") columns += 1;
    else break;
  }
  return columns;
}

// Hebrew, Arabic and their kin, and the marks that turn text round.
const TURNS = /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc]|[\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/**
 * A text cut so that words written from right to left stand in pieces of their own: [text, whether it is one].
 * @param {string} text
 * @returns {[string, boolean][]}
 */
export function turned(text) {
  if (!TURNS.test(text)) return [[text, false]];
  return text.split(/([\p{L}\p{M}\p{N}_]+)/u).filter(Boolean).map((part) => [part, TURNS.test(part)]);
}

// --- drawing

/**
 * The truth tables of decisions: complete ones are folded.
 * @param {TableView[]} tables
 * @returns {HTMLElement}
 */
function decisions(tables) {
  const made = element("div", "decisions");
  for (const each of tables) {
    const fold = element("details", "decision", element("summary", "", each.title));
    fold.open = !each.complete;
    const heads = ["row", ...each.columns, "outcome", "first"].map((title) => {
      const head = element("th", "", title);
      head.scope = "col";
      return head;
    });
    const rows = each.rows.map((row) => {
      const cells = [row.number ? String(row.number) : "-", ...row.letters, row.outcome, row.first];
      return element("tr", row.number ? "" : "open", ...cells.map((cell) => element("td", "", cell)));
    });
    const drawn = element(
      "table",
      "",
      element("thead", "", element("tr", "", ...heads)),
      element("tbody", "", ...rows),
    );
    drawn.setAttribute("aria-label", each.title);
    const sentences = each.sentences.map((sentence) => element("li", "", sentence));
    fold.append(drawn, each.more ? element("p", "", each.more) : "", element("ul", "", ...sentences));
    made.append(fold);
  }
  return made;
}

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} [className]
 * @param {...(globalThis.Node | string)} content
 * @returns {HTMLElementTagNameMap[Tag]}
 */
function element(tag, className, ...content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

/**
 * @param {string} className
 * @param {string} label
 * @param {string} title
 * @param {string} text
 * @returns {HTMLButtonElement}
 */
function button(className, label, title, text) {
  const made = element("button", className, text);
  made.type = "button";
  made.title = title;
  made.setAttribute("aria-label", label);
  return made;
}

/**
 * Give a button other words, for the eye and the ear.
 * @param {HTMLButtonElement} made
 * @param {string} words
 * @param {string} [label]
 */
function rename(made, words, label = words) {
  made.textContent = words;
  made.title = label;
  made.setAttribute("aria-label", label);
}

/**
 * @param {number | null} percent
 * @returns {HTMLElement | ""}
 */
function bar(percent) {
  if (percent === null) return "";
  const full = element("span");
  full.style.width = `${percent}%`;
  const made = element("span", "bar", full);
  made.setAttribute("aria-hidden", "true");
  return made;
}

/**
 * @param {string} character
 * @returns {HTMLElement}
 */
function glyph(character) {
  const made = element("span", "glyph", character);
  made.setAttribute("aria-hidden", "true");
  return made;
}

/**
 * @param {PieceView["tokens"]} tokens
 * @param {HTMLElement} into
 */
function text(tokens, into) {
  for (const [characters, syntax] of tokens) {
    const place = syntax ? element("span", syntax === "number" ? "number-literal" : syntax) : into;
    for (const [part, isTurned] of turned(characters)) place.append(isTurned ? element("bdi", "", part) : part);
    if (syntax) into.append(place);
  }
}

/** @type {Record<string, string>} */
const GLYPHS = { covered: "✓", missed: "✗" };

/**
 * @param {MarkView} mark
 * @returns {HTMLElement}
 */
function kind(mark) {
  const parts = mark.kind_words.split("`");
  return element("span", "kind", ...parts.map((part, odd) => (odd % 2 ? element("span", "snippet", part) : part)));
}

/**
 * Who covered an outcome first; a cell is a way to it.
 * @param {string} by
 * @returns {HTMLElement}
 */
function taker(by) {
  if (!/^In \[\d+\]$/.test(by)) return element("b", "", by);
  const made = button("lead", `to the cell ${by}`, `to the cell ${by}`, by);
  made.dataset.lead = by;
  return made;
}

/**
 * A button that copies a text. Where the page may not write to the clipboard, the text is selected where it stands.
 * @param {string} label
 * @param {string} text
 * @param {HTMLElement} shown where the text stands
 * @returns {HTMLButtonElement}
 */
function copying(label, text, shown) {
  const copy = button("act", label, label, "copy");
  const select = () => {
    getSelection()?.selectAllChildren(shown);
    rename(copy, "selected: press Ctrl+C");
  };
  copy.addEventListener("click", () => {
    // Pages that come over plain HTTP have no clipboard.
    if (!navigator.clipboard) select();
    else navigator.clipboard.writeText(text).then(() => rename(copy, "copied"), select);
  });
  return copy;
}

/**
 * The comment that exempts a missed outcome, to be copied.
 * @param {OutcomeView} outcome
 * @returns {HTMLElement}
 */
function exempting({ name, exempt }) {
  const comment = element("span", "value", exempt);
  const copy = copying(`copy the comment that exempts ${name}`, exempt, comment);
  return element("div", "action", "to exempt ", element("span", "snippet", name), ": ", comment, " ", copy);
}

/** A button that looks for an input of a missed outcome, how far the search is, and what it found. */
class Finding {
  running = false;
  progress = element("span", "progress");
  said = element("span", "said");
  found = element("span", "found");
  offers = element("span", "offers");

  /**
   * @param {OutcomeView} outcome
   * @param {MarkView} mark
   * @param {(what: "find" | "stop") => void} ask
   */
  constructor({ name, caller }, mark, ask) {
    this.label = `find an input that covers ${name} of ${mark.place}, by calls of ${caller}`;
    this.button = button("act", this.label, this.label, "find an input");
    this.said.setAttribute("role", "status");
    this.root = element("div", "action finding", "to cover ", element("span", "snippet", name), ": ");
    this.root.append(this.button, " ", this.found, " ", this.progress, this.said, " ", this.offers);
    this.button.addEventListener("click", () => {
      ask(this.running ? "stop" : "find");
      if (this.running) this.progress.textContent = "stopping …";
      else this.begin();
    });
  }

  begin() {
    this.running = true;
    this.found.replaceChildren();
    this.offers.replaceChildren();
    this.said.textContent = "";
    this.progress.textContent = "asking the kernel …";
    rename(this.button, "stop", "stop looking"); // it keeps its place, and the focus
  }

  /**
   * How far it is, or its end: only that is read aloud.
   * @param {FoundView} found
   */
  came({ ended, words, call, cell }) {
    if (!this.running) return;
    this.progress.textContent = ended ? "" : words;
    if (!ended) return;
    this.running = false;
    rename(this.button, "find an input", this.label);
    this.said.textContent = words;
    if (call) this.show(call, cell, words);
  }

  /**
   * @param {string} call
   * @param {string} cell
   * @param {string} words
   */
  show(call, cell, words) {
    const code = element("span", "value", call);
    const insert = button("act", "insert as a cell", "insert as a cell below this one", "insert as a cell");
    const copy = copying("copy the call", call, code);
    insert.addEventListener("click", () => {
      const asked = new CustomEvent("branchcov:insert", { bubbles: true, cancelable: true, detail: { code: cell } });
      if (!this.root.dispatchEvent(asked)) rename(insert, "inserted below");
      else copy.click(); // nobody here can insert a cell
    });
    this.found.append(code);
    this.offers.append(insert, " ", copy);
    // What is read aloud: the call, and how it ends.
    this.said.replaceChildren(element("span", "unseen", `found ${call} `), words);
  }
}

/**
 * The details of a place: its kind and text, an outcome a row, and the places around it.
 * @param {MarkView} mark
 * @param {SourceView} source
 * @param {HTMLElement[]} [actions] what the reader can do
 * @returns {HTMLElement}
 */
function details(mark, source, actions = []) {
  const made = element("div", `details-body ${mark.state}`);
  const head = element("div", "what");
  if (mark.kind) head.append(kind(mark), ": ");
  head.append(element("b", mark.text ? "snippet" : "", mark.place));
  if (!mark.outcomes.length) head.append(` ${mark.words}`);
  if (mark.composite) head.append(` — ${mark.words}`);
  made.append(head);
  if (mark.outcomes.length) {
    const rows = mark.outcomes.map((outcome) => {
      const firstHit = element("td", "firstHit");
      if (outcome.first) firstHit.append("first by ", taker(outcome.first));
      if (outcome.values.length) {
        const values = outcome.values.map(([each, value]) => element("span", "value", `${each}=${value}`));
        firstHit.append(" with ", ...values.flatMap((value, number) => (number ? [" ", value] : [value])));
      }
      const head = element("th", "outcome", outcome.name);
      head.scope = "row";
      const fate = element("td", "fate", glyph(GLYPHS[outcome.state] ?? "–"), outcome.fate);
      if (outcome.new) fate.append(" ", element("span", "label new", "new"));
      return element("tr", outcome.state, head, fate, element("td", "duty", mark.composite ? "" : outcome.duty), firstHit);
    });
    const heads = ["outcome", "covered", "counts", "first hit"].map((words) => {
      const head = element("th", "", words);
      head.scope = "col";
      return head;
    });
    made.append(
      element("table", "outcomes", element("thead", "unseen", element("tr", "", ...heads)), element("tbody", "", ...rows)),
    );
  }
  for (const number of mark.within) {
    const other = source.marks[number];
    const outcomes = other.outcomes.flatMap((outcome, each) => [each ? ", " : "", `${outcome.name} ${outcome.fate}`]);
    made.append(
      element("div", "around", mark.composite || other.composite ? "part of the " : "inside the ", kind(other), ": ",
        element("span", "snippet", other.text), " — ", ...outcomes),
    );
  }
  made.append(...actions);
  return made;
}

const LEGEND = [
  ["missed", "never true", "one outcome never came"],
  ["never-ran", "never ran", "code that never ran"],
  ["covered", "", "every outcome came"],
  ["optional", "", "not counted: optional, excluded"],
];
/** @type {[string[], string][]} */
const KEYS = [
  [["n", "p"], "next and previous miss"],
  [["←", "→"], "the conditions one by one"],
  [["Enter"], "pin the details, or let go"],
  [["g"], "to this line in its cell; so does a line number"],
  [["?"], "this explanation"],
  [["Esc"], "let go, then back to the cell"],
];

const ARRAYS = [
  "Conditions of arrays choose elements, not what runs: ", ["mask & (x > 0)"], ", ", ["np.where(x > 0, a, b)"], " and ", ["frame[frame.x > 0]"],
  " are no branches. To see whether both cases came, look at ", ["mask.any()"], " and ", ["mask.all()"], ".",
];

/** @returns {HTMLElement} */
function legend() {
  const list = element("dl", "legend");
  for (const [state, label, words] of LEGEND) {
    const sample = element("dt", "", element("span", `mark ${state}`, "x > 0"));
    if (label) sample.append(element("span", `label ${state}`, label));
    list.append(element("div", "", sample, element("dd", "", words)));
  }
  for (const [keys, words] of KEYS) {
    const named = keys.flatMap((key, number) => [number ? " " : "", element("span", "key", key)]);
    list.append(element("div", "", element("dt", "", ...named), element("dd", "", words)));
  }
  const arrays = ARRAYS.map((part) => (Array.isArray(part) ? element("span", "snippet", part[0]) : part));
  list.append(element("div", "arrays", element("dt", "", "arrays"), element("dd", "", ...arrays)));
  return list;
}

/** Milliseconds before details follow the pointer: long enough to cross marks, and to reach the details. */
const [SHOW, HIDE] = [150, 250];
/** Frames in which nothing may move before a place is where it stays. */
const SETTLED = 10;
/** Rows that are laid out together, and not before they come into sight. */
const BLOCK = 100;
/** Milliseconds of drawing before the page may breathe. */
const SLICE = 25;

/**
 * The element that an event happened on.
 * @param {Event} event
 * @returns {HTMLElement}
 */
function target(event) {
  return /** @type {HTMLElement} */ (event.target);
}

/**
 * The key of the place that an element belongs to.
 * @param {HTMLElement} element
 * @returns {string}
 */
function keyOf(element) {
  return /** @type {string} */ (element.dataset.place);
}

/**
 * The row that a handle stands in.
 * @param {Element} handle
 * @returns {Element}
 */
function rowOf(handle) {
  return /** @type {Element} */ (handle.closest(".row"));
}

/** The whole view of one model's data. */
class View {
  root = element("div", "branchcov-widget");
  status = element("span", "status");
  card = element("div", "details card");
  pinned = element("div", "details pinned");
  sentence = element("span");
  /** @type {HTMLInputElement | undefined} */
  box;
  /**
   * The handles that are drawn, by the key of their place: "source.mark".
   * @type {Map<string, HTMLElement>}
   */
  handles = new Map();
  /**
   * What is drawn of a place: its fragments, and its handle.
   * @type {Map<string, HTMLElement[]>}
   */
  drawnOf = new Map();
  /**
   * What has a class for being in focus, shown or pinned, by that class. To search thousands of elements takes long.
   * @type {Record<string, HTMLElement[]>}
   */
  lights = {};
  /**
   * The handle of each source where Tab stops.
   * @type {(HTMLElement | undefined)[]}
   */
  tabs = [];
  /**
   * Of all sources but the first.
   * @type {HTMLDetailsElement[]}
   */
  folds = [];
  /** @type {HTMLElement[]} */
  codes = [];
  /** @type {Generator<undefined, void>[]} */
  blocks = [];
  /**
   * The key of the place that was focused last.
   * @type {string | undefined}
   */
  at;
  /**
   * The key of the place whose details are pinned.
   * @type {string | undefined}
   */
  pin;
  /**
   * The key of the place whose details are shown, and what they follow.
   * @type {[string, Element] | undefined}
   */
  shown;
  /** @type {HTMLElement | undefined} */
  help;
  /** @type {HTMLElement | undefined} */
  legend;
  /** @type {number | undefined} */
  timer;
  /** Where the pointer was last: what moves under it while it rests is not pointed at. */
  pointer = "";
  /**
   * Sources that were asked for, by their numbers, and who waits for them.
   * @type {Map<number, {come: () => void, done: Promise<void>}>}
   */
  asked = new Map();
  /**
   * Sources of which not all parts have come.
   * @type {Map<number, SourceView>}
   */
  coming = new Map();
  /**
   * The values of the first hits of a source, until all have come: the kernel answers one question after the other.
   * @type {ValuesView[]}
   */
  learned = [];

  /**
   * What is said of other runs, a place for each source.
   * @type {HTMLElement[]}
   */
  others = [];
  /** Whether a kernel has answered: a page can have the state of a view without one. */
  live = false;
  /**
   * The searches for inputs, by the key of their place and the number of their outcome.
   * @type {Map<string, Finding>}
   */
  findings = new Map();

  /**
   * @param {ViewData} data
   * @param {(message: Asked & {view: string}) => void} ask
   */
  constructor(data, ask) {
    this.data = data;
    this.ask = ask;
    this.id = `branchcov-${Math.random().toString(36).slice(2)}`;
    this.stops = data.sources.reduce((sum, source) => sum + source.stops, 0);
    this.draw();
    this.listen();
    document.addEventListener("branchcov:drawn", this.drew);
    setTimeout(() => this.compare());
    data.sources.forEach((source, number) => source.folded || this.ask({ view: this.id, source: number, known: true }));
  }

  draw() {
    const { data } = this;
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", `branch coverage: ${data.totals}`);
    this.root.append(this.head());
    if (data.stopped) this.root.append(element("p", "note", data.stopped));
    data.sources.forEach((source, number) => {
      const missed = element("span", source.missed ? "label missed" : "label never-ran", missing([source]));
      this.others[number] = element("p", "note others");
      this.others[number].hidden = true;
      const title = [element("b", "title", source.title), " ", bar(source.percent), " ", element("span", "totals", source.totals), " "];
      if (missed.textContent) title.push(missed);
      if (!number) {
        if (data.named) this.root.append(element("div", "head named", ...title));
        this.root.append(this.note(source), this.others[0], this.code(number));
        return;
      }
      const folded = element("details", source.stops ? "" : "whole", element("summary", "", ...title), this.note(source), this.others[number]);
      folded.open = !source.folded;
      folded.addEventListener("toggle", () => folded.open && this.load(number));
      this.root.append(folded);
      this.folds.push(folded);
      if (!source.folded) this.code(number);
    });
    this.card.popover = "manual";
    this.pinned.id = `${this.id}-pinned`;
    this.pinned.setAttribute("role", "group");
    this.pinned.setAttribute("aria-label", "details");
    this.sentence.id = `${this.id}-sentence`;
    this.sentence.hidden = true;
    this.root.append(this.card, this.sentence);
    this.only(data.missed);
  }

  /** Say where the marks in the cells show more than this run. The extension that draws them knows. */
  compare() {
    /** @type {CustomEvent<{missed: Record<string, number>}>} */
    const asked = new CustomEvent("branchcov:united", { bubbles: true, detail: { missed: {} } });
    this.root.dispatchEvent(asked);
    this.compared(asked.detail.missed);
  }

  /**
   * The marks of a notebook have been drawn.
   * @param {Event} event
   */
  drew = (event) => {
    /** @type {{node: HTMLElement, missed: Record<string, number>}} */
    const { node, missed } = /** @type {CustomEvent} */ (event).detail;
    if (node.contains(this.root)) this.compared(missed);
  };

  /** @param {Record<string, number>} united the outcomes missed in all runs, by cell */
  compared(united) {
    this.data.sources.forEach(({ cell, missed }, number) => {
      const [said, words] = [this.others[number], elsewhere(missed, cell ? united[cell] : undefined)];
      if (said.textContent === words) return;
      said.textContent = words;
      said.hidden = !words;
    });
  }

  /** @returns {HTMLElement} */
  head() {
    const { data } = this;
    const head = element("div", "head", element("b", "", "branchcov"), bar(data.percent), element("span", "totals", data.totals));
    const tools = element("div", "tools");
    this.status.setAttribute("role", "status");
    if (data.changes) head.append(element("span", "changes", data.changes));
    tools.append(this.status);
    if (this.stops) {
      this.status.append(missing(data.sources));
      const previous = button("", "previous miss", "previous miss (p)", "↑");
      const next = button("", "next miss", "next miss (n)", "↓");
      previous.addEventListener("click", () => this.go(-1));
      next.addEventListener("click", () => this.go(1));
      tools.append(element("span", "pair", previous, next));
    }
    if (this.stops || data.missed) {
      const box = element("input");
      box.type = "checkbox";
      box.checked = data.missed;
      box.addEventListener("change", () => this.only(box.checked));
      tools.append(element("label", "", box, "only missed"));
      this.box = box;
    }
    this.help = button("help", "what the marks mean", "what the marks and keys mean (?)", "?");
    this.help.setAttribute("aria-expanded", "false");
    this.help.addEventListener("click", () => this.explain());
    tools.append(this.help);
    head.append(tools);
    return head;
  }

  /** Show what the marks mean, or no more. */
  explain() {
    const help = /** @type {HTMLElement} */ (this.help);
    if (this.legend) {
      this.legend.remove();
      this.legend = undefined;
      help.removeAttribute("aria-controls");
    } else {
      this.legend = legend();
      this.legend.id = `${this.id}-legend`;
      help.setAttribute("aria-controls", this.legend.id);
      help.closest(".head")?.after(this.legend);
    }
    help.setAttribute("aria-expanded", String(Boolean(this.legend)));
  }

  /**
   * @param {SourceView} source
   * @returns {HTMLElement | ""}
   */
  note(source) {
    return source.note ? element("p", "note", `note: ${source.note}`) : "";
  }

  /**
   * Draw a source, as soon as it has come.
   * @param {number} number
   * @returns {Promise<void>}
   */
  async load(number) {
    const source = this.data.sources[number];
    if (!source.folded) {
      this.code(number);
      return;
    }
    let asked = this.asked.get(number);
    if (!asked) {
      let come = () => {};
      asked = { done: new Promise((done) => (come = () => done())), come: () => come() };
      this.asked.set(number, asked);
      const waiting = element("p", "note waiting", "asking the kernel …");
      this.folds[number - 1]?.append(waiting);
      this.ask({ view: this.id, source: number, known: false });
      asked.done.then(() => waiting.remove());
    }
    await asked.done;
  }

  /**
   * A part of a source that was asked for, or of the values of one that is here.
   * @param {AnswerView} answer
   */
  answered({ number, source, lines, marks, values, last }) {
    this.live = true;
    if (source && this.data.sources[number].folded) this.coming.set(number, { ...source, folded: false });
    const coming = this.coming.get(number);
    if (coming) {
      coming.lines.push(...lines);
      coming.marks.push(...marks);
    }
    if (coming && last) {
      this.coming.delete(number);
      this.data.sources[number] = coming;
      this.code(number);
    }
    this.learned.push(...values);
    if (!last) return;
    this.learn(number, this.learned.splice(0));
    this.asked.get(number)?.come();
  }

  /**
   * The text of a source, drawn when it is first asked for: its beginning now, the rest bit by bit.
   * @param {number} number
   * @returns {HTMLElement}
   */
  code(number) {
    if (this.codes[number]) return this.codes[number];
    const made = element("div", "code");
    made.setAttribute("role", "group");
    made.setAttribute("aria-label", `source of ${this.data.sources[number].title}`);
    this.codes[number] = made;
    if (number) this.folds[number - 1].append(made);
    this.blocks[number] = this.drawing(number);
    const blocks = this.blocks[number];
    const more = () => {
      const until = performance.now() + SLICE;
      while (!blocks.next().done) {
        if (performance.now() > until) {
          setTimeout(more);
          return;
        }
      }
    };
    if (!blocks.next().done) setTimeout(more);
    return made;
  }

  /**
   * @param {number} number
   * @returns {Generator<undefined, void>}
   */
  *drawing(number) {
    const source = this.data.sources[number];
    for (let first = 0; first < source.lines.length; first += BLOCK) {
      const rows = source.lines.slice(first, first + BLOCK).map((line) => this.row(line, source, number));
      this.codes[number].append(element("div", "block", ...rows));
      this.stop(number);
      yield;
    }
    if (source.tables.length) this.codes[number].append(decisions(source.tables));
  }

  /**
   * Draws what of a source is not drawn yet.
   * @param {number} number
   */
  whole(number) {
    this.code(number);
    while (!this.blocks[number].next().done);
  }

  /**
   * @param {LineView} line
   * @param {SourceView} source
   * @param {number} number
   * @returns {HTMLElement}
   */
  row(line, source, number) {
    const row = element("div", `row${line.missed ? " missed" : ""}${line.worth ? " worth" : line.head ? " above" : ""}`);
    const shown = element("span", "text");
    // What of a long line goes on below stands further in than its beginning; tabs need a multiple of their width.
    const characters = line.pieces.map((piece) => piece.tokens.map(([each]) => each).join("")).join("");
    const inwards = Math.ceil(indent(characters) / 4) * 4 + 4;
    shown.style.paddingLeft = `${inwards}ch`;
    shown.style.textIndent = `-${inwards}ch`;
    this.nodes(nest(line.pieces), shown, source, number);
    if (line.miss != null) shown.append(this.handle(source, number, line.miss));
    row.append(element("span", source.cell ? "number leads" : "number", String(line.number)), shown);
    return row;
  }

  /**
   * Draws nodes into a place; how many underlines lie in each other there.
   * @param {Node[]} nodes
   * @param {HTMLElement} into
   * @param {SourceView} source
   * @param {number} number
   * @returns {number}
   */
  nodes(nodes, into, source, number) {
    let height = 0;
    for (const node of nodes) {
      if ("tokens" in node) text(node.tokens, into);
      else if ("nodes" in node) {
        const mark = source.marks[/** @type {number} */ (node.mark)];
        const fragment = element("span", `mark ${mark.composite ? "composite" : mark.state}`);
        this.belong(fragment, `${number}.${node.mark}`);
        const inside = this.nodes(node.nodes, fragment, source, number);
        const quiet = mark.composite || mark.state === "never-ran";
        if (inside && !quiet) fragment.classList.add(`over-${Math.min(inside, 3)}`);
        height = Math.max(height, mark.composite ? inside : quiet ? 1 : inside + 1);
        into.append(fragment);
      } else {
        const { news } = source.marks[node.end];
        if (news) into.append(element("span", "label new", news));
        into.append(this.handle(source, number, node.end));
        const { counts } = source.marks[node.end];
        if (counts) into.append(element("span", "counts", counts));
      }
    }
    return height;
  }

  /**
   * @param {SourceView} source
   * @param {number} number
   * @param {number} at
   * @returns {HTMLElement}
   */
  handle(source, number, at) {
    const mark = source.marks[at];
    // Not a <button>: a line could break before and behind one, and the words would leave their place.
    const made = element("span", mark.label ? `handle label ${mark.state}` : "handle", mark.label);
    this.belong(made, `${number}.${at}`);
    made.tabIndex = -1;
    made.setAttribute("role", "button");
    made.setAttribute("aria-label", name(mark));
    made.setAttribute("aria-describedby", `${this.id}-sentence`);
    made.setAttribute("aria-expanded", "false");
    this.handles.set(keyOf(made), made);
    return made;
  }

  // --- places

  /**
   * @param {string} key
   * @returns {[MarkView, SourceView, number]}
   */
  mark(key) {
    const [source, mark] = key.split(".").map(Number);
    return [this.data.sources[source].marks[mark], this.data.sources[source], source];
  }

  /**
   * The handle of a place that is drawn.
   * @param {string} key
   * @returns {HTMLElement}
   */
  drawn(key) {
    return /** @type {HTMLElement} */ (this.handles.get(key));
  }

  /**
   * What a place is known by in a later view.
   * @param {string} key
   * @returns {Identity}
   */
  identity(key) {
    const [mark, source] = this.mark(key);
    return identity(mark, source);
  }

  /**
   * Make an element a part of a place.
   * @param {HTMLElement} part
   * @param {string} key
   */
  belong(part, key) {
    part.dataset.place = key;
    const known = this.drawnOf.get(key);
    if (known) known.push(part);
    else this.drawnOf.set(key, [part]);
  }

  /**
   * @param {string} key
   * @param {string} className
   */
  light(key, className) {
    for (const part of this.lights[className] ?? []) part.classList.remove(className);
    this.lights[className] = this.drawnOf.get(key) ?? [];
    for (const part of this.lights[className]) part.classList.add(className);
  }

  /**
   * @param {Element} handle
   * @returns {boolean}
   */
  visible(handle) {
    return !this.root.classList.contains("only-missed") || rowOf(handle).matches(".worth, .above");
  }

  /**
   * One handle of a source is where Tab stops; arrow keys lead to the others.
   * @param {number} number
   * @param {HTMLElement} [chosen]
   */
  stop(number, chosen) {
    const current = this.tabs[number];
    if (!chosen && current && this.visible(current)) return;
    const next = chosen ?? this.first(number);
    if (current) current.tabIndex = -1;
    if (next) next.tabIndex = 0;
    this.tabs[number] = next;
  }

  /**
   * The first handle of a source that is shown, if there is one.
   * @param {number} number
   * @returns {HTMLElement | undefined}
   */
  first(number) {
    /** @type {NodeListOf<HTMLElement>} */
    const all = this.codes[number].querySelectorAll(".handle");
    return [...all].find((handle) => this.visible(handle));
  }

  /** @param {boolean} missed */
  only(missed) {
    this.root.classList.toggle("only-missed", missed);
    if (missed && !this.stops) this.status.textContent = "nothing was missed";
    this.codes.forEach((_, number) => this.stop(number));
    if (this.pin && !this.visible(this.drawn(this.pin))) this.unpin();
  }

  /**
   * To the next miss from where the focus is, or was last, round the end.
   * @param {1 | -1} step
   */
  async go(step) {
    const { sources } = this.data;
    let [number, mark] = this.at ? this.at.split(".").map(Number) : [step > 0 ? 0 : sources.length - 1, -1];
    for (let tried = 0; tried <= sources.length; tried += 1) {
      if (sources[number].stops) {
        await this.load(number);
        const order = places(sources[number]);
        const misses = order.map((each) => Boolean(sources[number].marks[each].label));
        const at = next(misses, mark >= 0 ? order.indexOf(mark) : step > 0 ? -1 : order.length, step);
        if (at >= 0) {
          this.arrive(number, order, at);
          return;
        }
      }
      [number, mark] = [(number + step + sources.length) % sources.length, -1];
    }
    this.status.textContent = "nothing was missed";
  }

  /**
   * @param {number} number
   * @param {number[]} order the source's places
   * @param {number} at
   */
  arrive(number, order, at) {
    const { sources } = this.data;
    const sum = (/** @type {{missed: number}[]} */ all) => all.reduce((sum, each) => sum + each.missed, 0);
    const { marks } = sources[number];
    this.whole(number);
    if (number) this.folds[number - 1].open = true;
    const before = sum(sources.slice(0, number)) + sum(order.slice(0, at).map((each) => marks[each]));
    this.status.textContent = walked(marks[order[at]], before, sum(sources));
    this.focus(this.drawn(`${number}.${order[at]}`), "center");
  }

  /**
   * To a line of a cell, or to a cell, in the notebook. The extension that marks cells knows the way; without it, the
   * page is searched.
   * @param {{cell?: string, name: string, line: number}} where
   */
  lead(where) {
    const asked = new CustomEvent("branchcov:lead", { bubbles: true, cancelable: true, detail: where });
    if (!this.root.dispatchEvent(asked)) return;
    const number = /^In (\[\d+\])$/.exec(where.name)?.[1];
    const page = this.root.closest(".jp-Notebook") ?? document;
    const prompt = [...page.querySelectorAll(".jp-CodeCell .jp-InputPrompt")].find((each) => number && each.textContent?.includes(number));
    const cell = prompt?.closest(".jp-CodeCell");
    (cell?.querySelectorAll(".cm-line")[where.line - 1] ?? cell)?.scrollIntoView({ block: "center" });
    if (!cell) this.status.textContent = `${where.name} is not on this page`;
  }

  /**
   * To the line of a place in its cell.
   * @param {number} number
   * @param {number} line
   */
  leadToLine(number, line) {
    const { cell, label } = this.data.sources[number];
    if (cell) this.lead({ cell, name: label, line });
  }

  /**
   * To another handle of the same source.
   * @param {HTMLElement} handle
   * @param {string} key
   */
  step(handle, key) {
    const number = this.mark(keyOf(handle))[2];
    this.whole(number);
    /** @type {NodeListOf<HTMLElement>} */
    const handles = this.codes[number].querySelectorAll(".handle");
    const all = [...handles].filter((each) => this.visible(each));
    const at = all.indexOf(handle);
    const lines = all.map(rowOf);
    /** @type {Record<string, number>} */
    const places = {
      ArrowRight: at + 1,
      ArrowLeft: at - 1,
      ArrowDown: lines.findIndex((row, each) => each > at && row !== lines[at]),
      ArrowUp: lines.indexOf(lines[lines.indexOf(lines[at]) - 1]),
      Home: 0,
      End: all.length - 1,
    };
    const to = all[places[key]];
    if (to) this.focus(to);
  }

  /**
   * @param {HTMLElement} handle
   * @param {"nearest" | "center"} [block] where in the window it comes
   */
  focus(handle, block = "nearest") {
    // TypeScript's library does not know `focusVisible` yet.
    handle.focus(/** @type {FocusOptions} */ ({ preventScroll: true, focusVisible: true }));
    handle.scrollIntoView({ block });
    if (block === "center") this.settle(handle, SETTLED);
  }

  /**
   * Scroll again as long as what comes into sight gets its own size, and moves the place.
   * @param {HTMLElement} handle
   * @param {number} frames
   */
  settle(handle, frames) {
    const before = handle.getBoundingClientRect().top;
    requestAnimationFrame(() => {
      if (document.activeElement !== handle) return;
      const moved = Math.abs(handle.getBoundingClientRect().top - before) > 2;
      if (moved) handle.scrollIntoView({ block: "center" });
      if (frames > 1) this.settle(handle, moved ? SETTLED : frames - 1);
      else this.moved();
    });
  }

  // --- details

  /**
   * Beside a place, above all else, as long as the pointer or the focus is there.
   * @param {string} key
   * @param {Element} anchor
   */
  show(key, anchor) {
    clearTimeout(this.timer);
    if (key === this.pin || !this.card.showPopover) return this.hide();
    const [mark, source] = this.mark(key);
    this.shown = [key, anchor];
    this.card.replaceChildren(details(mark, source));
    if (!this.card.matches(":popover-open")) {
      this.card.showPopover();
      document.addEventListener("scroll", this.moved, true);
      window.addEventListener("resize", this.moved);
      document.addEventListener("keydown", this.escaped);
    }
    this.light(key, "lit");
    this.moved();
  }

  hide() {
    clearTimeout(this.timer);
    if (!this.shown) return;
    this.shown = undefined;
    this.light("", "lit");
    if (this.card.matches(":popover-open")) this.card.hidePopover();
    document.removeEventListener("scroll", this.moved, true);
    window.removeEventListener("resize", this.moved);
    document.removeEventListener("keydown", this.escaped);
  }

  moved = () => {
    if (!this.shown) return;
    const [key, anchor] = this.shown;
    const row = anchor.closest(".row");
    const boxes = row ? [...row.querySelectorAll(`[data-place="${key}"]`)].flatMap((each) => [...each.getClientRects()]) : [];
    if (!boxes.length) return this.hide();
    // Under the beginning of the place's last line, or above its first.
    const [top, bottom] = [Math.min(...boxes.map((box) => box.top)), Math.max(...boxes.map((box) => box.bottom))];
    const left = Math.min(...boxes.filter((box) => box.bottom > bottom - box.height / 2).map((box) => box.left));
    const { width, height } = this.card.getBoundingClientRect();
    const below = bottom + height + 12 <= innerHeight || top < height + 12;
    const edge = Math.min(innerWidth - 8, this.root.getBoundingClientRect().right);
    this.card.style.left = `${Math.max(8, Math.min(left, edge - width))}px`;
    this.card.style.top = `${below ? bottom + 5 : top - height - 5}px`;
  };

  // What the pointer shows can be sent away wherever the focus is, and the key is not kept from anybody.
  escaped = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape" && !this.root.contains(document.activeElement)) this.hide();
  };

  /**
   * Below its line, moving the text, until it is let go.
   * @param {string} key
   */
  hold(key) {
    this.hide();
    this.unpin();
    const [mark, source] = this.mark(key);
    const handle = this.drawn(key);
    const close = button("close", "close details", "close (Esc)", "×");
    close.addEventListener("click", () => {
      this.unpin();
      this.focus(handle);
    });
    this.pinned.replaceChildren(details(mark, source, this.actions(key)), close);
    rowOf(handle).after(this.pinned);
    handle.setAttribute("aria-expanded", "true");
    handle.setAttribute("aria-controls", this.pinned.id);
    this.light(key, "held");
    this.pin = key;
  }

  /** @param {string} key */
  toggle(key) {
    if (key === this.pin) this.unpin();
    else this.hold(key);
  }

  unpin() {
    if (!this.pin) return;
    const handle = this.drawn(this.pin);
    handle.setAttribute("aria-expanded", "false");
    handle.removeAttribute("aria-controls");
    this.light("", "held");
    this.pinned.remove();
    this.pin = undefined;
  }

  // --- what the reader does

  listen() {
    const { root } = this;
    root.addEventListener("pointerover", (event) => {
      const at = `${event.screenX},${event.screenY}`;
      if (event.pointerType === "touch" || at === this.pointer) return;
      this.pointer = at;
      /** @type {HTMLElement | null} */
      const over = target(event).closest("[data-place]");
      clearTimeout(this.timer);
      if (over) this.timer = setTimeout(() => this.show(keyOf(over), over), this.shown ? SHOW / 3 : SHOW);
      else if (!target(event).closest(".card")) this.timer = setTimeout(() => this.rest(), HIDE);
    });
    root.addEventListener("pointermove", (event) => (this.pointer = `${event.screenX},${event.screenY}`));
    root.addEventListener("pointerleave", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.rest(), HIDE);
    });
    root.addEventListener("click", (event) => {
      const { lead } = target(event).dataset;
      if (lead) {
        this.hide();
        this.lead({ name: lead, line: 1 });
        return;
      }
      const line = target(event).matches(".number.leads") && target(event).closest(".code");
      if (line instanceof HTMLElement) {
        this.leadToLine(this.codes.indexOf(line), Number(target(event).textContent));
        return;
      }
      /** @type {HTMLElement | null} */
      const place = target(event).closest("[data-place]");
      // Text that was selected was not clicked at.
      if (!place || (!place.matches(".handle") && String(getSelection()))) return;
      this.toggle(keyOf(place));
      this.drawn(keyOf(place)).focus({ preventScroll: true });
    });
    root.addEventListener("focusin", (event) => {
      const handle = target(event);
      if (!handle.matches(".handle")) return;
      const key = keyOf(handle);
      const [mark, , number] = this.mark(key);
      this.at = key;
      this.sentence.textContent = mark.sentence;
      this.stop(number, handle);
      this.light(key, "current");
      if (this.pin && this.pin !== key && handle.matches(":focus-visible")) this.hold(key);
      else if (handle.matches(":focus-visible")) this.show(key, handle);
    });
    root.addEventListener("focusout", (event) => {
      if (!target(event).matches(".handle")) return;
      this.light("", "current");
      this.hide();
    });
    root.addEventListener("keydown", (event) => this.key(event));
  }

  /** The pointer is nowhere: show the details of the place in focus again. */
  rest() {
    const focused = /** @type {HTMLElement} */ (document.activeElement);
    const keeps = this.root.contains(focused) && focused.matches(".handle:focus-visible");
    if (keeps && this.shown?.[1] !== focused) this.show(keyOf(focused), focused);
    else if (!keeps) this.hide();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    // Around us, single keys are commands: "d d" would delete the cell. Running it stays possible.
    if (event.key !== "Tab" && !(event.key === "Enter" && event.shiftKey)) event.stopPropagation();
    if (event.shiftKey && event.key !== "?") return;
    /** @type {HTMLElement | null} */
    const handle = target(event).closest(".handle");
    if (handle && event.key === "g") this.leadToLine(this.mark(keyOf(handle))[2], this.mark(keyOf(handle))[0].line);
    else if (event.key === "?") this.explain();
    else if (event.key === "n" || event.key === "p") this.go(event.key === "n" ? 1 : -1);
    else if (event.key === "Escape") this.escape();
    else if (handle && (event.key === "Enter" || event.key === " ")) this.toggle(keyOf(handle));
    else if (handle && /^(Arrow|Home|End)/.test(event.key)) this.step(handle, event.key);
    else return;
    event.preventDefault();
  }

  escape() {
    if (this.shown) this.hide();
    else if (this.pin) {
      const handle = this.drawn(this.pin);
      this.unpin();
      handle.focus({ preventScroll: true });
    } else {
      /** @type {HTMLElement | null | undefined} */
      const cell = this.root.parentElement?.closest("[tabindex]");
      cell?.focus({ preventScroll: true });
    }
  }

  // --- a view that follows is drawn again

  /**
   * What the reader has done to it, by names that a later view knows too.
   * @returns {Kept}
   */
  kept() {
    const folds = Object.fromEntries(this.folds.map((fold, number) => [this.data.sources[number + 1].name, fold.open]));
    return { folds, missed: this.box?.checked, pin: this.pin ? this.identity(this.pin) : undefined };
  }

  /** @param {Kept} kept */
  async resume({ folds, missed, pin }) {
    this.folds.forEach((fold, number) => {
      const { name } = this.data.sources[number + 1];
      if (name in folds) fold.open = folds[name];
    });
    if (this.box && missed !== undefined) {
      this.box.checked = missed;
      this.only(missed);
    }
    if (!pin) return;
    const number = this.data.sources.findIndex((source) => source.name === pin.source);
    if (number < 0) return;
    await this.load(number);
    const source = this.data.sources[number];
    const names = source.marks.map((mark) => identity(mark, source));
    const exact = names.findIndex((each) => each.exact === pin.exact);
    const found = exact >= 0 ? exact : names.findIndex((each) => each.about === pin.about);
    if (found < 0 || this.pin) return;
    this.whole(number);
    const handle = this.handles.get(`${number}.${found}`);
    if (handle && this.visible(handle)) this.hold(`${number}.${found}`);
  }

  /**
   * Show the values of first hits, too.
   * @param {number} number
   * @param {ValuesView[]} values
   */
  learn(number, values) {
    for (const each of values) {
      const mark = this.data.sources[number].marks[each.mark];
      mark.sentence = each.sentence;
      mark.outcomes.forEach((outcome, place) => (outcome.values = each.values[place]));
    }
    if (this.at) this.sentence.textContent = this.mark(this.at)[0].sentence;
    if (this.shown) this.show(...this.shown);
    if (this.pin) {
      const [mark, source] = this.mark(this.pin);
      this.pinned.querySelector(".details-body")?.replaceWith(details(mark, source, this.actions(this.pin)));
    }
  }

  /**
   * What the reader can do about the missed outcomes of a place: look for inputs, exempt them.
   * @param {string} key
   * @returns {HTMLElement[]}
   */
  actions(key) {
    const [mark, , source] = this.mark(key);
    const number = Number(key.split(".")[1]);
    const findings = mark.outcomes.flatMap((outcome, at) => {
      if (!outcome.caller || !this.live) return [];
      const name = `${key}.${at}`;
      const place = { source, mark: number, outcome: at };
      const finding = this.findings.get(name)
        ?? new Finding(outcome, mark, (what) => this.ask(what === "find" ? { view: this.id, find: place } : { view: this.id, stop: place }));
      this.findings.set(name, finding);
      return [finding.root];
    });
    return [...findings, ...mark.outcomes.filter((outcome) => outcome.exempt).map(exempting)];
  }

  /**
   * How far a search is, or what it found.
   * @param {FoundView} found
   */
  found(found) {
    const { source, mark, outcome } = found.place;
    this.findings.get(`${source}.${mark}.${outcome}`)?.came(found);
  }

  /** Called when the view is removed. */
  forget = () => {};

  remove() {
    this.hide();
    document.removeEventListener("branchcov:drawn", this.drew);
    for (const finding of this.findings.values()) if (finding.running) finding.button.click();
    this.forget();
    clearTimeout(this.timer);
    this.root.remove();
  }
}

/**
 * The view of a model. It asks the kernel for sources that are folded, and for the values of first hits, which may be
 * secrets: what a model holds can be saved with the notebook, so the view has a copy of the data, and the values stand
 * there alone.
 * @param {Model} model
 * @param {ViewData} data
 * @returns {View}
 */
function viewOf(model, data) {
  /** @type {View} */
  let view;
  /** @param {AnswerView | FoundView} message */
  const came = (message) => {
    if (message.view !== view.id) return;
    if ("place" in message) view.found(message);
    else view.answered(message);
  };
  model.on("msg:custom", came);
  view = new View(structuredClone(data), (message) => model.send(message));
  view.forget = () => model.off("msg:custom", came);
  return view;
}

// --- the page

/** A model with its data. @typedef {{model: Model, data: ViewData}} Shown */

/** What stands on this page: the models alive by the name of their record, and the views drawn for each. */
class Page {
  /** @type {Map<string, Shown>} */
  models = new Map();
  /** @type {Map<HTMLElement, {view: View, model: Model}>} */
  views = new Map();
  /**
   * What the reader had done to the view of a cell, which a later run of the cell shows again.
   * @type {Map<string, Kept>}
   */
  keptOfCells = new Map();
  /**
   * The same of models whose front end names no cells, or that follow.
   * @type {WeakMap<Model, Kept>}
   */
  keptOfModels = new WeakMap();

  constructor() {
    // Records come later than their model, and come again: a notebook draws the cells in sight alone.
    new MutationObserver((changes) => {
      for (const change of changes) for (const node of change.addedNodes) this.look(node);
    }).observe(document.body, { childList: true, subtree: true });
  }

  /** @param {globalThis.Node} node */
  look(node) {
    if (!(node instanceof Element)) return;
    /** @type {NodeListOf<HTMLElement>} */
    const records = node.querySelectorAll(".branchcov-record");
    if (node.matches(".branchcov-record")) this.adopt(/** @type {HTMLElement} */ (node));
    for (const record of records) this.adopt(record);
  }

  /** @param {HTMLElement} record */
  adopt(record) {
    const name = [...record.classList].find((each) => each.startsWith("branchcov-record-"));
    const shown = name && this.models.get(name);
    if (!shown || this.views.get(record)?.model === shown.model) return;
    // The same cell gave the same record again: the view of its earlier run has nobody to ask any more.
    this.release(record);
    this.keep();
    const view = viewOf(shown.model, shown.data);
    this.views.set(record, { view, model: shown.model });
    record.style.display = "none";
    record.after(view.root);
    const cell = shown.model.get("cell");
    const kept = cell ? this.keptOfCells.get(cell) : this.keptOfModels.get(shown.model);
    if (kept) view.resume(kept);
  }

  /** Note what the reader has done to each view. */
  keep() {
    for (const { view, model } of this.views.values()) {
      const cell = model.get("cell");
      if (cell) this.keptOfCells.set(cell, view.kept());
      else this.keptOfModels.set(model, view.kept());
    }
  }

  /**
   * Remove a view; its record is seen again.
   * @param {HTMLElement} record
   */
  release(record) {
    const shown = this.views.get(record);
    if (!shown) return;
    this.keep();
    shown.view.remove();
    record.style.removeProperty("display");
    this.views.delete(record);
  }

  /**
   * @param {string} name
   * @param {Shown} shown
   */
  add(name, shown) {
    this.models.set(name, shown);
    this.look(document.body);
  }

  /**
   * @param {string} name
   * @param {Model} model
   */
  remove(name, model) {
    if (this.models.get(name)?.model === model) this.models.delete(name);
    for (const [record, shown] of this.views) if (shown.model === model) this.release(record);
  }
}

/**
 * A model that is not displayed itself draws its view where its record stands, as long as it lives.
 * @param {{model: Model}} context
 * @returns {Promise<(() => void) | undefined>}
 */
async function initialize({ model }) {
  let name = model.get("record");
  if (!name) return undefined;
  // Another widget's copy of this module may have made the page.
  const shared = /** @type {Record<symbol, Page>} */ (/** @type {unknown} */ (window));
  const page = (shared[Symbol.for("ipy_branchcov")] ??= new Page());
  let alive = true;
  const add = async () => {
    const [now, packed] = [model.get("record"), model.get("data")];
    const data = await unpacked(packed);
    if (alive && now === name && packed === model.get("data")) page.add(name, { model, data });
  };
  // A view that follows: the front end puts the new record in the place of the old one.
  model.on("change:data", () => {
    page.remove(name, model);
    name = model.get("record");
    add();
  });
  await add();
  return () => {
    alive = false;
    page.remove(name, model);
  };
}

/**
 * A displayed model hides the record in the output right before its own.
 * @param {{model: Model, el: HTMLElement}} context
 * @returns {Promise<() => void>}
 */
async function render({ model, el }) {
  const view = viewOf(model, await unpacked(model.get("data")));
  el.append(view.root);
  /** @type {HTMLElement | null | undefined} */
  let record;
  const timer = setTimeout(() => {
    record = view.root.closest(".jp-OutputArea-child")?.previousElementSibling?.querySelector(".branchcov-record");
    if (record) record.style.display = "none";
  }, 0);
  return () => {
    clearTimeout(timer);
    view.remove();
    record?.style.removeProperty("display");
  };
}

export default { initialize, render };
