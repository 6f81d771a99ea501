// The pages: each takes its parameters and the day, asks for one answer, and draws it.
import { levels, lines, shares } from './charts.js';
import { levelColour, picture } from './picture.js';
import { address, h, many, tabled } from './tables.js';

const notes = data => (data.notes ?? []).map(text => h('p', { class: 'note' }, text));
const head = data => [h('h1', {}, data.title), data.subtitle ? h('p', { class: 'soft' }, data.subtitle) : null, ...notes(data)];
const all = (tables, when) => h('div', { class: 'columns' }, tables.map(one => tabled(one, when)));
// What a run says, under its title: a note, a chart, tables.
const told = (title, data, when) => (data ? [h('h2', {}, title), data.note ? h('p', { class: 'soft' }, data.note) : null,
  data.chart ? lines(data.chart) : null, data.tables?.length ? all(data.tables, when) : null] : null);
const link = (text, page, params, when) => h('a', { href: address(page, params, when) }, text);

// The basket that is being composed, so that products of other pages can be added to it.
export const chosen = { p: [] };
let kept = null; // what is in view of the chain's picture, while products are opened one after the other

export async function start({ when, start: about }) {
  const tile = (title, words, page, params = {}) => h('li', {}, h('a', { href: address(page, params, when) }, h('b', {}, title), words));
  const example = about.example ?? {};
  return [h('h1', {}, 'Who sells what, and to whom'),
    h('p', { class: 'soft' }, 'Search above in Chinese or English. Everything on every page is as of the day, and as known at the moment, that are set above; nothing later is shown.'),
    h('ul', { class: 'tiles' },
      example.text ? tile('Walk a value chain', `for example ${example.text}`, 'chain', { q: example.product }) : null,
      example.company ? tile('A company', 'what it sells, suppliers, customers, rivals, reports', 'company', { id: example.company }) : null,
      tile('Basket', 'compose a theme of products, compare it, take it home', 'basket'),
      tile('Pairs', 'companies that sell the same', 'pairs'),
      tile('Holdings', 'drop a file: what it really holds, by product', 'holdings'))];
}

export async function company({ when, params, ask, go }) {
  const data = await ask('company', { id: params.get('id') });
  const id = params.get('id'), scores = data.scores, why = h('div');
  const explain = async () => {
    why.replaceChildren(h('p', { class: 'soft' }, 'The models are applied once more; this takes some seconds …'));
    try {
      const found = await ask('explain', { id, day: scores.last });
      why.replaceChildren(h('h3', {}, found.title), all(found.tables, when));
    } catch (error) { why.replaceChildren(h('p', { class: 'error' }, error.message)); }
  };
  return [...head(data),
    h('div', { class: 'actions' }, link('Its value chain', 'chain', { q: id }, when), link('Its pairs', 'pairs', { id }, when)),
    data.levels.length ? [h('h2', {}, 'Through the levels'), levels(data.levels, when)] : null,
    data.history.first.length ? [h('h2', {}, 'Over time'), shares(data.history, when)] : null,
    scores ? [h('h2', { id: 'scores' }, 'Scores of the run'), scores.note ? h('p', { class: 'note' }, scores.note) : null,
      scores.chart ? lines(scores.chart) : null, scores.table ? tabled(scores.table, when) : null,
      scores.last ? h('div', { class: 'actions' }, h('button', { type: 'button', onclick: explain }, `Explain the score of ${scores.last}`)) : null, why] : null,
    told('In the run’s portfolios', data.held, when),
    all(data.tables, when)].flat();
}

export async function product({ when, params, ask }) {
  const id = params.get('id'), data = await ask('product', { id });
  const p = [...new Set([...chosen.p, id])];
  return [h('p', { class: 'crumbs' }, data.path.slice(0, -1).flatMap(one => [link(one.name, 'product', { id: one.id }, when), ' › '])),
    ...head(data),
    h('div', { class: 'actions' }, link('Walk its value chain', 'chain', { q: id }, when),
      link(chosen.p.length ? `Add to the basket (${chosen.p.length})` : 'Make a basket', 'basket', { p }, when)),
    told('Factor return', data.factor, when),
    told('What it brought to the run’s excess return', data.brought, when),
    all(data.tables, when)].flat();
}

