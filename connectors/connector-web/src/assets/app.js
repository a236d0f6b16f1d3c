// The page of one room. It talks to the API described in the README and to nothing else.
'use strict';

const base = location.pathname.replace(/\/$/, '');
const $ = (id) => document.getElementById(id);
const QUICK = ['👍', '❤️', '😂', '🎉', '😮', '😢'];
const GROUP_MS = 5 * 60 * 1000;
const touch = matchMedia('(hover: none) and (pointer: coarse)');

const room = { me: null, max: 25e6, last: 0, first: null, more: false, relayed: true, live: false };
const messages = new Map();
/** Unsent messages, oldest first: {id, text, reply, file, state, why}. */
const outbox = [];
let about = null; // {kind: 'reply' | 'edit', message}
let unread = 0;

// ---------------------------------------------------------------- talking to the server

class Refused extends Error {
  constructor(status, code, message) { super(message); this.status = status; this.code = code; }
}

async function call(method, path, body, type) {
  const headers = { 'x-sameroom': '1' };
  if (type) headers['content-type'] = type;
  const answer = await fetch(base + path, { method, headers, body, credentials: 'same-origin', cache: 'no-store' });
  let read = {};
  try { read = await answer.json(); } catch { /* a proxy may answer with something else */ }
  if (!answer.ok) {
    const error = read.error || {};
    throw new Refused(answer.status, error.code || '', error.message || 'The server answered ' + answer.status + '.');
  }
  return read;
}

const write = (method, path, body) => call(method, path, body && JSON.stringify(body), body && 'application/json');

// ---------------------------------------------------------------- making elements

function make(name, properties, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties || {})) {
    if (key in element && key !== 'list') element[key] = value; else element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });
