// SPDX-License-Identifier: MIT
// What the pages of a report have beside their HTML: sorting, search, a walk over the misses, keys. Without it all of a
// page can be read, filtered and folded all the same.

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T | null}
 */
function byId(id, type) {
  const found = document.getElementById(id);
  return found instanceof type ? found : null;
}

const search = byId("search", HTMLInputElement);
const status_ = /** @type {HTMLElement | null} */ (document.querySelector(".tools [role=status]"));

/** @param {string} words */
function say(words) {
  if (status_) status_.textContent = words;
}

// --- what is remembered: a choice holds on all pages, where the browser lets a page keep anything

/** @param {string} name @returns {string | null} */
function recall(name) {
  try {
    return localStorage.getItem(`branchcov-${name}`);
  } catch {
    return null;
  }
}

/** @param {string} name @param {string} value */
function keep(name, value) {
  try {
    localStorage.setItem(`branchcov-${name}`, value);
  } catch {
    // then it holds for this page alone
  }
}

for (const name of ["hide-complete", "keys"]) {
  const box = byId(name, HTMLInputElement);
  if (!box) continue;
  const before = recall(name);
  if (before !== null) box.checked = before === "true";
  box.onchange = () => keep(name, String(box.checked));
}
const remembered = byId(`only-${recall("filter") ?? "all"}`, HTMLInputElement);
if (remembered) remembered.checked = true;
for (const radio of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("[name=filter]"))) {
  radio.onchange = () => {
    keep("filter", radio.id.replace("only-", ""));
    if (search?.value) find(search.value);
  };
}
for (const part of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".scripted, .help [hidden]"))) part.hidden = false;

// --- tables

for (const head of /** @type {NodeListOf<HTMLTableCellElement>} */ (document.querySelectorAll(".index th"))) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  button.onclick = () => sort(head);
  head.append(button);
}

/**
 * Sort the table by the column of a heading: up, or down where it is sorted up already.
 * @param {HTMLTableCellElement} head
 */
function sort(head) {
  const body = /** @type {HTMLTableElement} */ (head.closest("table")).tBodies[0];
  const up = head.getAttribute("aria-sort") !== "ascending";
  const rows = [...body.rows].map((row) => ({row, key: key(row, head.cellIndex)}));
  rows.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  for (const other of /** @type {HTMLTableRowElement} */ (head.parentElement).cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const sorted = rows.map((each) => each.row);
  body.append(...(up ? sorted : sorted.reverse()));
}

/**
 * What a row is sorted by.
 * @param {HTMLTableRowElement} row
 * @param {number} column
 * @returns {string | number}
 */
function key(row, column) {
  const cell = row.cells[column];
  const text = cell.dataset.key ?? cell.textContent ?? "";
  return text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text);
}

// --- search: rows of a table, or lines of code, that have all the words

/** @param {string} text */
function find(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = [];
  for (const place of document.querySelectorAll(".index tbody tr, .line")) {
    const code = place.querySelector("code") ?? place;
    const inside = (code.textContent ?? "").toLowerCase();
    const has = words.every((word) => inside.includes(word));
    place.classList.toggle("unfound", !has);
    if (has) found.push(place);
  }
  if (!words.length) return say("");
  // Behind all changes: what is asked between two of them computes the styles of the page anew, for each line.
  say(`${found.filter((place) => place.checkVisibility()).length} found`);
}
if (search) search.oninput = () => find(search.value);

// --- the walk over the misses

let at = -1;

/** The words beside missed places that are in sight. */
function misses() {
  /** @type {HTMLElement[]} */
  const found = [];
  for (const label of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".label"))) {
    if (label.closest(".line")?.checkVisibility()) found.push(label);
  }
  return found;
}

/** @param {number} step 1: the next one, -1: the one before. Behind the last one the next page with misses begins. */
function walk(step) {
  const found = misses();
  const target = at < 0 ? document.querySelector(".line:target") : null;
  // From a line to which a link has led the walk goes on from there.
  const before = (/** @type {HTMLElement} */ label) => target && target.compareDocumentPosition(label) & Node.DOCUMENT_POSITION_PRECEDING;
  if (target) at = found.filter(before).length - (step > 0 ? 1 : 0);
  at = Math.min(at + step, found.length);
  if (at < 0) at = 0;
  if (at >= found.length) {
    const next = /** @type {HTMLAnchorElement | null} */ (document.querySelector("a[rel=branchcov-missed]"));
    if (next) next.click();
    else say(found.length ? "that was the last miss" : "nothing is missed here");
    return;
  }
  const label = found[at];
  const line = /** @type {HTMLElement} */ (label.closest(".line"));
  for (const other of document.querySelectorAll(".line.current")) other.classList.remove("current");
  line.classList.add("current");
  for (let fold = line.closest("details"); fold; fold = fold.parentElement?.closest("details") ?? null) fold.open = true;
  label.tabIndex = -1;
  label.focus({preventScroll: true});
  line.scrollIntoView({block: "center"});
  say(`${at + 1} of ${found.length}: line ${line.querySelector(".at")?.textContent}, ${label.textContent?.trim()}`);
}
byId("next", HTMLButtonElement)?.addEventListener("click", () => walk(1));
byId("previous", HTMLButtonElement)?.addEventListener("click", () => walk(-1));

window.addEventListener("hashchange", () => {
  at = -1;
});
// From the page before: its walk goes on here.
if (location.hash === "#misses") walk(1);

// --- keys

/** @param {string} selector */
function follow(selector) {
  /** @type {HTMLAnchorElement | null} */ (document.querySelector(selector))?.click();
}

function help() {
  const fold = /** @type {HTMLDetailsElement | null} */ (document.querySelector(".help"));
  if (!fold) return;
  fold.open = !fold.open;
  fold.scrollIntoView();
  fold.querySelector("summary")?.focus({preventScroll: true});
}

function unfold() {
  const details = document.querySelector(".line.current details, .line:focus-within details, .line:target details");
  if (details instanceof HTMLDetailsElement) details.open = !details.open;
}

/** @type {Record<string, () => void>} */
const KEYS = {
  n: () => walk(1), j: () => walk(1), p: () => walk(-1), k: () => walk(-1), o: unfold,
  "]": () => follow("a[rel=next]"), "[": () => follow("a[rel=prev]"),
  i: () => follow('a[href="index.html"]'), u: () => follow('a[href="index.html"]'), f: () => follow('a[href="functions.html"]'),
  "/": () => search?.focus(), "?": help,
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target instanceof HTMLInputElement && event.target.type === "search";
  if (typing && event.key === "Escape" && search) {
    search.value = "";
    find("");
    search.blur();
  }
  const action = KEYS[event.key];
  if (typing || !action || !(byId("keys", HTMLInputElement)?.checked ?? true)) return;
  event.preventDefault();
  action();
});

// What is folded is printed, too.
window.addEventListener("beforeprint", () => {
  for (const fold of /** @type {NodeListOf<HTMLDetailsElement>} */ (document.querySelectorAll(".cell, .page"))) fold.open = true;
});