export async function chain({ when, params, ask, go, say, start: about }) {
  const q = params.get('q');
  const example = about.example ?? {};
  if (!q) return [h('h1', {}, 'Value chain'), h('p', { class: 'soft' }, 'Search above for a product or a company, then choose “chain”', ...(example.text ? [', or begin with ', link(example.text, 'chain', { q: example.product }, when)] : []), '.')];
  const open = params.getAll('open'), most = params.get('most') ?? '';
  const data = await ask('chain', { q, open, most });
  const host = h('div', { class: 'picture' }), panel = h('div', { class: 'picked' });
  const byId = new Map(data.nodes.map(node => [node.id, node]));
  const opening = node => ({ q, open: [...new Set([...open, node.id])], most });
  const picked = node => panel.replaceChildren(
    h('b', {}, node.name), h('span', { class: 'soft' }, `${node.id} · level ${node.level || 'none'}`),
    link('Who sells it', 'product', { id: node.id }, when), link('Start here', 'chain', { q: node.id }, when),
    node.hidden ? link(`Show ${node.hidden} more`, 'chain', { q, open, most: 5000 }, when) : '',
    link('Add to the basket', 'basket', { p: [...new Set([...chosen.p, node.id])] }, when));
  const rows = data.links.map(one => ({ supplier: byId.get(one.from).name, supplier_id: one.from, customer: byId.get(one.to).name, customer_id: one.to, weight: one.weight, held: one.held,
    companies: byId.get(one.from).companies, users: byId.get(one.to).companies }));
  const table = tabled({ key: 'links', title: 'The links that are drawn', note: 'A link goes from an input to what it goes into; it holds for everything below its ends.', rows, columns: [
    { key: 'supplier', label: 'input', kind: 'product', of: 'supplier_id' }, { key: 'companies', label: 'sold by', kind: 'whole' }, { key: 'customer', label: 'goes into', kind: 'product', of: 'customer_id' },
    { key: 'users', label: 'sold by', kind: 'whole' }, { key: 'weight', label: 'weight', kind: 'number' }, { key: 'held', label: 'given for', kind: 'text' }] }, when,
  { action: row => h('button', { type: 'button', onclick: () => go('chain', opening({ id: open.includes(row.supplier_id) ? row.customer_id : row.supplier_id })) }, 'Open') });
  const used = [...new Set(data.nodes.map(node => node.level))].sort((a, b) => a - b);
  const after = () => {
    const made = picture(host, data, { picked, say, keep: kept?.q === q ? kept : null, opened: (node, state) => { kept = { q, ...state }; go('chain', opening(node)); } });
    host.picture = made;
    const before = kept;
    kept = null;
    if (before?.q === q) made.choose(before.selected); else picked(data.nodes.find(node => node.start) ?? data.nodes[0]);
  };
  return { after, nodes: [h('h1', {}, data.title), ...notes(data),
    h('p', { class: 'soft' }, `${many(data.nodes.length, 'product')}, ${many(data.links.length, 'link')}. Inputs are on the left. A click opens a product; bars and links are as wide as the revenue behind them (square root; the number is in companies’ worth).`),
    host, panel,
    h('ul', { class: 'legend', 'aria-label': 'Levels of the taxonomy' }, used.map(level => h('li', {}, h('i', { style: { background: levelColour(level) } }), level ? `level ${level}` : 'no level'))),
    table] };
}