const dayName = new Intl.DateTimeFormat(undefined, { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' });
const dayOf = (at) => new Date(at).toDateString();

function when(at) {
  return make('time', { dateTime: new Date(at).toISOString(), title: full.format(at), textContent: clock.format(at) });
}

function size(bytes) {
  if (bytes < 1000) return bytes + ' B';
  return bytes < 1e6 ? Math.round(bytes / 1000) + ' kB' : (bytes / 1e6).toFixed(1) + ' MB';
}

function initials(name) {
  const words = name.replace(/[^\p{L}\p{N}\s]/gu, ' ').trim().split(/\s+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return letters.map((word) => [...word][0].toUpperCase()).join('') || '?';
}

function colour(name) {
  let sum = 0;
  for (const sign of name) sum = (sum * 31 + sign.codePointAt(0)) % 997;
  return 'c' + (sum % 8);
}

const isMine = (message) => !!room.me && message.author.id === room.me.id;

// ---------------------------------------------------------------- one message

function lineOf(message) {
  const text = make('div', { className: 'text' });
  if (message.kind === 'entered') text.textContent = message.author.name + ' entered';
  else if (message.kind === 'renamed') text.textContent = message.from + ' is now ' + message.author.name;
  else if (message.deleted) text.textContent = 'Notice withdrawn';
  else text.innerHTML = message.html; // made of escaped text by the server
  const edited = message.edited && !message.deleted ? make('span', { className: 'note', textContent: ' (edited)' }) : null;
  return make('div', { className: 'line ' + message.kind }, text, edited);
}

function bodyOf(message) {
  const body = make('div', { className: 'body' });
  if (message.deleted) {
    const why = message.deleted === 'moderator' ? 'Message removed by a moderator' : 'Message deleted';
    body.append(make('div', { className: 'gone', textContent: why }));
    return body;
  }
  if (message.reply) body.append(quoteOf(message.reply));
  if (message.text) {
    const text = make('div', { className: 'text' });
    text.innerHTML = message.html; // made of escaped text by the server
    body.append(text);
  }
  if (message.file) body.append(fileOf(message.file));
  if (message.edited) {
    const mark = make('span', { className: 'note', title: full.format(message.edited), textContent: ' (edited)' });
    (body.querySelector('.text > p:last-child') || body).append(mark);
  }
  if (message.reactions.length) body.append(reactionsOf(message));
  return body;
}

function quoteOf(reply) {
  const quote = make('button', { type: 'button', className: 'quote', 'aria-label': 'Go to the message by ' + reply.author + ' that this answers' },
    make('b', { textContent: reply.author }), ' ' + (reply.excerpt || 'deleted message'));
  quote.addEventListener('click', () => show(reply.id));
  return quote;
}

function fileOf(file) {
  const href = base + '/' + file.path;
  if (!file.picture) {
    return make('a', { className: 'file', href, download: file.name }, file.name, make('span', { textContent: size(file.size) }));
  }
  const image = make('img', { src: href, alt: file.name, title: file.name + ', ' + size(file.size), decoding: 'async' });
  const stick = atEnd();
  image.addEventListener('load', () => { if (stick) toEnd(); }, { once: true });
  return make('a', { className: 'picture', href, download: file.name }, image);
}

function reactionsOf(message) {
  const list = make('div', { className: 'reactions' });
  for (const { emoji, by } of message.reactions) {
    const mine = !!room.me && by.some((one) => one.id === room.me.id);
    const names = by.map((one) => (room.me && one.id === room.me.id ? 'you' : one.name)).join(', ');
    const button = make('button', { type: 'button', title: names, textContent: emoji + ' ' + by.length, 'aria-pressed': String(mine), 'aria-label': emoji + ', ' + names });
    button.addEventListener('click', () => react(message, emoji, !mine));
    list.append(button);
  }
  return list;
}

function itemOf(message) {
  const item = make('li');
  item.dataset.id = message.id;
  item.message = message;
  if (message.kind !== 'message') {
    item.append(lineOf(message));
    return item;
  }
  const name = message.author.name;
  const row = make('div', { className: 'message' + (isMine(message) ? ' own' : '') },
    make('div', { className: 'avatar ' + colour(name), 'aria-hidden': 'true', textContent: initials(name) }),
    make('div', { className: 'who' },
      make('b', { textContent: name }),
      message.author.owner ? make('span', { className: 'badge', textContent: 'owner' }) : null,
      message.author.bot ? make('span', { className: 'badge', textContent: 'program' }) : null,
      when(message.at)),
    bodyOf(message));
  if (!message.deleted) {
    const more = make('button', { type: 'button', className: 'more', textContent: '⋯', title: 'Reply, react …', 'aria-label': 'Actions for the message by ' + name, 'aria-expanded': 'false' });
    more.addEventListener('click', () => toggleMenu(row, more, message));
    row.append(more);
  }
  item.append(row);
  return item;
}

/** Sets what depends on the message before: the day above it, and whether its author is named again. */
function arrange(item) {
  if (!item || !item.message) return;
  let before = item.previousElementSibling;
  while (before && !before.message) before = before.previousElementSibling;
  const earlier = before && before.message;
  const message = item.message;
  const known = item.querySelector(':scope > .day');
  const needsDay = !earlier || dayOf(earlier.at) !== dayOf(message.at);
  if (needsDay && !known) item.prepend(make('div', { className: 'day', textContent: dayName.format(message.at) }));
  if (!needsDay && known) known.remove();
  const row = item.querySelector('.message');
  if (!row) return;
  const same = earlier && earlier.kind === 'message' && !needsDay && earlier.author.id === message.author.id
    && earlier.author.name === message.author.name && message.at - earlier.at < GROUP_MS;
  row.classList.toggle('first', !same);
}

// ---------------------------------------------------------------- the list

const log = $('log');
const scroller = $('scroll');
const atEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80;
const toEnd = () => { scroller.scrollTop = scroller.scrollHeight; };

/** Shows a message as it is now, at its place. */
function put(message) {
  const stick = atEnd();
  const known = log.querySelector('li[data-id="' + message.id + '"]');
  const isNew = !known;
  messages.set(message.id, message);
  const item = itemOf(message);
  if (known) {
    const focused = known.contains(document.activeElement);
    known.replaceWith(item);
    if (focused) (item.querySelector('.more') || $('text')).focus();
  } else {
    let next = null;
    for (let other = log.lastElementChild; other; other = other.previousElementSibling) {
      if (other.dataset.id && Number(other.dataset.id) < Number(message.id)) break;
      next = other;
    }
    log.insertBefore(item, next);
    if (message.client && isMine(message)) settled(message.client);
  }
  arrange(item);
  arrange(item.nextElementSibling);
  if (message.deleted) {
    for (const other of [...messages.values()]) {
      if (other.reply && other.reply.id === message.id && other.reply.excerpt) put({ ...other, reply: { ...other.reply, excerpt: '' } });
    }
  }
  $('empty').hidden = true;
  if (stick) toEnd();
  else if (isNew && !isMine(message)) $('newest').hidden = false;
  return isNew;
}

function show(id) {
  const item = log.querySelector('li[data-id="' + id + '"]');
  if (!item) return;
  item.scrollIntoView({ block: 'center' });
  item.classList.remove('flash');
  void item.offsetWidth;
  item.classList.add('flash');
  const more = item.querySelector('.more');
  if (more) more.focus({ preventScroll: true });
}

function whisper(html) {
  const stick = atEnd();
  const text = make('div', { className: 'text' });
  text.innerHTML = html; // made of escaped text by the server
  text.prepend(make('span', { className: 'only', textContent: 'Only you can see this' }));
  const item = make('li', null, make('div', { className: 'line whisper' }, text));
  item.dataset.id = room.last + 0.5; // stays below what was said before
  log.append(item);
  if (stick) toEnd(); else $('newest').hidden = false;
}

// ---------------------------------------------------------------- actions on a message

function closeMenus() {
  for (const menu of document.querySelectorAll('.menu')) menu.remove();
  for (const more of document.querySelectorAll('.more[aria-expanded="true"]')) more.setAttribute('aria-expanded', 'false');
}

function toggleMenu(row, more, message) {
  const open = more.getAttribute('aria-expanded') === 'true';
  closeMenus();
  if (open) return;
  if (!room.me) { $('name').focus(); return; }
  more.setAttribute('aria-expanded', 'true');
  const menu = make('div', { className: 'menu', role: 'group', 'aria-label': 'Actions' });
  const add = (label, className, action) => {
    const button = make('button', { type: 'button', className, textContent: label });
    button.addEventListener('click', () => action(button));
    menu.append(button);
    return button;
  };
  for (const emoji of QUICK) {
    add(emoji, 'emoji', () => { closeMenus(); react(message, emoji, true); more.focus(); }).setAttribute('aria-label', 'React with ' + emoji);
  }
  const other = make('input', { 'aria-label': 'Another emoji', placeholder: 'Emoji', maxLength: 32 });
  const form = make('form', null, other);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const emoji = other.value.trim();
    closeMenus();
    if (emoji) react(message, emoji, true);
  });
  menu.append(form);
  add('Reply', 'push', () => { closeMenus(); begin({ kind: 'reply', message }); });
  if (isMine(message)) add('Edit', '', () => { closeMenus(); begin({ kind: 'edit', message }); });
  if (isMine(message) || room.me.owner) {
    add('Delete', 'danger', (button) => {
      if (button.dataset.sure) { closeMenus(); remove(message); return; }
      button.dataset.sure = '1';
      button.textContent = 'Really delete?';
    });
  }
  menu.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') { closeMenus(); more.focus(); event.stopPropagation(); }
  });
  row.append(menu);
  menu.querySelector('button').focus();
  menu.scrollIntoView({ block: 'nearest' });
}

