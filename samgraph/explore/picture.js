// A chain as a picture on a canvas: columns of cards, inputs on the left. Only what is in view is drawn, so that
// thousands of cards can be moved about. It reads no address and stores nothing: a page or a notebook gives the data.
//
// data.nodes: {id, name, kind, column, level, value, companies, start, opened, ends, hidden, note}
// data.links: {from, to, weight, held}

const CARD = 196, HIGH = 42, GAP = 12, BETWEEN = 130, MOST_ROWS = 40, READABLE = 0.85;
// Twelve steps of viridis, the taxonomy's levels from the root down; index 0 stands for no level.
const LEVELS = ['#8d99ae', '#440154', '#482173', '#433e85', '#38588c', '#2d708e', '#25858e', '#1e9b8a', '#2ab07f', '#52c569', '#86d549', '#c2df23', '#fde725'];

export const levelColour = level => LEVELS[Math.min(Math.max(level, 0), LEVELS.length - 1)];

// Places of cards: a column in the order of what its cards are linked to, wrapped where it is long.
export function layout(data) {
  const columns = new Map();
  for (const node of data.nodes) columns.set(node.column, [...(columns.get(node.column) ?? []), node]);
  const row = new Map(), linked = new Map();
  for (const link of data.links) for (const [a, b] of [[link.from, link.to], [link.to, link.from]]) linked.set(a, [...(linked.get(a) ?? []), b]);
  const order = [...columns.keys()].sort((a, b) => Math.abs(a) - Math.abs(b) || a - b);
  for (const key of order) {
    const mean = node => {
      const rows = (linked.get(node.id) ?? []).filter(id => row.has(id)).map(id => row.get(id));
      return rows.length ? rows.reduce((a, b) => a + b) / rows.length : Infinity;
    };
    const placed = columns.get(key).map(node => [mean(node), node]).sort(([a, one], [b, two]) => (a === b ? 0 : a - b) || two.value - one.value || (one.id < two.id ? -1 : 1));
    placed.forEach(([, node], at) => row.set(node.id, at / placed.length));
    columns.set(key, placed.map(([, node]) => node));
  }
  const places = new Map();
  const strips = key => Math.ceil(columns.get(key).length / MOST_ROWS);
  const put = (key, left) => {
    const nodes = columns.get(key), rows = Math.min(nodes.length, MOST_ROWS), top = (-(HIGH + GAP) * rows) / 2;
    nodes.forEach((node, at) => places.set(node.id, { node, x: left + Math.floor(at / MOST_ROWS) * (CARD + 24), y: top + (at % MOST_ROWS) * (HIGH + GAP) }));
    if (key === 0 || nodes.length > MOST_ROWS) return;
    // Beside what they are linked to, as far as there is room.
    const wanted = nodes.map(node => {
      const ys = (linked.get(node.id) ?? []).filter(id => places.has(id) && id !== node.id && places.get(id).node.column !== key).map(id => places.get(id).y);
      return ys.length ? ys.reduce((a, b) => a + b) / ys.length : 0;
    });
    const rising = [];
    wanted.forEach((y, at) => rising.push(at ? Math.max(y, rising[at - 1] + HIGH + GAP) : y));
    const shift = rising.reduce((sum, y, at) => sum + y - wanted[at], 0) / nodes.length;
    nodes.forEach((node, at) => { places.get(node.id).y = rising[at] - shift; });
  };
  const wide = key => strips(key) * (CARD + 24) - 24;
  let right = 0, left = 0;
  const keys = [...columns.keys()].sort((a, b) => a - b);
  for (const key of keys.filter(one => one >= 0)) { put(key, right); right += wide(key) + BETWEEN; }
  for (const key of keys.filter(one => one < 0).reverse()) { left -= wide(key) + BETWEEN; put(key, left); }
  return places;
}

