// @ts-check
// The interactive view. State crosses once, as `data`.
//
// A *place* is a mark on its source. In the text it is one or several fragments (nested, and one a line), and it has
// one button, its *handle*, where it ends: the words of a miss, or nothing that is seen. Buttons inside each other
// would mean nothing to a screen reader, so the fragments are plain text, and the pointer may use either.

// All words about outcomes come with the data: `label` beside a place, `words` for it in any state, `sentence` for its
// branch, and `fate` and `duty` of each outcome.

// --- the data: the same types as in widget.py, which has comments on the fields

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
 */

/**
 * @typedef {object} MarkView
 * @property {"missed" | "never-ran" | "covered" | "optional" | "excluded"} state
 * @property {string} label
 * @property {string} words
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
 * @property {string} totals
 * @property {number | null} percent
 * @property {string} note
 * @property {LineView[]} lines
 * @property {MarkView[]} marks
 * @property {TableView[]} tables
 */

/**
 * @typedef {object} ViewData
 * @property {string} totals
 * @property {number | null} percent
 * @property {boolean} missed
 * @property {SourceView[]} sources
 */

/**
 * @typedef {object} ValuesView
 * @property {number} source
 * @property {number} mark
 * @property {string} sentence
 * @property {[string, string][][]} values
 */

// --- types of this module alone

/**
 * A node of a line's tree.
 * @typedef {{mark: number | null, nodes: Node[]} | {tokens: PieceView["tokens"]} | {end: number}} Node
 */

/** A place: the numbers of its source and its mark. @typedef {[source: number, mark: number]} Place */

/** What the reader did to a view. @typedef {{open: string[], missed?: boolean, pin?: string}} Kept */

/**
 * What is used of anywidget's model.
 * @typedef {object} Model
 * @property {{(name: "data"): ViewData, (name: "record"): string}} get
 * @property {{(event: "change:data", changed: () => void): void, (event: "msg:custom", came: (message: Answer) => void): void}} on
 * @property {(event: "msg:custom", came: (message: Answer) => void) => void} off
 * @property {(message: {view: string}) => void} send
 */

/** The values that a view asked for. @typedef {{view: string, values: ValuesView[]}} Answer */


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
 * @returns {string}
 */