async function attempt(action) {
  try {
    problem('');
    put((await action()).message);
    return true;
  } catch (error) {
    problem(error instanceof Refused ? error.message : 'The server can’t be reached. Try again in a moment.');
    if (error.status === 401) askName();
    return false;
  }
}

const react = (message, emoji, on) => attempt(() => call(on ? 'POST' : 'DELETE', '/messages/' + message.id + '/reactions/' + encodeURIComponent(emoji)));
const remove = (message) => attempt(() => call('DELETE', '/messages/' + message.id));

function problem(text) {
  $('problem').textContent = text;
  $('problem').hidden = !text;
}

// ---------------------------------------------------------------- writing

const text = $('text');

function fit() {
  text.style.height = 'auto';
  text.style.height = text.scrollHeight + 2 + 'px';
}

function begin(what) {
  about = what;
  const message = what.message;
  const excerpt = (message.text || (message.file && message.file.name) || '').replace(/\s+/g, ' ').slice(0, 100);
  $('about-text').textContent = (what.kind === 'edit' ? 'Editing: ' : 'Reply to ' + message.author.name + ': ') + excerpt;
  $('about').hidden = false;
  $('send').textContent = what.kind === 'edit' ? 'Save' : 'Send';
  if (what.kind === 'edit') text.value = message.text;
  fit();
  text.focus();
  text.setSelectionRange(text.value.length, text.value.length);
}

