// The interactive view. State crosses once, as `data`; see widget.py for its shape.

/** A branch in words: "if: true taken; false never taken (optional: …)". */
export function describe(mark, counted) {
  if (!mark.arms.length) return mark.label;
  const arms = mark.arms.map((arm) => {
    let words = arm.hits ? "taken" : "never taken";
    if (arm.hits && counted) words = arm.hits === 1 ? "taken once" : `taken ${arm.hits} times`;
    if (arm.hits && arm.first) words += `, first by ${arm.first}`;
    if (arm.values?.length) words += ` with ${arm.values.map(([name, value]) => `${name}=${value}`).join(", ")}`;
    if (arm.new) words += ", new";
    if (arm.excluded) words += ", excluded";
    else if (arm.reason) words += ` (optional: ${arm.reason})`;
    return `${arm.name}: ${words}`;
  });
  return `${mark.kind} — ${arms.join("; ")}`;
}

/** The mark that shows on a piece: code that never ran, or else the innermost. */
export function shown(numbers, marks) {
  const dead = numbers.find((number) => marks[number].state === "never-ran");
  return dead ?? numbers[numbers.length - 1];
}

/** The labels to write where pieces end: inside code that never ran, its parts need not say it again. */
export function labels(piece, marks) {
  const ending = piece.ends.filter((number) => marks[number].label);
  const dead = piece.marks.find((number) => marks[number].state === "never-ran");
  return dead === undefined ? ending.reverse() : ending.filter((number) => number === dead);
}

/** What a mark is newly: "new: true", or "" where no arm of it is. */
export function news(mark) {
  const names = mark.arms.filter((arm) => arm.new).map((arm) => arm.name);
  return names.length ? `new: ${names.join(", ")}` : "";
}

/** The number of the miss to go to from `current` (-1: none), `step` forward or back, round the end. */
export function walk(current, step, count) {
  if (!count) return -1;
  return current < 0 ? (step > 0 ? 0 : count - 1) : (current + step + count) % count;
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

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function bar(percent) {
  const made = element("span", "bar");
  made.setAttribute("aria-hidden", "true");
  const full = element("span");
  full.style.width = `${percent ?? 0}%`;
  made.append(full);
  return percent === null ? element("span") : made;
}

function code(source, data, tell) {
  const made = element("div", "code");
  made.setAttribute("role", "group");
  made.setAttribute("aria-label", `source of ${source.name}`);
  for (const line of source.lines) {
    const row = element("div", `row${line.missed ? " missed" : ""}${line.worth ? " worth" : ""}`);
    row.append(element("span", "number", String(line.number)));
    const text = element("span", "text");
    // What of a long line goes on below stands further in than its beginning.
    const inwards = `${indent(line.pieces.map((piece) => piece.tokens.map(([characters]) => characters).join("")).join("")) + 4}ch`;
    text.style.paddingLeft = inwards;
    text.style.textIndent = `-${inwards}`;
    for (const piece of line.pieces) {
      const span = element("span");
      for (const [characters, syntax] of piece.tokens) {
        span.append(element("span", syntax === "number" ? "number-literal" : syntax, characters));
      }
      const number = line.missed ? undefined : shown(piece.marks, source.marks);
      if (number !== undefined) {
        const mark = source.marks[number];
        span.className = `mark ${mark.state}`;
        const words = describe(mark, data.counted);
        span.addEventListener("mouseenter", () => tell(words));
        if (mark.state !== "optional") {
          span.tabIndex = 0;
          span.setAttribute("role", "note");
          span.setAttribute("aria-label", `${span.textContent.trim()}: ${words}`);
          span.addEventListener("focus", () => tell(words));
        }
        if (mark.label) span.dataset.miss = "";
      }
      text.append(span);
      if (!line.missed) {
        for (const each of piece.ends) {
          const words = news(source.marks[each]);
          if (words) text.append(element("span", "label new", words));
        }
        for (const each of labels(piece, source.marks)) {
          text.append(element("span", `label ${source.marks[each].state}`, source.marks[each].label));
        }
      }
    }
    if (line.missed) {
      text.append(element("span", "label never-ran", "never ran"));
      text.dataset.miss = "";
      text.tabIndex = -1;
    }
    row.append(text);
    made.append(row);
  }
  return made;
}

/** The whole view of one model's data. */
function draw(data) {
  const root = element("section", "branchcov-widget");
  root.setAttribute("aria-label", "branch coverage");
  const details = element("div", "details", "Hover or focus a marked place; n and p walk over what was missed.");
  details.setAttribute("aria-live", "polite");
  const tell = (words) => { details.textContent = words; };

  const header = element("header");
  header.append(element("b", "", "branchcov"), bar(data.percent), element("span", "", data.totals));
  const only = element("label");
  const box = element("input");
  box.type = "checkbox";
  box.checked = data.missed;
  only.append(box, " only what was missed");
  const previous = element("button", "", "previous miss");
  const next = element("button", "", "next miss");
  header.append(previous, next, only);
  root.append(header);
  root.classList.toggle("only-missed", data.missed);
  box.addEventListener("change", () => root.classList.toggle("only-missed", box.checked));

  data.sources.forEach((source, number) => {
    let place = root;
    if (number) {
      place = element("details");
      const summary = element("summary");
      summary.append(element("b", "", source.name), bar(source.percent), element("span", "", source.totals));
      place.append(summary);
      root.append(place);
    }
    if (source.note) place.append(element("p", "", `note: ${source.note}`));
    place.append(code(source, data, tell));
  });
  root.append(details);

  let current = -1;
  const go = (step) => {
    const misses = [...root.querySelectorAll("[data-miss]")];
    misses[current]?.classList.remove("current");
    current = walk(current, step, misses.length);
    const target = misses[current];
    if (!target) return tell("Nothing was missed.");
    target.closest("details")?.setAttribute("open", "");
    target.classList.add("current");
    target.focus({ preventScroll: true });
    target.scrollIntoView({ block: "nearest" });
  };
  previous.addEventListener("click", () => go(-1));
  next.addEventListener("click", () => go(1));
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "n" || event.key === "p") {
      event.preventDefault();
      event.stopPropagation();
      go(event.key === "n" ? 1 : -1);
    }
  });

  return root;
}

/** What stands on this page: the models alive by the name of their record, and the views drawn for each. */
class Page {
  models = new Map();
  views = new Map();

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
    const view = draw(model.get("data"));
    this.views.set(record, view);
    record.style.display = "none";
    record.after(view);
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
  const root = draw(model.get("data"));
  el.append(root);
  let record;
  const timer = setTimeout(() => {
    record = root.closest(".jp-OutputArea-child")?.previousElementSibling?.querySelector(".branchcov-record");
    if (record) record.style.display = "none";
  }, 0);
  return () => {
    clearTimeout(timer);
    record?.style.removeProperty("display");
  };
}

export default { initialize, render };
