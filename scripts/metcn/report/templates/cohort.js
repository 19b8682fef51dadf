"use strict";
const table = document.getElementById("samples");
const heads = [...table.tHead.rows[0].cells];
// Missing values, empty or shown as a dash, stand last in both directions.
const value = (row, at) => {
  const text = row.cells[at].dataset.value ?? row.cells[at].textContent.trim();
  return text === "–" ? "" : text;
};
const rows = [...table.tBodies[0].rows];
heads.forEach((head, at) => head.firstElementChild.addEventListener("click", () => {
  const down = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  heads.forEach(other => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", down === 1 ? "ascending" : "descending");
  const keys = new Map(rows.map(row => [row, value(row, at)]));
  const order = new Intl.Collator("en", {numeric: true});
  const compare = (a, b) => {
    const x = keys.get(a), y = keys.get(b);
    if (x === "" || y === "") return (x === "") - (y === "");
    return down * (isNaN(x) || isNaN(y) ? order.compare(x, y) : x - y);
  };
  table.tBodies[0].append(...rows.sort(compare));
}));

const search = document.getElementById("search"), kind = document.getElementById("kind"), shown = document.getElementById("shown");
const texts = new Map(rows.map(row => [row, row.textContent.toLowerCase()]));
const filter = () => {
  const wanted = search.value.toLowerCase();
  let count = 0;
  for (const row of rows) {
    row.hidden = !(texts.get(row).includes(wanted) && (!kind.value || row.dataset.call === kind.value));
    count += !row.hidden;
  }
  shown.textContent = `${count} of ${rows.length} shown`;
};
search.addEventListener("input", filter);
kind.addEventListener("change", filter);
document.getElementById("tools").hidden = false;
filter();