function finish() {
  if (about && about.kind === 'edit') text.value = '';
  about = null;
  $('about').hidden = true;
  $('send').textContent = 'Send';
  fit();
}

async function submit() {
  const value = text.value;
  if (!value.trim()) return;
  if (about && about.kind === 'edit') {
    const message = about.message;
    if (await attempt(() => write('PUT', '/messages/' + message.id, { text: value }))) finish();
    return;
  }
  post({ text: value, reply: replyOf() });
  text.value = '';
  finish();
}

const replyOf = () => (about && about.kind === 'reply' ? { id: about.message.id, author: about.message.author.name } : null);

function editLast() {
  const own = [...messages.values()].filter((message) => message.kind === 'message' && isMine(message) && !message.deleted);
  const last = own.sort((a, b) => Number(b.id) - Number(a.id))[0];
  if (last) begin({ kind: 'edit', message: last });
}

text.addEventListener('input', fit);
text.addEventListener('keydown', (event) => {
  if (event.isComposing) return;
  if (event.key === 'Enter' && !event.shiftKey && !touch.matches) { event.preventDefault(); submit(); }
  if (event.key === 'ArrowUp' && !text.value && !about) { event.preventDefault(); editLast(); }
  if (event.key === 'Escape' && about) { event.preventDefault(); finish(); }
});
$('composer').addEventListener('submit', (event) => { event.preventDefault(); submit(); text.focus(); });
$('about-cancel').addEventListener('click', () => { finish(); text.focus(); });

// ---------------------------------------------------------------- the outbox: what is not acknowledged yet

const stored = 'sameroom:' + base + ':';
let sending = false;
let pause = 0;
let timer = 0;

function freshId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

function post(item) {
  item.id = freshId();
  item.at = Date.now();
  item.state = 'waiting';
  outbox.push(item);
  keep(item);
  draw(item);
  toEnd();
  pump();
}

/** Files can't be kept across a reload; words are. */
function keep(item) {
  if (item.file) return;
  try { localStorage.setItem(stored + item.id, JSON.stringify({ id: item.id, at: item.at, text: item.text, reply: item.reply })); } catch { /* private mode */ }
}

function forget(item) {
  try { localStorage.removeItem(stored + item.id); } catch { /* private mode */ }
  const at = outbox.indexOf(item);
  if (at >= 0) outbox.splice(at, 1);
  if (item.element) item.element.remove();
}

/** The server shows a message of ours: it need not be sent again. */
function settled(client) {
  const item = outbox.find((other) => other.id === client);
  if (item) forget(item);
}

function restore() {
  try {
    const found = Object.keys(localStorage).filter((key) => key.startsWith(stored)).map((key) => JSON.parse(localStorage.getItem(key)));
    for (const item of found.sort((a, b) => a.at - b.at)) {
      outbox.push({ ...item, state: 'waiting' });
      draw(outbox[outbox.length - 1]);
    }
  } catch { /* private mode */ }
}

function draw(item) {
  const words = { waiting: room.live ? 'Sending …' : 'Waiting for the connection …', sending: item.file ? 'Uploading …' : 'Sending …', failed: item.why };
  const name = room.me ? room.me.name : 'You';
  const body = make('div', { className: 'body' });
  if (item.reply) body.append(make('div', { className: 'note', textContent: 'Reply to ' + item.reply.author }));
  if (item.file) body.append(make('div', { className: 'file', textContent: item.file.name }, make('span', { textContent: size(item.file.size) })));
  else body.append(make('div', { className: 'text' }, ...item.text.split('\n').map((line) => make('div', { textContent: line || '\u00a0' }))));
  body.append(make('div', { className: 'note', textContent: words[item.state] }));
  if (item.state === 'failed') {
    const again = make('button', { type: 'button', textContent: 'Try again' });
    again.addEventListener('click', () => { item.state = 'waiting'; draw(item); pump(); });
    const drop = make('button', { type: 'button', textContent: 'Discard' });
    drop.addEventListener('click', () => forget(item));
    body.append(make('div', { className: 'pending-tools' }, again, drop));
  }
  const element = make('li', null, make('div', { className: 'message first own ' + (item.state === 'failed' ? 'failed' : 'pending') },
    make('div', { className: 'avatar ' + colour(name), 'aria-hidden': 'true', textContent: initials(name) }),
    make('div', { className: 'who' }, make('b', { textContent: name })), body));
  if (item.element) item.element.replaceWith(element); else log.append(element);
  item.element = element;
  $('empty').hidden = true;
}

