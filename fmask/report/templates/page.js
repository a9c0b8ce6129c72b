"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const confidence = document.forms.confidence;
  const filter = document.forms.filter;

  const value = (row, column) => {
    const text = row.cells[column].dataset.value ?? "";
    return text === "" ? null : text;
  };

  // Compare numbers by value and other text alphabetically; missing values come last in both directions.
  const compare = (one, other, direction) => {
    if (one === null || other === null) return (one === null) - (other === null);
    const numbers = [Number(one), Number(other)];
    if (!numbers.some(Number.isNaN)) return direction * (numbers[0] - numbers[1]);
    return direction * one.localeCompare(other, undefined, { numeric: true });
  };

  const sort = (header) => {
    const descending = header.getAttribute("aria-sort") === "ascending";
    for (const each of header.parentElement.cells) each.setAttribute("aria-sort", "none");
    header.setAttribute("aria-sort", descending ? "descending" : "ascending");
    for (const body of header.closest("table").tBodies) {
      const rows = [...body.rows];
      rows.sort((a, b) => compare(value(a, header.cellIndex), value(b, header.cellIndex), descending ? -1 : 1));
      body.append(...rows);
    }
  };

  const choose = () => {
    const chosen = confidence.elements.at.value;
    for (const each of all("[data-at]")) each.hidden = each.dataset.at !== chosen;
  };

  const fits = (row) => {
    const { low, high } = filter.elements;
    const kind = filter.elements.class.value;
    const score = row.dataset.score === "" ? null : Number(row.dataset.score);
    const inRange = (low.value === "" || (score !== null && score >= Number(low.value)))
      && (high.value === "" || (score !== null && score <= Number(high.value)));
    const outcomes = all("[name=outcome]:checked", filter).map((box) => box.value);
    return inRange && outcomes.includes(row.dataset.outcome) && (kind === "" || row.dataset.classes.split("\n").includes(kind));
  };

  const narrow = () => {
    const body = document.querySelector("#objects tbody:not([hidden])");
    const rows = [...body.rows];
    for (const row of rows) row.hidden = !fits(row);
    const shown = rows.filter((row) => !row.hidden);
    const everything = shown.length === rows.length;
    const photos = new Set(shown.map((row) => row.dataset.photo));
    for (const photo of all("article")) photo.hidden = !everything && !photos.has(photo.dataset.photo);
    filter.querySelector("output").textContent = everything ? `all ${rows.length}` : `${shown.length} of ${rows.length}`;
    const none = document.querySelector(".none");
    if (none) none.hidden = all("article:not([hidden])").length > 0;
  };

  for (const button of all(".sortable th button")) button.addEventListener("click", () => sort(button.parentElement));
  if (!confidence) return;
  confidence.addEventListener("change", () => { choose(); narrow(); });
  filter.addEventListener("input", narrow);
  filter.addEventListener("reset", () => setTimeout(narrow));
  for (const form of [confidence, filter]) form.addEventListener("submit", (event) => event.preventDefault());
  choose();  // browsers keep the chosen confidence when the page is reloaded
  narrow();
})();
