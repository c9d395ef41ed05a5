// The interactive view. State crosses once, as `data`; see widget.py for its shape.
//
// A *place* is a mark on its source. In the text it is one or several fragments (nested, and one a line), and it has
// one button, its *handle*, where it ends: the words of a miss, or nothing that is seen. Buttons inside each other
// would mean nothing to a screen reader, so the fragments are plain text, and the pointer may use either.

// --- words

/** What the kinds of branches are called; between backticks, words of the language. */
const KINDS = {
  if: "test of `if`",
  while: "test of `while`",
  ifexp: "test of a conditional expression",
  assert: "test of `assert`",
  "comp-if": "filter of a comprehension",
  guard: "guard of a `case`",
  and: "operand of `and`",
  or: "operand of `or`",
  compare: "link of a chained comparison",
  for: "`for` loop",
  "async-for": "`async for` loop",
  "comp-for": "loop of a comprehension",
  "async-comp-for": "async loop of a comprehension",
  except: "handler",
  "except*": "handler of `except*`",
  pattern: "pattern of a `case`",
  with: "`with` block",
  "async-with": "`async with` block",
};

/** What became of an arm: "taken", "taken 3 times", "never taken". */
export function fate(arm, counted) {
  if (!arm.hits) return "never taken";
  if (!counted) return "taken";
  return arm.hits === 1 ? "taken once" : `taken ${arm.hits} times`;
}

/** Whether an arm counts: "required", "optional: …", "excluded". */
export function duty(arm) {
  if (arm.excluded) return "excluded";
  return arm.reason || !arm.required ? `optional${arm.reason ? `: ${arm.reason}` : ""}` : "required";
}

/** A branch in a sentence: "if — true: taken; false: never taken (optional: …)". */
export function describe(mark, counted) {
  if (!mark.arms.length) return mark.label;
  const arms = mark.arms.map((arm) => {
    let words = fate(arm, counted);
    if (arm.hits && arm.first) words += `, first by ${arm.first}`;
    if (arm.values?.length) words += ` with ${arm.values.map(([name, value]) => `${name}=${value}`).join(", ")}`;
    if (arm.new) words += ", new";
    const counts = duty(arm);
    if (counts === "excluded") words += ", excluded";
    else if (counts !== "required") words += ` (${counts})`;
    return `${arm.name}: ${words}`;
  });
  return `${mark.kind} — ${arms.join("; ")}`;
}

/** The text that a place is called by: its own, or its lines. */
export function called(mark) {
  if (mark.text) return mark.text;
  return mark.line === mark.end ? `line ${mark.line}` : `lines ${mark.line} to ${mark.end}`;
}

/** The name of a place's handle: "x > 0: never true". */
export function name(mark) {
  const quiet = {
    taken: "all arms taken",
    optional: mark.composite ? "counted by its operands" : "optional",
    excluded: "excluded",
    "never-ran": "never ran",
  };
  return `${called(mark)}: ${mark.label || quiet[mark.state]}`;
}

/** What a place is known by in a later view of the same sources, where numbers can be others. */
export function identity(mark, source) {
  return JSON.stringify([source.name, mark.line, mark.end, mark.kind, mark.text]);
}

/** What a mark is newly: "new: true", or "" where no arm of it is. */
export function news(mark) {
  const names = mark.arms.filter((arm) => arm.new).map((arm) => arm.name);
  return names.length ? `new: ${names.join(", ")}` : "";
}

// --- order and nesting

/** A source's places in the order in which their ends are read. */
export function places(source) {
  return source.lines.flatMap((line) => [
    ...line.pieces.flatMap((piece) => [...piece.ends].reverse()),
    ...(line.miss == null ? [] : [line.miss]),
  ]);
}

/**
 * A line's pieces as a tree: `{mark, nodes}` around what it covers, `{tokens}` for text, `{end: mark}` where one is over.
 * Marks that overlap (the links of a chain share an operand) are cut: the later one goes on in a second node.
 */
