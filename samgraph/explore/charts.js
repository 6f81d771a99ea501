// Two small charts, drawn as SVG by hand: shares over time, and lines. The same figures stand in a table below each.
import { address, h, written } from './tables.js';

// Okabe and Ito's colours, told apart by colour-blind readers, darkened where white text stands on them.
export const COLOURS = ['#0072b2', '#b34a00', '#00785a', '#a2508a', '#7a6a00', '#2f7fb5', '#5b4a9b', '#8a3b3b', '#4d6179', '#6b7d1f'];
const NS = 'http://www.w3.org/2000/svg';

function s(tag, attrs, ...children) {
  const node = document.createElementNS(NS, tag);
  for (const [key, value] of Object.entries(attrs)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// A chart's width in its own units: half as many on a phone, so that its letters keep their size.
const width = () => (innerWidth < 620 ? 400 : 800);
const time = day => Date.parse(`${day}T00:00:00Z`);

function below(title, heads, rows) {
  return h('details', {}, h('summary', {}, `${title}: as a table`), h('div', { class: 'scroll', tabindex: 0 }, h('table', {},
    h('thead', {}, h('tr', {}, heads.map((head, at) => h('th', { scope: 'col', class: at ? 'n' : null }, head)))),
    h('tbody', {}, rows.map(row => h('tr', {}, row.map((cell, at) => h('td', { class: at ? 'n' : null }, cell))))))));
}

// A row of bars for each level of the taxonomy, each part below the one that it belongs to; a part leads to its product.
export function levels(parts, when) {
  const gap = one => h('span', { style: { width: `${100 * one.share}%` } });
  return h('div', {}, parts.map((part, at) => h('div', { class: 'level' }, h('span', { class: 'soft' }, `level ${at + 1}`),
    h('div', { class: 'bar' }, part.map(one => (one.id === null ? gap(one) : h('a', {
      href: address('product', { id: one.id }, when), title: `${one.name} ${written(one.share, 'share')}`,
      style: { width: `${100 * one.share}%`, background: COLOURS[one.tree % COLOURS.length] },
    }, `${one.name} ${written(one.share, 'share')}`)))))));
}

// Shares of revenue over the spans of reports.
export function shares(data, when) {
  const wide = width();
  const first = time(data.first[0]), last = Math.max(time(data.last.at(-1)), first + 864e5);
  const x = day => 40 + ((wide - 60) * (time(day) - first)) / (last - first), y = share => 190 - 170 * share;
  const svg = s('svg', { viewBox: `0 0 ${wide} 220`, class: 'chart', role: 'img', 'aria-label': `Shares of revenue over ${data.first.length} reports` });
  for (const tick of [0, 0.5, 1]) svg.append(s('text', { x: 34, y: y(tick) + 4, 'text-anchor': 'end' }, `${100 * tick}%`));
  data.first.forEach((day, at) => {
    let sum = 0;
    data.parts.forEach((part, place) => {
      const share = part.shares[at];
      if (share > 0) {
        const box = s('rect', { x: x(day), width: Math.max(1.5, x(data.last[at]) - x(day) - 1), y: y(sum + share), height: 170 * share, fill: COLOURS[place % COLOURS.length] });
        box.append(s('title', {}, `${part.name} ${written(share, 'share')} from ${day}`));
        svg.append(box);
      }
      sum += share;
    });
  });
  svg.append(s('text', { x: 40, y: 210 }, data.first[0]), s('text', { x: wide - 20, y: 210, 'text-anchor': 'end' }, data.last.at(-1)));
  const shown = data.parts.slice(0, 10);
  return h('div', {}, svg,
    h('ul', { class: 'legend' }, shown.map((part, place) => h('li', {}, h('i', { style: { background: COLOURS[place % COLOURS.length] } }), h('a', { href: address('product', { id: part.id }, when) }, part.name)))),
    below('Over time', ['used from', ...data.parts.map(part => part.name)], data.first.map((day, at) => [day, ...data.parts.map(part => written(part.shares[at], 'share'))])));
}

// Lines over days; `kind` is how their values are written.
export function lines(chart) {
  const wide = width();
  const kind = chart.kind ?? 'number', names = Object.keys(chart.lines), all = names.flatMap(name => chart.lines[name]);
  const low = Math.min(0, ...all), high = Math.max(0, ...all), room = high - low || 1;
  const first = time(chart.days[0]), last = Math.max(time(chart.days.at(-1)), first + 864e5);
  const x = day => 70 + ((wide - 90) * (time(day) - first)) / (last - first), y = value => 190 - (170 * (value - low)) / room;
  const svg = s('svg', { viewBox: `0 0 ${wide} 220`, class: 'chart', role: 'img', 'aria-label': `${chart.title}, ${chart.days[0]} to ${chart.days.at(-1)}, last ${names.map(name => written(chart.lines[name].at(-1), kind)).join(', ')}` });
  for (const tick of [low, 0, high]) svg.append(s('line', { x1: 70, x2: wide - 20, y1: y(tick), y2: y(tick), stroke: 'currentColor', 'stroke-opacity': tick === 0 ? 0.5 : 0.12 }), s('text', { x: 64, y: y(tick) + 4, 'text-anchor': 'end' }, written(tick, kind)));
  names.forEach((name, at) => svg.append(s('polyline', { points: chart.days.map((day, place) => `${x(day).toFixed(1)},${y(chart.lines[name][place]).toFixed(1)}`).join(' '), fill: 'none', stroke: COLOURS[at], 'stroke-width': 1.8 })));
  svg.append(s('text', { x: 70, y: 210 }, chart.days[0]), s('text', { x: wide - 20, y: 210, 'text-anchor': 'end' }, chart.days.at(-1)));
  return h('figure', { style: { margin: '0' } }, h('h3', {}, chart.title), svg,
    names.length > 1 ? h('ul', { class: 'legend' }, names.map((name, at) => h('li', {}, h('i', { style: { background: COLOURS[at] } }), name))) : null,
    below(chart.title, ['day', ...names], chart.days.map((day, at) => [day, ...names.map(name => written(chart.lines[name][at], kind))])));
}
