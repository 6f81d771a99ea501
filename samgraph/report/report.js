"use strict";
// Pictures are drawn when they come into view, and before the page is printed; a filter says what they show.
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
  // What is shown: days as ISO texts, and the portfolios that are hidden.
  const form = document.querySelector(".filter form");
  const shown = { from: "", to: "9999", hidden: new Set() };
  const KINDS = { f8: Float64Array, f4: Float32Array, i4: Int32Array, i2: Int16Array, i1: Int8Array, u1: Uint8Array,
    u2: Uint16Array, u4: Uint32Array };
  const listed = values => { // plotly for Python packs numbers in base64
    if (!values?.bdata) return values ?? [];
    const bytes = Uint8Array.from(atob(values.bdata), sign => sign.charCodeAt(0));
    return [...new KINDS[values.dtype](bytes.buffer)];
  };
  const filtered = spec => {
    const time = spec.layout.meta?.time;
    const narrowed = shown.from || shown.to !== "9999";
    if (!shown.hidden.size && !(time && narrowed)) return spec;
    const data = spec.data.map(given => {
      const trace = structuredClone(given);
      if (shown.hidden.has(trace.meta?.variant) || (narrowed && trace.meta?.whole)) trace.visible = false;
      if (!time || !narrowed || !trace.x) return trace;
      const days = listed(trace.x), values = listed(trace.y);
      const keep = days.map((day, at) => at).filter(at => days[at].slice(0, 10) >= shown.from && days[at].slice(0, 10) <= shown.to);
      const base = time === "cumulated" && keep[0] > 0 ? values[keep[0] - 1] : 0;
      trace.x = keep.map(at => days[at]);
      trace.y = keep.map(at => values[at] - base);
      if (trace.customdata) { const told = listed(trace.customdata); trace.customdata = keep.map(at => told[at]); }
      if (Array.isArray(trace.marker?.color)) trace.marker.color = keep.map(at => given.marker.color[at]);
      return trace;
    });
    return { layout: spec.layout, data };
  };
  const settled = plot => {
    const [data, layout] = fitted(filtered(plot.spec), plot.drawnAt);
    if (plot.level && data[0].type === "treemap") data[0].level = plot.level;
    return [data, layout];
  };
  // A treemap's way back: a button as large as a finger.
  const climb = plot => {
    const tree = plot.spec.data[0], button = plot.parentElement.querySelector("button.up");
    if (tree.type !== "treemap" || !button) return;
    const parent = new Map(tree.ids.map((id, at) => [id, tree.parents[at]]));
    const label = new Map(tree.ids.map((id, at) => [id, tree.labels[at]]));
    const at = level => {
      plot.level = level;
      const above = parent.get(level);
      button.hidden = !above;
      if (above) button.textContent = `← ${raw(label.get(above))}`;
    };
    plot.on("plotly_treemapclick", event => { if (event.nextLevel !== undefined) at(event.nextLevel); });
    button.addEventListener("click", () => {
      at(parent.get(plot.level));
      Plotly.react(plot, ...settled(plot));
    });
  };
  const draw = plot => {
    if (plot.spec) return Promise.resolve();
    plot.spec = JSON.parse(plot.parentElement.querySelector("script").textContent);
    plot.drawnAt = plot.clientWidth;
    return Plotly.newPlot(plot, ...settled(plot), SETTINGS).then(() => climb(plot));
  };
  const refit = (plot, width) => {
    if (!plot.spec || plot.drawnAt === width || width < 50) return;
    plot.drawnAt = width;
    const [data, layout] = settled(plot);
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
  const folded = [...document.querySelectorAll("details:has(table)")]; // tables are printed, folded or not
  let closed = [];
  const print = on => {
    printing = on;
    if (on) closed = folded.filter(fold => !fold.open);
    closed.forEach(fold => { fold.open = on; });
    plots.forEach(plot => { if (on) draw(plot); refit(plot, on ? PAPER : plot.clientWidth); });
  };
  addEventListener("beforeprint", () => print(true));
  addEventListener("afterprint", () => print(false));
  if (form) {
    const note = form.querySelector("[role=status]");
    const apply = () => {
      const [from, to] = [form.elements.from, form.elements.to];
      shown.from = from.value > from.defaultValue ? from.value : "";
      shown.to = to.value && to.value < to.defaultValue ? to.value : "9999";
      const boxes = [...form.querySelectorAll("[name=variant]")];
      shown.hidden = new Set(boxes.filter(box => !box.checked).map(box => box.value));
      for (const row of document.querySelectorAll("tr[data-variant]")) row.hidden = shown.hidden.has(row.dataset.variant);
      plots.filter(plot => plot.spec).forEach(plot => Plotly.react(plot, ...settled(plot)));
      const days = shown.from || shown.to !== "9999";
      note.textContent = days ? "Curves and bars over time show these days, cumulated ones from zero. Figures, tables and "
        + "tests are those of the whole period." : "";
    };
    form.addEventListener("input", apply);
    form.addEventListener("reset", () => setTimeout(apply));
    form.addEventListener("submit", event => event.preventDefault());
    form.closest("details").hidden = false;
  }
  // the contents say where one is
  const links = new Map([...document.querySelectorAll("nav a")].map(link => [link.hash.slice(1), link]));
  const here = new IntersectionObserver(entries => {
    for (const entry of entries) links.get(entry.target.id)?.toggleAttribute("aria-current", entry.isIntersecting);
  }, { rootMargin: "-15% 0px -80% 0px" });
  document.querySelectorAll("main > section").forEach(section => here.observe(section));
  window.samgraphReady = () => Promise.all(plots.map(draw)); // for those who photograph the page
};