/** Sends what waits, one after the other, again and again until the server has it. */
async function pump() {
  if (sending || !room.me) return;
  clearTimeout(timer);
  sending = true;
  try {
    for (let item; (item = outbox.find((other) => other.state === 'waiting'));) {
      item.state = 'sending';
      draw(item);
      try {
        const answer = item.file ? await upload(item) : await write('POST', '/messages', { id: item.id, text: item.text, reply: item.reply ? item.reply.id : null });
        pause = 0;
        forget(item);
        put(answer.message);
        toEnd();
      } catch (error) {
        const final = error instanceof Refused && error.status >= 400 && error.status < 500 && ![401, 408, 425, 429].includes(error.status);
        item.state = final ? 'failed' : 'waiting';
        item.why = error.message;
        draw(item);
        if (final) continue;
        if (error.status === 401) { askName(); return; }
        pause = Math.min(Math.max(pause * 2, 500), 10000);
        timer = setTimeout(pump, pause);
        return;
      }
    }
  } finally {
    sending = false;
  }
}

function upload(item) {
  const query = new URLSearchParams({ id: item.id, name: item.file.name });
  if (item.text) query.set('text', item.text);
  if (item.reply) query.set('reply', item.reply.id);
  return call('POST', '/upload?' + query, item.file, item.file.type || 'application/octet-stream');
}

function attach(files) {
  for (const file of files) {
    if (file.size > room.max) { problem('“' + file.name + '” is larger than ' + size(room.max) + '.'); continue; }
    const words = text.value.trim() && !(about && about.kind === 'edit') ? text.value : '';
    post({ file, text: words, reply: replyOf() });
    if (words) text.value = '';
    if (!about || about.kind === 'reply') finish();
  }
}

$('attach').addEventListener('click', () => $('files').click());
$('files').addEventListener('change', () => { attach([...$('files').files]); $('files').value = ''; text.focus(); });
text.addEventListener('paste', (event) => {
  const files = [...event.clipboardData.files];
  if (files.length) { event.preventDefault(); attach(files); }
});
addEventListener('dragover', (event) => { if (event.dataTransfer.types.includes('Files')) event.preventDefault(); });
addEventListener('drop', (event) => {
  if (!event.dataTransfer.files.length) return;
  event.preventDefault();
  if (room.me) attach([...event.dataTransfer.files]);
});
addEventListener('beforeunload', (event) => { if (outbox.some((item) => item.file && item.state !== 'failed')) event.preventDefault(); });

// ---------------------------------------------------------------- who I am

function askName() {
  $('enter').hidden = false;
  $('composer').hidden = true;
  $('stay').hidden = !room.me;
  $('name').value = room.me ? room.me.name : '';
  $('name').focus();
}

function known(me) {
  room.me = me;
  $('rename').textContent = me.name;
  $('rename').setAttribute('aria-label', 'Your name is ' + me.name + '. Change it');
  $('rename').title = 'Change your name';
  $('rename').hidden = false;
  $('enter').hidden = true;
  $('composer').hidden = false;
  fit();
}

$('enter').addEventListener('submit', async (event) => {
  event.preventDefault();
  try {
    problem('');
    const fresh = !room.me;
    known(await write('POST', '/name', { name: $('name').value }));
    // The stream must carry the new cookie, so that what is for me alone comes too.
    if (fresh) connect();
    text.focus();
    pump();
  } catch (error) {
    problem(error instanceof Refused ? error.message : 'The server can’t be reached. Try again in a moment.');
  }
});
$('rename').addEventListener('click', askName);
$('stay').addEventListener('click', () => { $('enter').hidden = true; $('composer').hidden = false; problem(''); text.focus(); });
$('enter').addEventListener('keydown', (event) => { if (event.key === 'Escape' && room.me) $('stay').click(); });