export async function basket({ when, params, ask, go, start: about }) {
  const p = params.getAll('p'), q = params.get('q') ?? '', without = params.getAll('without'), vs = params.getAll('vs');
  const up = params.get('up') ?? '0', down = params.get('down') ?? '0', universe = params.get('universe') ?? '';
  chosen.p = p;
  const state = { p, q, without, vs, up, down, universe };
  const words = h('input', { id: 'bq', type: 'text', value: q, placeholder: 'words of a theme, such as EV battery' });
  const form = h('form', { class: 'actions', onsubmit: event => { event.preventDefault(); go('basket', { ...state, p: [], without: [], q: words.value }); } },
    h('label', { for: 'bq' }, 'Theme '), words, h('button', {}, 'Take all that it names'));
  const set = (label, key, options) => h('label', {}, `${label} `, h('select', { onchange: event => go('basket', { ...state, [key]: event.target.value }) },
    options.map(([value, text]) => h('option', { value, selected: state[key] === value }, text))));
  const links = [0, 1, 2, 3].map(n => [String(n), n ? `${n} link${n > 1 ? 's' : ''}` : 'none']);
  const choices = h('div', { class: 'actions' }, set('Upstream', 'up', links), set('Downstream', 'down', links), set('Universe', 'universe', [['', 'every company'], ...about.universes.map(u => [u, u])]));
  if (!p.length && !q) return [h('h1', {}, 'Basket'), h('p', { class: 'soft' }, 'Give a theme, or search above and add products from their pages.'), form];
  const data = await ask('basket', { ...state });
  const seeds = data.seeds;
  const chips = h('ul', { class: 'chips' }, seeds.map(one => h('li', {}, link(one.name, 'product', { id: one.id }, when),
    h('button', { type: 'button', 'aria-label': `Take ${one.name} out`, onclick: () => go('basket', { ...state, q: '', p: seeds.map(s => s.id).filter(s => s !== one.id) }) }, '×'))));
  const tables = data.tables.map(one => tabled(one, when, one.key === 'basket' ? { action: row => h('button', { type: 'button', 'aria-label': `Leave ${row.company} out`, onclick: () => go('basket', { ...state, without: [...without, row.company_id] }) }, 'leave out') } : {}));
  const ids = seeds.map(one => one.id);
  return [...head(data), form, choices, chips,
    h('div', { class: 'actions' },
      without.length ? h('button', { type: 'button', onclick: () => go('basket', { ...state, without: [] }) }, `Take ${without.length} left out back in`) : null,
      vs.length ? h('button', { type: 'button', onclick: () => go('basket', { ...state, vs: [] }) }, 'Stop comparing') : h('button', { type: 'button', onclick: () => go('basket', { up, down, universe, vs: ids }) }, 'Keep it, and compose another to compare'),
      h('span', { class: 'soft' }, 'CSV beside a table saves it; the address holds the whole basket.')),
    h('div', { class: 'columns' }, tables)];
}

export async function pairs({ when, params, ask, go, start: about }) {
  const state = { universe: params.get('universe') ?? '', id: params.get('id') ?? '', by: params.get('by') ?? 'overlap', top: params.get('top') ?? '50' };
  const data = await ask('pairs', state);
  const set = (label, key, options) => h('label', {}, `${label} `, h('select', { onchange: event => go('pairs', { ...state, [key]: event.target.value }) }, options.map(([value, text]) => h('option', { value, selected: state[key] === value }, text))));
  const company = h('input', { type: 'text', value: state.id, 'aria-label': 'Company id', placeholder: 'company id' });
  return [...head(data), h('form', { class: 'actions', onsubmit: event => { event.preventDefault(); go('pairs', { ...state, id: company.value.trim() }); } },
    set('Universe', 'universe', [['', 'every company'], ...about.universes.map(u => [u, u])]), set('By', 'by', [['overlap', 'overlap'], ['cosine', 'cosine']]), set('First', 'top', [['50', '50'], ['200', '200'], ['500', '500']]),
    h('label', {}, 'Of ', company), h('button', {}, 'Show')), ...data.tables.map(one => tabled(one, when))];
}

let file = null; // the holdings of this visit; they are sent to the local server alone
export async function holdings({ when, ask, again }) {
  const pick = h('input', { type: 'file', accept: '.csv,text/csv', id: 'file', onchange: event => take(event.target.files[0]) });
  const take = async chosenFile => { if (chosenFile) { file = { name: chosenFile.name, text: await chosenFile.text() }; again(); } };
  const drop = h('div', { class: 'drop',
    ondragover: event => { event.preventDefault(); drop.classList.add('over'); }, ondragleave: () => drop.classList.remove('over'),
    ondrop: event => { event.preventDefault(); drop.classList.remove('over'); take(event.dataTransfer.files[0]); } },
  h('p', {}, h('label', { for: 'file' }, 'Drop a CSV of holdings here, with company_id and weight (or value), or choose one: ')), pick);
  if (!file) return [h('h1', {}, 'Holdings'), h('p', { class: 'soft' }, 'It is read by the server on this machine and kept nowhere.'), drop];
  const data = await ask('holdings', {}, file.text);
  return [h('p', { class: 'soft' }, file.name), ...head(data), drop, h('div', { class: 'columns' }, data.tables.map(one => tabled(one, when)))];
}

export const PAGES = { '': start, start, company, product, chain, basket, pairs, holdings };
export const NAV = [['chain', 'Chain'], ['basket', 'Basket'], ['pairs', 'Pairs'], ['holdings', 'Holdings']];
