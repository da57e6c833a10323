// What both pages share, and the list of studies.

export const find = (id) => document.getElementById(id)

/** An element with attributes and children; texts stay texts. */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value)
    else if (value !== false && value !== null) made.setAttribute(name, value === true ? '' : value)
  }
  made.append(...children.filter((child) => child !== null))
  return made
}

/** Ask the server; throws an Error with its one line, or that it does not answer. */
export async function ask(path, options = {}) {
  let answer
  try {
    answer = await fetch(path, options)
  } catch {
    throw new Error('The server of this page does not answer. What stands here is what it said last.')
  }
  const said = await answer.json().catch(() => ({}))
  if (!answer.ok) throw new Error(said.error ?? `The server answers ${answer.status}.`)
  return said
}

export function trouble(lines) {
  find('trouble').textContent = lines.join('\n')
  find('trouble').hidden = lines.length === 0
}

/** A table with a sentence above it, in a region that scrolls sideways where it is too wide; `numbers` are columns aligned to the right. */
export function table(caption, header, rows, numbers = []) {
  const side = (place) => (numbers.includes(place) ? { class: 'number' } : {})
  const body = rows.map((row) =>
    el('tr', {}, ...row.map((value, place) =>
      place === 0 ? el('th', { scope: 'row' }, value) : el('td', side(place), value))))
  const made = el('table', { 'aria-label': caption },
    el('thead', {}, el('tr', {}, ...header.map((name, place) => el('th', { scope: 'col', ...side(place) }, name)))),
    el('tbody', {}, ...body))
  return el('div', {}, el('p', { class: 'soft' }, `${caption}.`),
    el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption }, made))
}

/** As `duration` in tune/core/console.py. */
export function duration(seconds) {
  for (const [unit, name, digits] of [[86400, 'days', 0], [3600, 'h', 1], [60, 'min', 0]])
    if (seconds >= 2 * unit) return `${(seconds / unit).toFixed(digits)} ${name}`
  return `${Math.round(seconds)} s`
}

export const moment = (seconds) => new Date(seconds * 1000).toLocaleString()

export const process = (driver) => `pid ${driver.pid} on ${driver.host}`

const others = (counts) => Object.entries(counts).filter(([status]) => status !== 'done')
  .map(([status, number]) => `${number}\u00a0${status}`).join(', ')

const COLUMNS = ['study', 'data', 'cells done', 'others', 'marks', 'search runs as', 'last result']

/** One row a study: its name at once, the numbers when they are known. */
async function list() {
  const told = await ask('/api/studies')
  find('facts').textContent = `${told.studies.length} in ${told.storage}`
  const rows = told.studies.map((name) => [el('a', { href: `/studies/${encodeURIComponent(name)}` }, name), 'reading …', '', '', '', '', ''])
  const made = table('Every study of the storage', COLUMNS, rows, [2])
  const lines = [...made.querySelectorAll('tbody tr')]
  find('studies').replaceChildren(made, ...(told.others.length
    ? [el('p', { class: 'soft' }, `Not studies: ${told.others.join(', ')}.`)] : []))
  for (const [place, name] of told.studies.entries()) await fill(lines[place], name)
}

async function fill(line, name) {
  const cells = [...line.querySelectorAll('td')]
  try {
    const one = await ask(`/api/studies/${encodeURIComponent(name)}/summary`)
    if (one.problems.length) throw new Error(one.problems[0])
    const texts = [one.data, `${one.counts.done ?? 0} / ${one.num_cells + one.num_to_come}`, others(one.counts), one.marks,
      one.driver ? process(one.driver) : '', one.last_result_at ? moment(one.last_result_at) : '']
    cells.forEach((cell, place) => { cell.textContent = texts[place] })
  } catch (error) {
    cells[0].textContent = error.message
    cells[0].className = 'trouble'
  }
}

if (find('studies')) list().catch((error) => trouble([error.message]))
