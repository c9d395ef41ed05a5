// Sorts the index by a click on a heading. Without scripts the table is there all the same, most missed outcomes first.

/** @type {NodeListOf<HTMLButtonElement>} */
const buttons = document.querySelectorAll("th button");
for (const button of buttons) button.onclick = () => sort(/** @type {HTMLTableCellElement} */ (button.parentElement));

/**
 * Sort the table by the column of a heading: up, or down where it is sorted up already.
 * @param {HTMLTableCellElement} head
 */
function sort(head) {
  const body = /** @type {HTMLTableElement} */ (head.closest("table")).tBodies[0];
  const up = head.getAttribute("aria-sort") !== "ascending";
  const rows = [...body.rows].sort((a, b) => {
    const [x, y] = [key(a, head.cellIndex), key(b, head.cellIndex)];
    return x < y ? -1 : x > y ? 1 : 0;
  });
  for (const other of /** @type {HTMLTableRowElement} */ (head.parentElement).cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  body.append(...(up ? rows : rows.reverse()));
}

/**
 * What a row is sorted by.
 * @param {HTMLTableRowElement} row
 * @param {number} column
 * @returns {string | number}
 */
function key(row, column) {
  const text = row.cells[column].dataset.key ?? "";
  return Number.isNaN(Number(text)) ? text : Number(text);
}