export function picture(host, data, { picked = () => {}, opened = () => {}, say = () => {}, keep = null } = {}) {
  const canvas = document.createElement('canvas'), pen = canvas.getContext('2d');
  canvas.tabIndex = 0;
  canvas.setAttribute('role', 'application');
  canvas.setAttribute('aria-label', 'The value chain as a picture. Arrow keys move, Enter opens a product, plus and minus zoom, 0 shows the start. The table below has the same.');
  const tools = document.createElement('div');
  tools.className = 'tools';
  host.replaceChildren(canvas, tools);
  const places = layout(data), all = [...places.values()];
  const most = Math.max(1e-9, ...data.nodes.map(node => node.value ?? 0));
  const links = data.links.filter(link => places.has(link.from) && places.has(link.to));
  let selected = keep?.selected && places.has(keep.selected) ? keep.selected : (data.nodes.find(node => node.start) ?? data.nodes[0])?.id;
  let view = keep?.view ?? null, frame = 0, colours = {};

  const size = () => [canvas.clientWidth || 600, canvas.clientHeight || 400];
  const bounds = () => ({ x0: Math.min(...all.map(p => p.x)), x1: Math.max(...all.map(p => p.x)) + CARD, y0: Math.min(...all.map(p => p.y)), y1: Math.max(...all.map(p => p.y)) + HIGH });
  function fit(least) {
    if (!all.length) { view = { scale: 1, x: 0, y: 0 }; return; }
    const [wide, high] = size(), box = bounds();
    const scale = Math.max(least, Math.min(1, (wide - 32) / (box.x1 - box.x0), (high - 72) / (box.y1 - box.y0))); // 40 at the top are the buttons'
    // Where not all of it can be read at once, the start is in the middle; on a narrow screen, at the left.
    const whole = (box.x1 - box.x0) * scale <= wide - 16, middle = whole ? (box.x0 + box.x1) / 2 : CARD / 2;
    const start = all.filter(p => p.node.start), top = Math.min(...(start.length ? start : all).map(p => p.y));
    view = { scale, x: whole || wide > 600 ? wide / 2 - middle * scale : 12, y: high / 2 + 20 - ((box.y0 + box.y1) / 2) * scale };
    const y = top * scale + view.y; // the first product of the start is in view in any case
    if (y < 16 || y > high - 80) view.y += Math.max(16, high / 4) - y;
  }
  const later = () => { if (!frame) frame = requestAnimationFrame(() => { frame = 0; draw(); }); };

  function clipped(text, room) {
    if (pen.measureText(text).width <= room) return text;
    let low = 0, high = text.length;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (pen.measureText(`${text.slice(0, middle)}…`).width <= room) low = middle; else high = middle - 1;
    }
    return `${text.slice(0, low)}…`;
  }

  function draw() {
    const [wide, high] = size(), ratio = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(wide * ratio) || canvas.height !== Math.round(high * ratio)) { canvas.width = Math.round(wide * ratio); canvas.height = Math.round(high * ratio); }
    if (!view) fit(READABLE);
    const style = getComputedStyle(host);
    colours = Object.fromEntries(['ink', 'soft', 'card', 'line', 'link', 'flow'].map(name => [name, style.getPropertyValue(`--${name}`).trim() || '#567']));
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, wide, high);
    pen.setTransform(ratio * view.scale, 0, 0, ratio * view.scale, ratio * view.x, ratio * view.y);
    const seen = { x0: -view.x / view.scale, y0: -view.y / view.scale, x1: (wide - view.x) / view.scale, y1: (high - view.y) / view.scale };
    // Seen from afar thousands of links are straight and thin, and cards are marks: the eye sees no more, and it stays quick.
    const far = view.scale < 0.25, thin = new Path2D();
    for (const link of links) {
      const a = places.get(link.from), b = places.get(link.to);
      // From right to left only where two ways of different length meet; the arrow always points to what it goes into.
      const back = b.x < a.x, level = a.x === b.x;
      const x0 = back ? a.x : a.x + CARD, x1 = back || level ? b.x + CARD : b.x, y0 = a.y + HIGH / 2, y1 = b.y + HIGH / 2;
      if (Math.max(x0, x1) < seen.x0 || Math.min(x0, x1) > seen.x1 || Math.max(y0, y1) < seen.y0 || Math.min(y0, y1) > seen.y1) continue;
      if (far) { thin.moveTo(x0, y0); thin.lineTo(x1, y1); continue; }
      const mine = link.from === selected || link.to === selected, behind = (link.width ?? Math.min(a.node.value, b.node.value)) / (link.width === undefined ? most : 1);
      pen.beginPath();
      pen.strokeStyle = mine ? colours.link : colours.flow;
      pen.globalAlpha = mine ? 0.9 : 0.65;
      pen.lineWidth = 1.2 + 9 * Math.sqrt(Math.max(0, Math.min(1, behind)));
      const bend = Math.max(40, Math.abs(x1 - x0) / 2) * (back ? -1 : 1), ahead = back || level ? 1 : -1;
      pen.moveTo(x0, y0);
      pen.bezierCurveTo(x0 + bend, y0, x1 + ahead * Math.abs(bend), y1, x1 + 7 * ahead, y1);
      pen.stroke();
      const half = 4 + pen.lineWidth / 2;
      pen.beginPath(); pen.fillStyle = pen.strokeStyle;
      pen.moveTo(x1, y1); pen.lineTo(x1 + 9 * ahead, y1 - half); pen.lineTo(x1 + 9 * ahead, y1 + half); pen.fill();
      if (mine && link.weight !== null && link.weight !== undefined && view.scale > 0.5) {
        pen.globalAlpha = 1; pen.fillStyle = colours.ink; pen.font = '11px system-ui, sans-serif'; pen.textAlign = 'center';
        pen.fillText(Number(link.weight).toPrecision(3).replace(/\.?0+$/, ''), (x0 + x1) / 2, (y0 + y1) / 2 - 5);
        pen.textAlign = 'left';
      }
    }
    if (far) { pen.globalAlpha = 0.5; pen.strokeStyle = colours.flow; pen.lineWidth = 1 / view.scale; pen.stroke(thin); }
    pen.globalAlpha = 1;
    for (const { node, x, y } of all) {
      if (x + CARD < seen.x0 || x > seen.x1 || y + HIGH < seen.y0 || y > seen.y1) continue;
      card(node, x, y);
    }
  }

  function card(node, x, y) {
    const colour = node.kind === 'company' ? '#1f4e79' : levelColour(node.level);
    if (view.scale < 0.25) { pen.fillStyle = node.id === selected ? colours.link : colour; pen.fillRect(x, y, CARD, HIGH); return; }
    pen.fillStyle = colours.card;
    pen.strokeStyle = node.id === selected ? colours.link : colours.line;
    pen.lineWidth = node.id === selected ? 3 : 1;
    pen.beginPath(); pen.roundRect(x, y, CARD, HIGH, 7); pen.fill(); pen.stroke();
    pen.fillStyle = colour;
    pen.beginPath(); pen.roundRect(x, y, 8, HIGH, [7, 0, 0, 7]); pen.fill();
    pen.fillRect(x + 8, y + HIGH - 5, Math.max(2, (CARD - 12) * Math.sqrt((node.value ?? 0) / most)), 4);
    if (view.scale < 0.4) return;
    const sign = node.opened || node.ends ? '' : '+';
    pen.fillStyle = colours.ink; pen.font = `${node.start ? '600 ' : ''}14px system-ui, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", "WenQuanYi Zen Hei", sans-serif`;
    pen.fillText(clipped(node.name, CARD - 26 - (sign ? 12 : 0)), x + 15, y + 17);
    if (sign) { pen.fillStyle = colours.link; pen.fillText(sign, x + CARD - 16, y + 17); }
    pen.fillStyle = colours.soft; pen.font = '11px system-ui, sans-serif';
    pen.fillText(clipped(node.note ?? told(node), CARD - 22), x + 15, y + 32);
  }
  const told = node => `${node.companies === 0 ? 'nobody sells it' : `${node.companies} ${node.companies === 1 ? 'company' : 'companies'} · ${Number(node.value).toPrecision(3)}`}${node.hidden ? ` · ${node.hidden} more` : ''}`;

  function at(event) {
    const box = canvas.getBoundingClientRect(), x = (event.clientX - box.left - view.x) / view.scale, y = (event.clientY - box.top - view.y) / view.scale;
    return all.find(p => x >= p.x && x <= p.x + CARD && y >= p.y && y <= p.y + HIGH)?.node;
  }
  function choose(node, { open = false, show = false } = {}) {
    selected = node.id;
    if (show) reveal(places.get(node.id));
    say(`${node.name}, ${node.note ?? told(node)}${node.opened ? ', opened' : ''}`);
    picked(node);
    later();
    if (open && !node.opened && !node.ends) opened(node, { view, selected });
  }
  function reveal(place) {
    const [wide, high] = size(), x = place.x * view.scale + view.x, y = place.y * view.scale + view.y;
    if (x < 8) view.x += 8 - x; else if (x + CARD * view.scale > wide - 8) view.x -= x + CARD * view.scale - wide + 8;
    if (y < 8) view.y += 8 - y; else if (y + HIGH * view.scale > high - 8) view.y -= y + HIGH * view.scale - high + 8;
  }
  function zoom(by, x = size()[0] / 2, y = size()[1] / 2) {
    const scale = Math.max(0.04, Math.min(2.5, view.scale * by)), ratio = scale / view.scale;
    view = { scale, x: x - (x - view.x) * ratio, y: y - (y - view.y) * ratio };
    later();
  }

  const pointers = new Map();
  let moved = 0;
  canvas.addEventListener('pointerdown', event => { pointers.set(event.pointerId, event); moved = 0; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener('pointermove', event => {
    if (!pointers.has(event.pointerId)) { canvas.style.cursor = view && at(event) ? 'pointer' : 'grab'; return; }
    const before = pointers.get(event.pointerId), other = [...pointers.values()].find(one => one.pointerId !== event.pointerId);
    if (other) {
      const far = (a, b) => Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY) || 1, box = canvas.getBoundingClientRect();
      zoom(far(event, other) / far(before, other), (event.clientX + other.clientX) / 2 - box.left, (event.clientY + other.clientY) / 2 - box.top);
    } else { view.x += event.clientX - before.clientX; view.y += event.clientY - before.clientY; later(); }
    moved += Math.abs(event.clientX - before.clientX) + Math.abs(event.clientY - before.clientY);
    pointers.set(event.pointerId, event);
  });
  const lift = event => { const had = pointers.delete(event.pointerId); if (had && event.type === 'pointerup' && moved < 6) { const node = at(event); if (node) choose(node, { open: true }); } };
  canvas.addEventListener('pointerup', lift);
  canvas.addEventListener('pointercancel', lift);
  canvas.addEventListener('wheel', event => {
    if (!event.ctrlKey && document.activeElement !== canvas) return;  // the page scrolls until the picture was clicked
    event.preventDefault();
    const box = canvas.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  canvas.addEventListener('keydown', event => {
    const here = places.get(selected), way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (way && here) {
      const ahead = all.filter(p => p !== here && (way[0] ? (p.x - here.x) * way[0] > CARD / 2 : p.x === here.x && (p.y - here.y) * way[1] > 0));
      const near = ahead.sort((a, b) => Math.hypot(a.x - here.x, a.y - here.y) - Math.hypot(b.x - here.x, b.y - here.y))[0];
      if (near) choose(near.node, { show: true });
    } else if (event.key === 'Enter' && here) choose(here.node, { open: true });
    else if (event.key === '+' || event.key === '=') zoom(1.25);
    else if (event.key === '-') zoom(0.8);
    else if (event.key === '0') { fit(READABLE); later(); } else return;
    event.preventDefault();
  });
  for (const [text, label, act] of [['+', 'Zoom in', () => zoom(1.25)], ['−', 'Zoom out', () => zoom(0.8)], ['All', 'Show everything', () => { fit(0.04); later(); }], ['Start', 'Show the start', () => { fit(READABLE); later(); }]]) {
    const button = document.createElement('button');
    button.type = 'button'; button.textContent = text; button.setAttribute('aria-label', label); button.addEventListener('click', act);
    tools.append(button);
  }
  new ResizeObserver(later).observe(canvas);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', later);
  later();
  return { choose: id => places.has(id) && choose(places.get(id).node, { show: true }), state: () => ({ view, selected }), places };
}