export function identity(mark, source) {
  return JSON.stringify([source.name, mark.line, mark.end, mark.kind, mark.text]);
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
 * The next number from `current` (-1: none) where `misses` is true, `step` forward or back, round the end; -1: none.
 * @param {boolean[]} misses
 * @param {number} current
 * @param {number} step
 * @returns {number}
 */
export function walk(misses, current, step) {
  const count = misses.length;
  let at = current < 0 && step < 0 ? 0 : current;
  for (let tried = 0; tried < count; tried += 1) {
    at = (at + step + count) % count;
    if (misses[at]) return at;
  }
  return -1;
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
 * The details of a place: its kind and text, an outcome a row, and the places around it.
 * @param {MarkView} mark
 * @param {SourceView} source
 * @returns {HTMLElement}
 */
function details(mark, source) {
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
      if (outcome.first) firstHit.append("first by ", element("b", "", outcome.first));
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
  [["Esc"], "let go, then back to the cell"],
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
  return list;
}

/** Milliseconds before details follow the pointer: long enough to cross marks, and to reach the details. */
const [SHOW, HIDE] = [150, 250];
/** Rows that are laid out together, and not before they come into sight. */
const BLOCK = 100;
/** Milliseconds of drawing before the page may breathe. */
const SLICE = 50;

/**
 * @param {number} source
 * @param {number} mark
 * @returns {Place}
 */
function place(source, mark) {
  return [source, mark];
}

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
  /** @type {number | undefined} */
  timer;

  /** @param {ViewData} data */
  constructor(data) {
    this.data = data;
    this.id = `branchcov-${Math.random().toString(36).slice(2)}`;
    // All places in reading order.
    this.places = data.sources.flatMap((source, number) => places(source).map((mark) => place(number, mark)));
    this.misses = this.places.map(([source, mark]) => Boolean(data.sources[source].marks[mark].label));
    this.missed = this.misses.filter(Boolean).length;
    this.draw();
    this.listen();
  }

  draw() {
    const { data } = this;
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", `branch coverage: ${data.totals}`);
    this.root.append(this.head());
    data.sources.forEach((source, number) => {
      if (!number) {
        this.root.append(this.note(source), this.code(number));
        return;
      }
      const missed = source.marks.filter((mark) => mark.label).length;
      const summary = element("summary", "", element("b", "", source.name), " ", bar(source.percent), " ");
      summary.append(element("span", "totals", source.totals));
      const folded = element("details", missed ? "" : "whole", summary, this.note(source));
      folded.addEventListener("toggle", () => folded.open && this.code(number));
      this.root.append(folded);
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

  /** @returns {HTMLElement} */
  head() {
    const { data } = this;
    const head = element("div", "head", element("b", "", "branchcov"), bar(data.percent), element("span", "totals", data.totals));
    const tools = element("div", "tools");
    this.status.setAttribute("role", "status");
    tools.append(this.status);
    if (this.missed) {
      this.status.append(this.missed === 1 ? "1 place missed" : `${this.missed} places missed`);
      const previous = button("", "previous miss", "previous miss (p)", "↑");
      const next = button("", "next miss", "next miss (n)", "↓");
      previous.addEventListener("click", () => this.go(-1));
      next.addEventListener("click", () => this.go(1));
      tools.append(element("span", "pair", previous, next));
    }
    if (this.missed || data.missed) {
      const box = element("input");
      box.type = "checkbox";
      box.checked = data.missed;
      box.addEventListener("change", () => this.only(box.checked));
      tools.append(element("label", "", box, "only missed"));
      this.box = box;
    }
    const help = button("help", "what the marks mean", "what the marks and keys mean", "?");
    help.setAttribute("aria-expanded", "false");
    /** @type {HTMLElement | undefined} */
    let explained;
    help.addEventListener("click", () => {
      if (explained) {
        explained.remove();
        explained = undefined;
      } else {
        explained = legend();
        explained.id = `${this.id}-legend`;
        head.after(explained);
      }
      help.setAttribute("aria-expanded", String(Boolean(explained)));
      if (explained) help.setAttribute("aria-controls", explained.id);
      else help.removeAttribute("aria-controls");
    });
    tools.append(help);
    head.append(tools);
    return head;
  }

  /**
   * @param {SourceView} source
   * @returns {HTMLElement | ""}
   */
  note(source) {
    return source.note ? element("p", "note", `note: ${source.note}`) : "";
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
    made.setAttribute("aria-label", `source of ${this.data.sources[number].name}`);
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
    const row = element("div", `row${line.missed ? " missed" : ""}${line.worth ? " worth" : ""}`);
    const shown = element("span", "text");
    // What of a long line goes on below stands further in than its beginning; tabs need a multiple of their width.
    const characters = line.pieces.map((piece) => piece.tokens.map(([each]) => each).join("")).join("");
    const inwards = Math.ceil(indent(characters) / 4) * 4 + 4;
    shown.style.paddingLeft = `${inwards}ch`;
    shown.style.textIndent = `-${inwards}ch`;
    this.nodes(nest(line.pieces), shown, source, number);
    if (line.miss != null) shown.append(this.handle(source, number, line.miss));
    row.append(element("span", "number", String(line.number)), shown);
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
        fragment.dataset.place = `${number}.${node.mark}`;
        const inside = this.nodes(node.nodes, fragment, source, number);
        const quiet = mark.composite || mark.state === "never-ran";
        if (inside && !quiet) fragment.classList.add(`over-${Math.min(inside, 3)}`);
        height = Math.max(height, mark.composite ? inside : quiet ? 1 : inside + 1);
        into.append(fragment);
      } else {
        const { news } = source.marks[node.end];
        if (news) into.append(element("span", "label new", news));
        into.append(this.handle(source, number, node.end));
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
    made.dataset.place = `${number}.${at}`;
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
   * @returns {string}
   */
  identity(key) {
    const [mark, source] = this.mark(key);
    return identity(mark, source);
  }

  /**
   * @param {string} key
   * @returns {NodeListOf<HTMLElement>}
   */
  fragments(key) {
    return this.root.querySelectorAll(`.mark[data-place="${key}"], .handle[data-place="${key}"]`);
  }

  /**
   * @param {string} key
   * @param {string} className
   */
  light(key, className) {
    for (const fragment of this.root.querySelectorAll(`.${className}`)) fragment.classList.remove(className);
    if (key) for (const fragment of this.fragments(key)) fragment.classList.add(className);
  }

  /**
   * @param {Element} handle
   * @returns {boolean}
   */
  visible(handle) {
    return !this.root.classList.contains("only-missed") || rowOf(handle).classList.contains("worth");
  }

  /**
   * One handle of a source is where Tab stops; arrow keys lead to the others.
   * @param {number} number
   * @param {HTMLElement} [chosen]
   */
  stop(number, chosen) {
    /** @type {HTMLElement | null} */
    const current = this.codes[number].querySelector('.handle[tabindex="0"]');
    if (!chosen && current && this.visible(current)) return;
    /** @type {NodeListOf<HTMLElement>} */
    const all = this.codes[number].querySelectorAll(".handle");
    const next = chosen ?? [...all].find((handle) => this.visible(handle));
    if (current) current.tabIndex = -1;
    if (next) next.tabIndex = 0;
  }

  /** @param {boolean} missed */
  only(missed) {
    this.root.classList.toggle("only-missed", missed);
    if (missed && !this.missed) this.status.textContent = "nothing was missed";
    this.codes.forEach((_, number) => this.stop(number));
    if (this.pin && !this.visible(this.drawn(this.pin))) this.unpin();
  }

  /**
   * To the next miss from where the focus is, or was last.
   * @param {1 | -1} step
   */
  go(step) {
    const current = this.places.findIndex((place) => place.join(".") === this.at);
    const found = walk(this.misses, current, step);
    if (found < 0) {
      this.status.textContent = "nothing was missed";
      return;
    }
    const [number] = this.places[found];
    this.whole(number);
    if (number) this.folds[number - 1].open = true;
    const walked = this.misses.slice(0, found + 1).filter(Boolean).length;
    this.status.textContent = `${walked} of ${this.missed} missed`;
    this.focus(this.drawn(this.places[found].join(".")));
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

  /** @param {HTMLElement} handle */
  focus(handle) {
    // TypeScript's library does not know `focusVisible` yet.
    handle.focus(/** @type {FocusOptions} */ ({ preventScroll: true, focusVisible: true }));
    handle.scrollIntoView({ block: "nearest" });
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
    this.pinned.replaceChildren(details(mark, source), close);
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
      if (event.pointerType === "touch") return;
      /** @type {HTMLElement | null} */
      const over = target(event).closest("[data-place]");
      clearTimeout(this.timer);
      if (over) this.timer = setTimeout(() => this.show(keyOf(over), over), this.shown ? SHOW / 3 : SHOW);
      else if (!target(event).closest(".card")) this.timer = setTimeout(() => this.rest(), HIDE);
    });
    root.addEventListener("pointerleave", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.rest(), HIDE);
    });
    root.addEventListener("click", (event) => {
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
    if (event.shiftKey) return;
    /** @type {HTMLElement | null} */
    const handle = target(event).closest(".handle");
    if (event.key === "n" || event.key === "p") this.go(event.key === "n" ? 1 : -1);
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

  /** @returns {HTMLDetailsElement[]} */
  get folds() {
    /** @type {NodeListOf<HTMLDetailsElement>} */
    const found = this.root.querySelectorAll(":scope > details");
    return [...found];
  }

  /**
   * What the reader has done to it, by names that a later view knows too.
   * @returns {Kept}
   */
  kept() {
    const open = this.folds.flatMap((fold, number) => (fold.open ? [this.data.sources[number + 1].name] : []));
    const missed = this.box ? this.box.checked : undefined;
    return { open, missed, pin: this.pin && this.identity(this.pin) };
  }

  /** @param {Kept} kept */
  resume({ open, missed, pin }) {
    this.folds.forEach((fold, number) => {
      if (open.includes(this.data.sources[number + 1].name)) fold.open = true;
    });
    if (this.box && missed !== undefined) {
      this.box.checked = missed;
      this.only(missed);
    }
    const place = pin && this.places.find((each) => this.identity(each.join(".")) === pin);
    if (!place) return;
    this.whole(place[0]);
    if (this.visible(this.drawn(place.join(".")))) this.hold(place.join("."));
  }

  /**
   * Show the values of first hits, too.
   * @param {ValuesView[]} values
   */
  learn(values) {
    for (const each of values) {
      const mark = this.data.sources[each.source].marks[each.mark];
      mark.sentence = each.sentence;
      mark.outcomes.forEach((outcome, number) => (outcome.values = each.values[number]));
    }
    if (this.at) this.sentence.textContent = this.mark(this.at)[0].sentence;
    if (this.shown) this.show(...this.shown);
    if (this.pin) {
      const [mark, source] = this.mark(this.pin);
      this.pinned.querySelector(".details-body")?.replaceWith(details(mark, source));
    }
  }

  /** Called when the view is removed. */
  forget = () => {};

  remove() {
    this.hide();
    this.forget();
    clearTimeout(this.timer);
    this.root.remove();
  }
}

/**
 * The view of a model. It asks the kernel for the values of first hits, which may be secrets: what a model holds can be
 * saved with the notebook, so the view has a copy of the data, and the values stand there alone.
 * @param {Model} model
 * @returns {View}
 */
function viewOf(model) {
  const view = new View(structuredClone(model.get("data")));
  /** @param {Answer} message */
  const came = (message) => {
    if (message.view === view.id) view.learn(message.values);
  };
  model.on("msg:custom", came);
  view.forget = () => model.off("msg:custom", came);
  model.send({ view: view.id });
  return view;
}

// --- the page

/** What stands on this page: the models alive by the name of their record, and the views drawn for each. */
class Page {
  /** @type {Map<string, Model>} */
  models = new Map();
  /** @type {Map<HTMLElement, View>} */
  views = new Map();
  /**
   * What the reader had done to the view of a model that has been drawn again since.
   * @type {WeakMap<Model, Kept>}
   */
  kept = new WeakMap();

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
    const model = name && this.models.get(name);
    if (!model || this.views.has(record)) return;
    const view = viewOf(model);
    this.views.set(record, view);
    record.style.display = "none";
    record.after(view.root);
    const kept = this.kept.get(model);
    if (kept) view.resume(kept);
  }

  /**
   * @param {string} name
   * @param {Model} model
   */
  add(name, model) {
    this.models.set(name, model);
    this.look(document.body);
  }

  /**
   * @param {string} name
   * @param {Model} model
   */
  remove(name, model) {
    if (this.models.get(name) !== model) return;
    this.models.delete(name);
    for (const [record, view] of this.views) {
      if (!record.classList.contains(name)) continue;
      this.kept.set(model, view.kept());
      view.remove();
      record.style.removeProperty("display");
      this.views.delete(record);
    }
  }
}

/**
 * A model that is not displayed itself draws its view where its record stands, as long as it lives.
 * @param {{model: Model}} context
 * @returns {(() => void) | undefined}
 */
function initialize({ model }) {
  let name = model.get("record");
  if (!name) return undefined;
  // Another widget's copy of this module may have made the page.
  const shared = /** @type {Record<symbol, Page>} */ (/** @type {unknown} */ (window));
  const page = (shared[Symbol.for("ipy_branchcov")] ??= new Page());
  page.add(name, model);
  // A view that follows: the front end puts the new record in the place of the old one.
  model.on("change:data", () => {
    page.remove(name, model);
    name = model.get("record");
    page.add(name, model);
  });
  return () => page.remove(name, model);
}

/**
 * A displayed model hides the record in the output right before its own.
 * @param {{model: Model, el: HTMLElement}} context
 * @returns {() => void}
 */
function render({ model, el }) {
  const view = viewOf(model);
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
