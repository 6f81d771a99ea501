"use strict";
// Pictures are drawn when they come into view, and before the page is printed; tables sort by their headers.
const samgraphDraw = () => {
  const SETTINGS = { displayModeBar: false, responsive: false };
  const plots = [...document.querySelectorAll(".plot")];
  const touch = matchMedia("(pointer: coarse)").matches;
  const escaped = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
  const raw = text => text.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");
  const cut = (text, room) => { // a CJK sign takes the room of two letters
    let used = 0, out = "";
    const whole = raw(String(text));
    for (const sign of whole) {
      used += sign.codePointAt(0) > 0x2e7f ? 2 : 1;
      if (used > room) { out = out.trimEnd() + "…"; break; }
      out += sign;
    }
    return out.replace(/[&<>]/g, sign => escaped[sign]);
  };
  const fitted = (spec, width) => { // what a narrow picture needs: smaller and shorter words
    const small = width < 520;
    const layout = structuredClone(spec.layout), data = structuredClone(spec.data);
    layout.font.size = small ? 11.5 : 13;
    if (small) {
      for (const key of Object.keys(layout)) if (/^[xy]axis/.test(key) && layout[key].title) layout[key].title.font = { size: 11.5 };
      for (const key of Object.keys(layout)) // few ticks; those of categories and given ones stay
        if (/^xaxis/.test(key) && !layout[key].tickvals && layout[key].type !== "category") layout[key].nticks = 4;
      for (const note of layout.annotations ?? []) note.font = { size: 11.5 };
    }
    if (touch) layout.dragmode = false; // a finger scrolls the page
    const names = layout.yaxis && layout.yaxis.ticktext;
    if (names) layout.yaxis.ticktext = names.map(name => cut(name, Math.max(12, Math.floor(width / 17))));
    for (const trace of data)
      if (trace.type === "sankey") {
        // suppliers write into the first 38% of the width; products and customers share the rest
        const room = share => Math.floor((width * share - 24) / (small ? 6.9 : 7.8));
        trace.node.label = trace.node.label.map((name, i) => cut(name, room(trace.node.x[i] < 0.2 ? 0.38 : 0.31)));
      }
    return [data, layout];
  };
  const draw = plot => {
    if (plot.spec) return Promise.resolve();
    plot.spec = JSON.parse(plot.parentElement.querySelector("script").textContent);
    plot.drawnAt = plot.clientWidth;
    return Plotly.newPlot(plot, ...fitted(plot.spec, plot.clientWidth), SETTINGS);
  };
  const refit = (plot, width) => {
    if (!plot.spec || plot.drawnAt === width || width < 50) return;
    plot.drawnAt = width;
    const [data, layout] = fitted(plot.spec, width);
    layout.width = width;
    // a Sankey moves to its new places in time, which a printer does not wait for
    if (data.some(trace => trace.type === "sankey")) Plotly.newPlot(plot, data, layout, SETTINGS);
    else Plotly.react(plot, data, layout);
  };
  const near = new IntersectionObserver(entries => {
    for (const entry of entries)
      if (entry.isIntersecting) { near.unobserve(entry.target); draw(entry.target); }
  }, { rootMargin: "300px" });
  plots.forEach(plot => near.observe(plot));
  const wide = new ResizeObserver(entries => {
    if (!printing) for (const entry of entries) refit(entry.target, Math.floor(entry.contentRect.width));
  });
  plots.forEach(plot => wide.observe(plot));
  let printing = false;
  const PAPER = 660; // pixels between the margins of A4 and of Letter
  const print = on => {
    printing = on;
    plots.forEach(plot => { if (on) draw(plot); refit(plot, on ? PAPER : plot.clientWidth); });
  };
  addEventListener("beforeprint", () => print(true));
  addEventListener("afterprint", () => print(false));
  window.samgraphReady = () => Promise.all(plots.map(draw)); // for those who photograph the page
};
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  if (body.rows.length < 2) continue;
  const value = cell => {
    const number = parseFloat(cell.textContent.replace(/[,<\s]/g, ""));
    return cell.classList.contains("words") || Number.isNaN(number) ? cell.textContent : number;
  };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.textContent = head.textContent;
    head.replaceChildren(button);
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
}
