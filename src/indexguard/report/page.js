"use strict";
// Adds search, filter, sorting and the switch for the colours. All that it knows it reads from the table.
(() => {
  const root = document.documentElement;
  const theme = document.getElementById("theme");
  const isDark = () => root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  const showTheme = () => theme.setAttribute("aria-pressed", String(isDark()));
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    showTheme();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showTheme);
  showTheme();
  theme.hidden = false;

  const table = document.querySelector(".events");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows, (row) => ({
    row,
    code: row.dataset.code,
    text: row.textContent.toLowerCase(),
    keys: Array.from(row.cells, (cell) => cell.dataset.key || ""),
  }));
  const heads = Array.from(table.tHead.rows[0].cells);
  const controls = document.querySelector(".controls");
  const search = document.getElementById("search");
  const filter = document.getElementById("filter");
  const sort = document.getElementById("sort");
  const shown = document.getElementById("shown");

  const select = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const entry of rows) {
      const fits = (!filter.value || entry.code === filter.value) && words.every((word) => entry.text.includes(word));
      entry.row.hidden = !fits;
      count += fits;
    }
    shown.value = `${count.toLocaleString("en")} of ${rows.length.toLocaleString("en")} shown`;
  };

  // The column's number, and -1 for downwards; what is equal stays newest first, as the page has it.
  const order = (column, direction) => {
    heads.forEach((head, place) => {
      if (place === column) head.setAttribute("aria-sort", direction < 0 ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    const sorted = rows.slice().sort((one, other) => {
      const [a, b] = [one.keys[column], other.keys[column]];
      return a === b ? 0 : (a < b ? -1 : 1) * direction;
    });
    body.append(...sorted.map((entry) => entry.row));
    sort.value = `${column} ${direction}`;
  };

  heads.forEach((head, column) => {
    if (head.dataset.plain !== undefined) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => {
      const current = head.getAttribute("aria-sort");
      order(column, current ? (current === "ascending" ? -1 : 1) : (column === 0 ? -1 : 1));
    });
    head.dataset.words = head.textContent;  // for printing: a browser repeats no button on the next sheet
    head.replaceChildren(button);
  });

  for (const name of document.querySelectorAll("[data-search]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.title = "Search the table for this";
    button.textContent = name.textContent;
    button.addEventListener("click", () => {
      search.value = name.dataset.search;
      filter.value = "";
      select();
      document.getElementById("findings").scrollIntoView();
      search.focus({ preventScroll: true });
    });
    name.replaceChildren(button);
  }

  search.addEventListener("input", select);
  filter.addEventListener("change", select);
  sort.addEventListener("change", () => order(...sort.value.split(" ").map(Number)));
  controls.hidden = false;
  select();
  heads[0].setAttribute("aria-sort", "descending");
})();