export function nest(pieces) {
  const root = { mark: null, nodes: [] };
  const open = [root];
  const add = (node) => open[open.length - 1].nodes.push(node);
  for (const piece of pieces) {
    let depth = 1;
    while (depth < open.length && open[depth].mark === piece.marks[depth - 1]) depth += 1;
    open.length = depth;
    for (const mark of piece.marks.slice(depth - 1)) {
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

/** The next number from `current` (-1: none) where `misses` is true, `step` forward or back, round the end; -1: none. */
export function walk(misses, current, step) {
  const count = misses.length;
  let at = current < 0 && step < 0 ? 0 : current;
  for (let tried = 0; tried < count; tried += 1) {
    at = (at + step + count) % count;
    if (misses[at]) return at;
  }
  return -1;
}

/** The columns of white space that a line begins with; tabs go to the next fourth. */
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

/** A text cut so that words written from right to left stand in pieces of their own: [text, whether it is one]. */
export function turned(text) {
  if (!TURNS.test(text)) return [[text, false]];
  return text.split(/([\p{L}\p{M}\p{N}_]+)/u).filter(Boolean).map((part) => [part, TURNS.test(part)]);
}

// --- drawing

function element(tag, className, ...content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

function button(className, label, title, text) {
  const made = element("button", className, text);
  made.type = "button";
  made.title = title;
  made.setAttribute("aria-label", label);
  return made;
}

function bar(percent) {
  if (percent === null) return "";
  const full = element("span");
  full.style.width = `${percent}%`;
  const made = element("span", "bar", full);
  made.setAttribute("aria-hidden", "true");
  return made;
}

function glyph(character) {
  const made = element("span", "glyph", character);
  made.setAttribute("aria-hidden", "true");
  return made;
}

function text(tokens, into) {
  for (const [characters, syntax] of tokens) {
    const place = syntax ? element("span", syntax === "number" ? "number-literal" : syntax) : into;
    for (const [part, isTurned] of turned(characters)) place.append(isTurned ? element("bdi", "", part) : part);
    if (syntax) into.append(place);
  }
}

function kind(mark) {
  const parts = (KINDS[mark.kind] ?? mark.kind).split("`");
  return element("span", "kind", ...parts.map((part, odd) => (odd % 2 ? element("span", "snippet", part) : part)));
}

/** What is told of a place: its kind and text, an arm a row, and the places around it. */
function details(mark, source, counted) {
  const made = element("div", `details-body ${mark.state}`);
  const head = element("div", "what");
  if (mark.kind) head.append(kind(mark), ": ");
  head.append(element("b", mark.text ? "snippet" : "", called(mark)));
  if (!mark.arms.length) head.append(" never ran");
  if (mark.composite) head.append(" — counted by its operands");
  made.append(head);
  if (mark.arms.length) {
    const rows = mark.arms.map((arm) => {
      const counts = duty(arm);
      const state = arm.hits ? "taken" : counts === "required" ? "missed" : "optional";
      const taker = element("td", "taker");
      if (arm.first) taker.append("first by ", element("b", "", arm.first));
      if (arm.values.length) {
        const values = arm.values.map(([each, value]) => element("span", "value", `${each}=${value}`));
        taker.append(" with ", ...values.flatMap((value, number) => (number ? [" ", value] : [value])));
      }
      const head = element("th", "arm", arm.name);
      head.scope = "row";
      const told = element("td", "fate", glyph(arm.hits ? "✓" : counts === "required" ? "✗" : "–"), fate(arm, counted));
      if (arm.new) told.append(" ", element("span", "label new", "new"));
      return element("tr", state, head, told, element("td", "duty", mark.composite ? "" : counts), taker);
    });
    const heads = ["arm", "taken", "counts", "first taker"].map((words) => {
      const head = element("th", "", words);
      head.scope = "col";
      return head;
    });
    made.append(
      element("table", "arms", element("thead", "unseen", element("tr", "", ...heads)), element("tbody", "", ...rows)),
    );
  }
  for (const number of mark.within) {
    const other = source.marks[number];
    const arms = other.arms.flatMap((arm, each) => [each ? ", " : "", `${arm.name} ${fate(arm, counted)}`]);
    made.append(
      element("div", "around", mark.composite || other.composite ? "part of the " : "inside the ", kind(other), ": ",
        element("span", "snippet", other.text), " — ", ...arms),
    );
  }
  return made;
}

const LEGEND = [
  ["missed", "never true", "one outcome never came"],
  ["never-ran", "never ran", "code that never ran"],
  ["taken", "", "every outcome came"],
  ["optional", "", "not counted: optional, excluded"],
];
const KEYS = [
  [["n", "p"], "next and previous miss"],
  [["←", "→"], "the conditions one by one"],
  [["Enter"], "pin the details, or let go"],
  [["Esc"], "let go, then back to the cell"],
];

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

/** The whole view of one model's data. */
class View {
  constructor(data) {
    this.data = data;
    this.id = `branchcov-${Math.random().toString(36).slice(2)}`;
    this.handles = new Map();
    this.codes = [];
    this.blocks = [];
    // All places in reading order, as [source, mark].
    this.places = data.sources.flatMap((source, number) => places(source).map((mark) => [number, mark]));
    this.misses = this.places.map(([source, mark]) => Boolean(data.sources[source].marks[mark].label));
    this.missed = this.misses.filter(Boolean).length;
    this.draw();
    this.listen();
  }

  draw() {
    const { data } = this;
    this.root = element("div", "branchcov-widget");
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
    this.card = element("div", "details card");
    this.card.popover = "manual";
    this.pinned = element("div", "details pinned");
    this.pinned.id = `${this.id}-pinned`;
    this.pinned.setAttribute("role", "group");
    this.pinned.setAttribute("aria-label", "details");
    this.sentence = element("span");
    this.sentence.id = `${this.id}-sentence`;
    this.sentence.hidden = true;
    this.root.append(this.card, this.sentence);
    this.only(data.missed);
  }

  head() {
    const { data } = this;
    const head = element("div", "head", element("b", "", "branchcov"), bar(data.percent), element("span", "totals", data.totals));
    const tools = element("div", "tools");
    this.status = element("span", "status");
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
      this.box = element("input");
      this.box.type = "checkbox";
      this.box.checked = data.missed;
      this.box.addEventListener("change", () => this.only(this.box.checked));
      tools.append(element("label", "", this.box, "only missed"));
    }
    const help = button("help", "what the marks mean", "what the marks and keys mean", "?");
    help.setAttribute("aria-expanded", "false");
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

  note(source) {
    return source.note ? element("p", "note", `note: ${source.note}`) : "";
  }

  /** The text of a source, drawn when it is first asked for: its beginning now, the rest bit by bit. */
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
      while (!blocks.next().done) if (performance.now() > until) return setTimeout(more);
    };
    if (!blocks.next().done) setTimeout(more);
    return made;
  }

  *drawing(number) {
    const source = this.data.sources[number];
    for (let first = 0; first < source.lines.length; first += BLOCK) {
      const rows = source.lines.slice(first, first + BLOCK).map((line) => this.row(line, source, number));
      this.codes[number].append(element("div", "block", ...rows));
      this.stop(number);
      yield;
    }
  }

  /** Draws what of a source is not drawn yet. */
  whole(number) {
    this.code(number);
    while (!this.blocks[number].next().done);
  }

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

  /** Draws nodes into a place; how many underlines lie in each other there. */
  nodes(nodes, into, source, number) {
    let height = 0;
    for (const node of nodes) {
      if (node.tokens) text(node.tokens, into);
      else if (node.nodes) {
        const mark = source.marks[node.mark];
        const fragment = element("span", `mark ${mark.composite ? "composite" : mark.state}`);
        fragment.dataset.place = `${number}.${node.mark}`;
        const inside = this.nodes(node.nodes, fragment, source, number);
        const quiet = mark.composite || mark.state === "never-ran";
        if (inside && !quiet) fragment.classList.add(`over-${Math.min(inside, 3)}`);
        height = Math.max(height, mark.composite ? inside : quiet ? 1 : inside + 1);
        into.append(fragment);
      } else {
        const words = news(source.marks[node.end]);
        if (words) into.append(element("span", "label new", words));
        into.append(this.handle(source, number, node.end));
      }
    }
    return height;
  }

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
    this.handles.set(made.dataset.place, made);
    return made;
  }

  // --- places

  mark(key) {
    const [source, mark] = key.split(".");
    return [this.data.sources[source].marks[mark], this.data.sources[source], Number(source)];
  }

  fragments(key) {
    return this.root.querySelectorAll(`.mark[data-place="${key}"], .handle[data-place="${key}"]`);
  }

  light(key, className) {
    for (const fragment of this.root.querySelectorAll(`.${className}`)) fragment.classList.remove(className);
    if (key) for (const fragment of this.fragments(key)) fragment.classList.add(className);
  }

  visible(handle) {
    return !this.root.classList.contains("only-missed") || handle.closest(".row").classList.contains("worth");
  }

  /** One handle of a source is where Tab stops; arrow keys lead to the others. */
  stop(number, chosen) {
    const current = this.codes[number].querySelector('.handle[tabindex="0"]');
    if (!chosen && current && this.visible(current)) return;
    const next = chosen ?? [...this.codes[number].querySelectorAll(".handle")].find((handle) => this.visible(handle));
    if (current) current.tabIndex = -1;
    if (next) next.tabIndex = 0;
  }

  only(missed) {
    this.root.classList.toggle("only-missed", missed);
    if (missed && !this.missed) this.status.textContent = "nothing was missed";
    this.codes.forEach((_, number) => this.stop(number));
    if (this.pin && !this.visible(this.handles.get(this.pin))) this.unpin();
  }

  /** To the next miss from where the focus is, or was last. */
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
    this.focus(this.handles.get(this.places[found].join(".")));
  }

  /** To another handle of the same source. */
  step(handle, key) {
    this.whole(this.mark(handle.dataset.place)[2]);
    const all = [...handle.closest(".code").querySelectorAll(".handle")].filter((each) => this.visible(each));
    const at = all.indexOf(handle);
    const lines = all.map((each) => each.closest(".row"));
    const to = {
      ArrowRight: at + 1,
      ArrowLeft: at - 1,
      ArrowDown: lines.findIndex((row, each) => each > at && row !== lines[at]),
      ArrowUp: lines.indexOf(lines[lines.indexOf(lines[at]) - 1]),
      Home: 0,
      End: all.length - 1,
    }[key];
    if (all[to]) this.focus(all[to]);
  }

  focus(handle) {
    handle.focus({ preventScroll: true, focusVisible: true });
    handle.scrollIntoView({ block: "nearest" });
  }

  // --- details

  /** Beside a place, above all else, as long as the pointer or the focus is there. */
  show(key, anchor) {
    clearTimeout(this.timer);
    if (key === this.pin || !this.card.showPopover) return this.hide();
    const [mark, source] = this.mark(key);
    this.shown = [key, anchor];
    this.card.replaceChildren(details(mark, source, this.data.counted));
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
  escaped = (event) => {
    if (event.key === "Escape" && !this.root.contains(document.activeElement)) this.hide();
  };

  /** Below its line, moving the text, until it is let go. */
  hold(key) {
    this.hide();
    this.unpin();
    const [mark, source] = this.mark(key);
    const handle = this.handles.get(key);
    const close = button("close", "close details", "close (Esc)", "×");
    close.addEventListener("click", () => {
      this.unpin();
      this.focus(handle);
    });
    this.pinned.replaceChildren(details(mark, source, this.data.counted), close);
    handle.closest(".row").after(this.pinned);
    handle.setAttribute("aria-expanded", "true");
    handle.setAttribute("aria-controls", this.pinned.id);
    this.light(key, "held");
    this.pin = key;
  }

  toggle(key) {
    if (key === this.pin) this.unpin();
    else this.hold(key);
  }

  unpin() {
    if (!this.pin) return;
    const handle = this.handles.get(this.pin);
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
      const over = event.target.closest("[data-place]");
      clearTimeout(this.timer);
      if (over) this.timer = setTimeout(() => this.show(over.dataset.place, over), this.shown ? SHOW / 3 : SHOW);
      else if (!event.target.closest(".card")) this.timer = setTimeout(() => this.rest(), HIDE);
    });
    root.addEventListener("pointerleave", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.rest(), HIDE);
    });
    root.addEventListener("click", (event) => {
      const place = event.target.closest("[data-place]");
      // Text that was selected was not clicked at.
      if (!place || (!place.matches(".handle") && String(getSelection()))) return;
      this.toggle(place.dataset.place);
      this.handles.get(place.dataset.place).focus({ preventScroll: true });
    });
    root.addEventListener("focusin", (event) => {
      if (!event.target.matches(".handle")) return;
      const key = event.target.dataset.place;
      const [mark, , number] = this.mark(key);
      this.at = key;
      this.sentence.textContent = describe(mark, this.data.counted);
      this.stop(number, event.target);
      this.light(key, "current");
      if (this.pin && this.pin !== key && event.target.matches(":focus-visible")) this.hold(key);
      else if (event.target.matches(":focus-visible")) this.show(key, event.target);
    });
    root.addEventListener("focusout", (event) => {
      if (!event.target.matches(".handle")) return;
      this.light("", "current");
      this.hide();
    });
    root.addEventListener("keydown", (event) => this.key(event));
  }

  /** The pointer is nowhere: what the focus is on is told again. */
  rest() {
    const focused = document.activeElement;
    const keeps = this.root.contains(focused) && focused.matches(".handle:focus-visible");
    if (keeps && this.shown?.[1] !== focused) this.show(focused.dataset.place, focused);
    else if (!keeps) this.hide();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    // Around us, single keys are commands: "d d" would delete the cell. Running it stays possible.
    if (event.key !== "Tab" && !(event.key === "Enter" && event.shiftKey)) event.stopPropagation();
    if (event.shiftKey) return;
    const handle = event.target.closest(".handle");
    if (event.key === "n" || event.key === "p") this.go(event.key === "n" ? 1 : -1);
    else if (event.key === "Escape") this.escape();
    else if (handle && (event.key === "Enter" || event.key === " ")) this.toggle(handle.dataset.place);
    else if (handle && /^(Arrow|Home|End)/.test(event.key)) this.step(handle, event.key);
    else return;
    event.preventDefault();
  }

  escape() {
    if (this.shown) this.hide();
    else if (this.pin) {
      const handle = this.handles.get(this.pin);
      this.unpin();
      handle.focus({ preventScroll: true });
    } else this.root.parentElement?.closest("[tabindex]")?.focus({ preventScroll: true });
  }

  // --- a view that follows is drawn anew

  get folds() {
    return [...this.root.querySelectorAll(":scope > details")];
  }

  /** What the reader has done to it, by names that a later view knows too. */
  kept() {
    const open = this.folds.flatMap((fold, number) => (fold.open ? [this.data.sources[number + 1].name] : []));
    const missed = this.box ? this.box.checked : undefined;
    return { open, missed, pin: this.pin && identity(...this.mark(this.pin)) };
  }

  resume({ open, missed, pin }) {
    this.folds.forEach((fold, number) => {
      if (open.includes(this.data.sources[number + 1].name)) fold.open = true;
    });
    if (this.box && missed !== undefined) {
      this.box.checked = missed;
      this.only(missed);
    }
    const place = pin && this.places.find((each) => identity(...this.mark(each.join("."))) === pin);
    if (!place) return;
    this.whole(place[0]);
    if (this.visible(this.handles.get(place.join(".")))) this.hold(place.join("."));
  }

  remove() {
    this.hide();
    clearTimeout(this.timer);
    this.root.remove();
  }
}

