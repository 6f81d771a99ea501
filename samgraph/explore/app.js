// The frame of the page: the day and the moment, search, and which page is shown. All state is in the address.
import { NAV, PAGES } from './pages.js';
import { address, h, many } from './tables.js';

const $ = id => document.getElementById(id);
const main = $('main'), DAY = 864e5;
const days = text => Math.round(Date.parse(`${text}T00:00:00Z`) / DAY), text = number => new Date(number * DAY).toISOString().slice(0, 10);
let about = null, turn = 0;

const say = words => { $('live').textContent = words; };

function here() {
  const [page, query] = location.hash.replace(/^#\/?/, '').split('?');
  const params = new URLSearchParams(query ?? '');
  const when = { as_of: params.get('as_of') || about.newest, known: params.get('known') || '' };
  params.delete('as_of'); params.delete('known');
  return { page, params, when };
}

async function fetched(path, params, body) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) for (const one of [value].flat()) if (one !== '' && one !== null && one !== undefined) query.append(key, one);
  let answer;
  try { answer = await fetch(`api/${path}?${query}`, body === undefined ? {} : { method: 'POST', body, headers: { 'Content-Type': 'text/csv' } }); }
  catch { throw new Error('The server of this page does not answer: was `samgraph explore` stopped?'); }
  const found = answer.headers.get('content-type')?.startsWith('application/json') ? await answer.json() : {};
  if (!answer.ok) throw new Error(found.error ?? `the server answered ${answer.status}`);
  return found;
}

function go(page, params = {}, when = here().when) {
  const to = address(page, params, when);
  if (location.hash === to) show(); else location.hash = to;
}

async function show() {
  const mine = ++turn, { page, params, when } = here();
  set(when);
  $('nav').replaceChildren(...NAV.map(([key, label]) => h('a', { href: address(key, {}, when), 'aria-current': page === key ? 'page' : null }, label)));
  document.querySelector('.home').href = address('', {}, when);
  main.classList.add('busy'); main.setAttribute('aria-busy', 'true');
  const ask = (path, more, body) => fetched(path, { ...more, ...when }, body);
  let made;
  try { made = await (PAGES[page] ?? PAGES[''])({ when, params, ask, go, say, start: about, again: show }); }
  catch (error) { made = [h('h1', {}, 'No answer'), h('p', { class: 'error', role: 'alert' }, error.message)]; if (!(error instanceof Error)) throw error; }
  if (mine !== turn) return;
  const nodes = (made.nodes ?? made).flat(3).filter(node => node !== null && node !== undefined);
  const same = main.dataset.page === page, top = scrollY;
  main.replaceChildren(...nodes);
  main.dataset.page = page; main.dataset.ready = String(mine);
  main.classList.remove('busy'); main.removeAttribute('aria-busy');
  made.after?.();
  const title = main.querySelector('h1')?.textContent ?? '';
  document.title = `${title} · ${when.as_of} · samgraph`;
  if (same) scrollTo(0, top); else { scrollTo(0, 0); say(`${title}, as of ${when.as_of}`); }
}

function set(when) {
  $('day').value = when.as_of;
  $('slider').value = days(when.as_of);
  $('slider').setAttribute('aria-valuetext', when.as_of);
  if (when.known && ![...$('known').options].some(one => one.value === when.known)) $('known').append(h('option', { value: when.known }, when.known.slice(0, 19)));
  $('known').value = when.known;
}

function prepare() {
  $('slider').min = days(about.first); $('slider').max = days(about.last);
  $('day').min = about.first; $('day').max = about.last;
  $('ends').textContent = `${about.first} – ${about.last}`;
  $('known').replaceChildren(h('option', { value: '' }, 'now (last load)'), ...about.loads.map(moment => h('option', { value: moment }, `load of ${moment.slice(0, 19).replace('T', ' ')} UTC`)),
    ...(about.run?.known ? [h('option', { value: about.run.known }, `the run ${about.run.name}`)] : []));
  const move = more => { const { page, params, when } = here(); go(page, Object.fromEntries([...new Set(params.keys())].map(key => [key, params.getAll(key)])), { ...when, ...more }); };
  let soon = 0;
  $('slider').addEventListener('input', () => { $('day').value = text(+$('slider').value); clearTimeout(soon); soon = setTimeout(() => move({ as_of: text(+$('slider').value) }), 300); });
  $('day').addEventListener('change', () => { if ($('day').value) move({ as_of: $('day').value }); });
  $('known').addEventListener('change', () => move({ known: $('known').value }));
  $('when').addEventListener('submit', event => event.preventDefault());
}