// ---------------------------------------------------------------- live

let source = null;
let again = 0;

function say() {
  const link = $('link');
  if (!room.live) { link.dataset.state = 'bad'; link.textContent = 'Reconnecting …'; }
  else if (!room.relayed) { link.dataset.state = 'waiting'; link.textContent = 'Kept here, passed on later'; }
  else { link.dataset.state = 'good'; link.textContent = 'Live'; }
}

function connect() {
  clearTimeout(again);
  if (source) source.close();
  source = new EventSource(base + '/events?after=' + room.last);
  const seen = (event) => { if (event.lastEventId) room.last = Math.max(room.last, Number(event.lastEventId)); };
  source.addEventListener('open', () => { room.live = true; pause = 0; say(); pump(); });
  source.addEventListener('act', (event) => {
    seen(event);
    const fresh = put(JSON.parse(event.data).message);
    if (fresh && document.hidden) { unread += 1; title(); }
  });
  source.addEventListener('caught-up', seen);
  source.addEventListener('reset', () => { load(); });
  source.addEventListener('state', (event) => { room.relayed = JSON.parse(event.data).relayed; say(); });
  source.addEventListener('whisper', (event) => whisper(JSON.parse(event.data).html));
  source.addEventListener('error', () => {
    room.live = false;
    say();
    for (const item of outbox) if (item.state === 'waiting') draw(item);
    // A browser gives up after an answer that is no stream, so we always come back ourselves.
    source.close();
    clearTimeout(again);
    again = setTimeout(connect, 1000 + Math.random() * 1000);
  });
}

const name = $('room').textContent;
function title() { document.title = unread ? '(' + unread + ') ' + name : name; }
document.addEventListener('visibilitychange', () => { if (!document.hidden) { unread = 0; title(); } });
addEventListener('online', () => connect());

// ---------------------------------------------------------------- history

async function history(before) {
  const page = await call('GET', '/history?limit=50' + (before ? '&before=' + before : ''));
  log.setAttribute('aria-busy', 'true'); // what is old is not read aloud
  for (const message of page.messages) put(message);
  log.removeAttribute('aria-busy');
  if (page.messages.length) {
    const oldest = page.messages[0].id;
    if (!room.first || Number(oldest) < Number(room.first)) { room.first = oldest; room.more = page.more; }
  } else if (before) room.more = false;
  $('older').hidden = !room.more;
  return page;
}

$('older').addEventListener('click', async () => {
  const height = scroller.scrollHeight;
  try { await history(room.first); } catch { problem('Earlier messages can’t be fetched now.'); return; }
  scroller.scrollTop += scroller.scrollHeight - height;
  $('newest').hidden = true;
});

$('newest').addEventListener('click', () => { toEnd(); $('newest').hidden = true; text.focus(); });
scroller.addEventListener('scroll', () => { if (atEnd()) $('newest').hidden = true; }, { passive: true });
addEventListener('resize', () => { if (atEnd()) toEnd(); });

async function load() {
  try {
    const state = await call('GET', '/state');
    room.max = state.max_upload_bytes;
    const was = room.me;
    if (state.me) { if ($('enter').hidden || !was) known(state.me); } else { room.me = null; askName(); }
    for (const item of [...log.children]) if (item.message) item.remove();
    messages.clear();
    room.first = null;
    const page = await history();
    room.last = page.head;
    $('empty').hidden = !!log.firstElementChild;
    toEnd();
    connect();
    pump();
    if (state.me && !touch.matches) text.focus();
  } catch (error) {
    if (error.status === 404) {
      $('link').dataset.state = 'bad';
      $('link').textContent = 'No such room';
      problem('This room does not exist, or no longer. Ask for a new link.');
      return;
    }
    room.live = false;
    say();
    setTimeout(load, 2000);
  }
}

document.addEventListener('keydown', (event) => { if (event.key === 'Escape') closeMenus(); });
document.addEventListener('click', (event) => { if (!event.target.closest('.menu, .more')) closeMenus(); });
restore();
load();