// --- the page

/** What stands on this page: the models alive by the name of their record, and the views drawn for each. */
class Page {
  models = new Map();
  views = new Map();
  /** What the reader had done to the view of a model that has been drawn anew since. */
  kept = new WeakMap();

  constructor() {
    // Records come later than their model, and come again: a notebook draws the cells in sight alone.
    new MutationObserver((changes) => {
      for (const change of changes) for (const node of change.addedNodes) this.look(node);
    }).observe(document.body, { childList: true, subtree: true });
  }

  look(node) {
    if (!(node instanceof Element)) return;
    if (node.matches(".branchcov-record")) this.adopt(node);
    for (const record of node.querySelectorAll(".branchcov-record")) this.adopt(record);
  }

  adopt(record) {
    const name = [...record.classList].find((each) => each.startsWith("branchcov-record-"));
    const model = this.models.get(name);
    if (!model || this.views.has(record)) return;
    const view = new View(model.get("data"));
    this.views.set(record, view);
    record.style.display = "none";
    record.after(view.root);
    if (this.kept.has(model)) view.resume(this.kept.get(model));
  }

  add(name, model) {
    this.models.set(name, model);
    this.look(document.body);
  }

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

/** A model that is not displayed itself draws its view where its record stands, as long as it lives. */
function initialize({ model }) {
  let name = model.get("record");
  if (!name) return;
  const page = (window[Symbol.for("ipy_branchcov")] ??= new Page());
  page.add(name, model);
  // A view that follows: the front end puts the new record in the place of the old one.
  model.on("change:data", () => {
    page.remove(name, model);
    name = model.get("record");
    page.add(name, model);
  });
  return () => page.remove(name, model);
}

/** A displayed model hides the record in the output right before its own. */
function render({ model, el }) {
  const view = new View(model.get("data"));
  el.append(view.root);
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