function searching() {
  const box = $('q'), list = $('found');
  let options = [], at = -1, soon = 0, asked = 0;
  const close = () => { list.hidden = true; box.setAttribute('aria-expanded', 'false'); box.removeAttribute('aria-activedescendant'); at = -1; };
  const take = place => { const { page, params } = options[place]; close(); box.value = ''; box.blur(); go(page, params); };
  const mark = place => {
    at = place;
    [...list.querySelectorAll('[role=option]')].forEach((node, number) => { node.setAttribute('aria-selected', number === at); if (number === at) { node.scrollIntoView({ block: 'nearest' }); box.setAttribute('aria-activedescendant', node.id); } });
  };
  const draw = (data, words) => {
    options = []; const nodes = [];
    const option = (label, small, page, params) => { const number = options.push({ page, params }) - 1; nodes.push(h('div', { role: 'option', id: `o${number}`, 'aria-selected': 'false', onpointerdown: event => { event.preventDefault(); take(number); } }, h('span', {}, label), h('small', {}, small))); };
    if (data.products.length) {
      nodes.push(h('div', { class: 'head' }, 'Products'));
      for (const one of data.products) option(one.name, `${one.path.slice(-2).join(' › ')} · ${one.companies} ${one.companies === 1 ? 'company' : 'companies'}`, 'product', { id: one.id });
      nodes.push(h('div', { class: 'head' }, 'All of them'));
      option(`Value chain of “${words}”`, 'picture', 'chain', { q: words });
      option(`Basket of “${words}”`, 'companies', 'basket', { q: words });
    }
    if (data.companies.length) { nodes.push(h('div', { class: 'head' }, 'Companies')); for (const one of data.companies) option(one.name, `${one.id} · ${many(one.products, 'product')}`, 'company', { id: one.id }); }
    if (!options.length) nodes.push(h('div', { class: 'head' }, 'Nothing has this name on this day. Fewer letters find more.'));
    if (data.more) nodes.push(h('div', { class: 'head' }, 'There are more: type on.'));
    list.replaceChildren(...nodes); list.hidden = false; box.setAttribute('aria-expanded', 'true'); at = -1;
    say(options.length ? `${many(data.products.length, 'product')}, ${many(data.companies.length, 'company')}` : 'nothing found');
  };
  box.addEventListener('input', () => {
    clearTimeout(soon);
    const words = box.value.trim(), mine = ++asked;
    if (!words) { close(); return; }
    soon = setTimeout(async () => {
      try { const data = await fetched('search', { q: words, ...here().when }); if (mine === asked) draw(data, words); }
      catch (error) { if (mine === asked) { options = []; list.replaceChildren(h('div', { class: 'head' }, error.message)); list.hidden = false; } }
    }, 160);
  });
  box.addEventListener('keydown', event => {
    if (event.key === 'Escape') close();
    else if (event.key === 'ArrowDown' && options.length) mark((at + 1) % options.length);
    else if (event.key === 'ArrowUp' && options.length) mark((at - 1 + options.length) % options.length);
    else if (event.key === 'Enter' && options.length && !list.hidden) take(Math.max(at, 0)); else return;
    event.preventDefault();
  });
  box.addEventListener('blur', close);
  addEventListener('keydown', event => { if (event.key === '/' && !/INPUT|SELECT|TEXTAREA/.test(document.activeElement.tagName)) { event.preventDefault(); box.focus(); } });
}

try {
  about = await fetched('start', {});
  prepare(); searching();
  addEventListener('hashchange', show);
  await show();
} catch (error) { main.replaceChildren(h('p', { class: 'error', role: 'alert' }, error.message)); }
