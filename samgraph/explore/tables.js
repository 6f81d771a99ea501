// Elements, links that keep the day, and tables: sorted by their heads, taken home as CSV.

/** `1 company`, `2 companies`. */
export const many = (count, thing) => `${count} ${count === 1 ? thing : thing.endsWith('y') ? `${thing.slice(0, -1)}ies` : `${thing}s`}`;

export function h(tag, attrs = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attrs)) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (key === 'style') Object.assign(node.style, value);
    else node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...children.flat().filter(child => child !== null && child !== undefined));
  return node;
}

// The address of a page: #/page?parameters&as_of=…&known=…; lists are repeated.
export function address(page, params, when) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries({ ...params, ...when }))
    for (const one of [value].flat()) if (one !== '' && one !== null && one !== undefined) query.append(key, one);
  return `#/${page}?${query}`;
}

export function written(value, kind) {
  if (value === null || value === undefined) return '';
  if (kind === 'share' || kind === 'return') return `${(100 * value).toFixed(kind === 'share' ? 1 : 2).replace(/^-(?=[0.]+$)/, '')}%`;
  if (kind === 'whole') return Math.round(value).toLocaleString('en');
  if (kind === 'number') return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en') : String(+(+value).toPrecision(4));
  return String(value);
}

const NUMERIC = new Set(['share', 'return', 'whole', 'number']);

// A text that a spreadsheet would run as a formula gets an apostrophe first.
const safe = text => (/^'*[=+\-@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text);

export function asCsv(data) {
  const heads = data.columns.flatMap(one => (one.of && one.of !== one.key ? [one.of, one.key] : [one.key]));
  const cell = value => {
    if (value === null || value === undefined) return '';
    if (typeof value === 'number') return String(value);
    const text = safe(String(value));
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [heads.join(','), ...data.rows.map(row => heads.map(key => cell(row[key])).join(','))].join('\r\n') + '\r\n';
}

export function download(name, text) {
  const link = h('a', { href: URL.createObjectURL(new Blob(['\ufeff', text], { type: 'text/csv;charset=utf-8' })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

export function tabled(data, when, { action } = {}) {
  const body = h('tbody');
  const draw = rows => body.replaceChildren(...rows.map(row => h('tr', {}, data.columns.map(column => {
    const text = written(row[column.key], column.kind);
    const id = column.of && row[column.of];
    const page = column.kind === 'company' ? 'company' : 'product';
    return h('td', { class: NUMERIC.has(column.kind) ? 'n' : column.kind === 'day' ? 'day' : id ? 'name' : null }, id ? h('a', { href: address(page, { id }, when) }, text || id) : text);
  }), action ? h('td', {}, action(row)) : null)));
  const heads = data.columns.map(column => {
    const head = h('th', { scope: 'col', class: NUMERIC.has(column.kind) ? 'n' : null });
    head.append(h('button', { type: 'button', onclick: () => {
      const falling = head.getAttribute('aria-sort') === 'descending' || (!head.hasAttribute('aria-sort') && !NUMERIC.has(column.kind));
      heads.forEach(one => one.removeAttribute('aria-sort'));
      head.setAttribute('aria-sort', falling ? 'ascending' : 'descending');
      const key = row => row[column.key];
      const order = (a, b) => (key(a) === null ? 1 : key(b) === null ? -1 : NUMERIC.has(column.kind) ? key(a) - key(b) : String(key(a)).localeCompare(String(key(b)), 'zh'));
      draw([...data.rows].sort((a, b) => (falling || key(a) === null || key(b) === null ? order(a, b) : order(b, a))));
    } }, column.label));
    return head;
  });
  draw(data.rows);
  const empty = data.rows.length === 0 ? h('p', { class: 'soft' }, 'None.') : null;
  return h('section', { class: 'tabled', id: `table-${data.key}` },
    h('div', { class: 'headed' }, h('h2', {}, data.title),
      empty ? null : h('button', { type: 'button', 'aria-label': `Download ${data.title} as CSV`, onclick: () => download(`${data.key}-${when.as_of}.csv`, asCsv(data)) }, 'CSV')),
    data.note ? h('p', { class: 'soft' }, data.note) : null,
    empty ?? h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': data.title },
      h('table', {}, h('thead', {}, h('tr', {}, heads, action ? h('th', { scope: 'col' }, '') : null)), body)));
}
