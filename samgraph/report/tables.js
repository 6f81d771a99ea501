"use strict";
// Tables sort by their headers and are downloaded as CSV.
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  const words = cell => (cell.querySelector("span, button") ?? cell).textContent;
  const titles = heads.map(words);
  const value = cell => {
    const number = parseFloat(cell.textContent.replace(/[,<>\s]/g, ""));
    return cell.classList.contains("words") || Number.isNaN(number) ? cell.textContent : number;
  };
  if (body.rows.length > 1) heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = titles[column];
    head.querySelector("span").replaceWith(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending" && !head.classList.contains("words")
        || head.getAttribute("aria-sort") === "ascending";
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].map(row => [value(row.cells[column]), row]);
      rows.sort(([a], [b]) => {
        if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1; // unknown ones last
        const order = typeof a === "number" ? a - b : a.localeCompare(b);
        return down ? -order : order;
      });
      body.append(...rows.map(([, row]) => row));
    });
  });
  // what a spreadsheet would run is made text, as --format csv does; numbers may begin with a sign
  const safe = text => /^[=+\-@\t\r]/.test(text) && !/^[+-][\d.,]*\d%?$/.test(text) ? `'${text}` : text;
  const quoted = text => /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  const line = cells => cells.map(text => quoted(safe(text))).join(",");
  const about = table.closest(".tabled").querySelector("p");
  const section = table.closest("section");
  const number = [...section.querySelectorAll("table")].indexOf(table) + 1;
  const save = document.createElement("button");
  save.type = "button";
  save.className = "csv";
  save.textContent = "CSV";
  save.setAttribute("aria-label", `Download as CSV: ${about.textContent}`);
  save.addEventListener("click", () => {
    const rows = [...body.rows].filter(row => !row.hidden).map(row => line([...row.cells].map(cell => cell.textContent)));
    const file = new Blob(["\ufeff" + [line(titles), ...rows].join("\r\n") + "\r\n"], { type: "text/csv" });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = `samgraph-${section.id}-${number}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  });
  table.closest(".tabled").prepend(save);
}
