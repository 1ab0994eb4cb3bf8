"use strict";
(() => {
  for (const section of document.querySelectorAll("[data-keys]")) {
    const body = section.querySelector("tbody");
    const rows = [...body.rows];
    const search = section.querySelector("input");
    const choice = section.querySelector("select");
    const shown = section.querySelector("[role=status]");
    section.querySelector(".controls").hidden = false;

    const filter = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let count = 0;
      for (const row of rows) {
        const text = row.dataset.text;
        const fits = words.every((word) => text.includes(word));
        row.hidden = !fits || (choice.value !== "" && !row.dataset.states.split(" ").includes(choice.value));
        count += row.hidden ? 0 : 1;
      }
      shown.textContent = `${count} of ${rows.length} keys`;
    };
    search.addEventListener("input", filter);
    choice.addEventListener("change", filter);

    const headers = [...section.querySelectorAll("thead th")];
    headers.forEach((header, column) => {
      const button = header.querySelector("button");
      if (button === null) return;
      button.addEventListener("click", () => {
        const rises = header.getAttribute("aria-sort") !== "ascending";
        for (const other of headers) other.removeAttribute("aria-sort");
        header.setAttribute("aria-sort", rises ? "ascending" : "descending");
        const key = (row) => row.cells[column].dataset.sort;
        rows.sort((one, other) => (rises ? 1 : -1) * (key(one) < key(other) ? -1 : key(one) > key(other) ? 1 : 0));
        body.append(...rows);
      });
    });
    filter();
  }
  // A printed page has nothing to open: everything is opened before, and closed again after it.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const fold of opened) fold.open = true;
  });
  addEventListener("afterprint", () => {
    for (const fold of opened) fold.open = false;
  });
})();
