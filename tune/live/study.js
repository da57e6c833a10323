// One study, live: asks for what has changed, and shows it.

import { ask, duration, el, find, moment, process, table, trouble } from './live.js'
import { drawCell, drawCoordinates, drawCurves, drawImportances, drawRates, onScheme } from './charts.js'

const name = document.body.dataset.study
const base = `/api/studies/${encodeURIComponent(name)}`
const EVERY = 2000 // milliseconds between two questions
const ROWS = 100 // of cells, shown at once
const URGENT = ['running', 'failed', 'diverged', 'damaged', 'paused', 'waiting', 'done', 'stopped'] // the order of cells

const cells = new Map()
const groups = new Map()
let shown = {} // the last document without cells and groups
let findings = null
let rows = ROWS
let order = { by: null, down: false }

/** Take over what has changed, and draw what depends on it. */
async function update() {
  const told = await ask(`${base}?since=${shown.version ?? ''}`)
  if (told.whole) { cells.clear(); groups.clear() }
  for (const cell of told.cells) cells.set(cell.cell, cell)
  for (const group of told.groups) groups.set(group.group, group)
  findings = told.findings ?? findings
  const before = shown
  shown = told
  trouble(told.problems)
  drawState()
  if (told.version === before.version) return
  drawProgress(); drawCost(); drawOrders(); drawLaw()
  if (told.cells.length || told.whole) { drawCells(); drawFailures() }
  drawTable()
  await drawCharts(told.groups.length > 0 || told.whole, told.findings !== null || told.whole)
}

/** Draw the charts of groups, of findings, or both; one after the other. */
async function drawCharts(hasGroups = true, hasFindings = true) {
  if (!shown.metric) return
  const all = [...groups.values()]
  if (hasGroups) await drawCurves(all, shown.metric)
  if (hasGroups || hasFindings) await drawRates(all, shown.metric, findings?.chosen ?? {})
  if (hasGroups) await drawCoordinates(all, shown.metric)
  if (hasFindings) await drawImportances(findings?.importances ?? {}, findings?.no_importances || 'Being worked out.')
}

function drawState() {
  find('state').classList.toggle('runs', Boolean(shown.driver))
  const text = shown.driver ? `A search runs: ${process(shown.driver)}, since ${moment(shown.driver.started)}` : 'No search runs'
  if (find('state').textContent !== text) find('state').textContent = text
}

function drawProgress() {
  const { counts, epochs, epochs_done: done, num_to_come: more, marks } = shown
  const share = epochs ? Math.round((100 * done) / epochs) : 0
  find('facts').textContent = [shown.data, shown.strategy, shown.folder].filter(Boolean).join(' · ')
  find('mark').textContent = marks
  find('mark').hidden = !marks
  find('bar').firstElementChild.style.width = `${share}%`
  find('bar').setAttribute('aria-valuenow', share)
  const later = more ? `, and ${more} cells more are to be proposed` : ''
  find('progress-words').textContent = `${done.toLocaleString('en')} of ${epochs.toLocaleString('en')} epochs of ${cells.size} cells${later}`
  const chip = (status, number) => el('button', { type: 'button', 'aria-pressed': String(find('status').value === status),
    onclick: () => choose(find('status').value === status ? '' : status) }, `${number} ${status}`)
  find('counts').replaceChildren(...Object.entries(counts).map(([status, number]) => chip(status, number)))
  const options = ['', ...Object.keys(counts)]
  const select = find('status')
  if ([...select.options].map((option) => option.value).join() !== options.join()) {
    const value = select.value
    select.replaceChildren(...options.map((status) => el('option', { value: status }, status || 'all')))
    select.value = options.includes(value) ? value : ''
  }
}

function choose(status) {
  find('status').value = status
  rows = ROWS
  drawProgress()
  drawCells()
}

function drawCost() {
  const { spent, to_come: left, unknown } = shown.cost
  const price = (value) => (value ? `, a price of ${value.toFixed(2)}` : '')
  const card = (title, main, detail) => el('div', { class: 'card' }, el('b', {}, title), el('span', {}, main), el('small', {}, detail))
  const searches = spent && `${spent.searches} ${spent.searches === 1 ? 'search' : 'searches'}, ${spent.gpu_hours.toFixed(2)} GPU-hours${price(spent.price)}`
  const past = spent ? card('So far', duration(spent.seconds), searches) : card('So far', 'not known', unknown)
  const work = left.trial_seconds === null ? 'not known before each model has an epoch' : `${duration(left.trial_seconds)} of trials`
  const hours = left.gpu_hours ? `, ${left.gpu_hours.toFixed(2)} GPU-hours${price(left.price)}` : ''
  const now = left.seconds === null ? `${left.epochs.toLocaleString('en')} epochs` : duration(left.seconds)
  const beside = left.running ? `, ${left.running} at a time` : ''
  find('cost').replaceChildren(past, left.cells
    ? card('To come', now, `${left.cells} cells, ${work}${beside}${hours}`) : card('To come', 'nothing', 'every cell has ended'))
}

function drawOrders() {
  if (!shown.orders.length) return find('orders').replaceChildren(el('p', { class: 'soft' }, 'No orders were given.'))
  const state = (one) => (one.taken_up_at ? `taken up after ${Math.max(0, one.taken_up_at - one.given_at).toFixed(1)} s`
    : shown.driver ? 'pending: the search has not taken it up yet' : 'pending: for the next search')
  const lines = [...shown.orders].reverse().map((one) => [one.action, one.cells ?? 'the whole study', one.who, moment(one.given_at), state(one)])
  find('orders').replaceChildren(table('The latest first', ['order', 'cells', 'by', 'given', 'state'], lines.slice(0, 30)))
}

function drawLaw() {
  find('law-section').hidden = !shown.law.length
  const names = [...new Set(shown.law.flatMap((one) => Object.keys(one.errors)))]
  const lines = shown.law.map((one) => [one.model, ...names.map((each) => one.errors[each] ?? '–'), one.breaches.join('; ') || 'no'])
  find('law').replaceChildren(table('The largest equivariance error of finished cells, by padding and precision', ['model', ...names, 'broken where it must hold'], lines))
}

function drawFailures() {
  const ended = [...cells.values()].filter((cell) => cell.reason && ['failed', 'diverged', 'damaged', 'stopped'].includes(cell.status))
  find('failures-section').hidden = !ended.length
  const one = (cell) => [el('p', {}, el('b', {}, `${cell.label}: ${cell.status}`)), el('pre', {}, cell.reason)]
  const more = ended.length > 20 ? [el('p', { class: 'soft' }, `and ${ended.length - 20} more, in the list of cells`)] : []
  find('failures').replaceChildren(...ended.slice(0, 20).flatMap(one), ...more)
}

function drawTable() {
  const soft = (text) => el('p', { class: 'soft' }, text)
  if (!findings || (!findings.rows && !findings.no_table)) return find('table').replaceChildren(soft('Being worked out from the stored predictions …'))
  if (findings.no_table) return find('table').replaceChildren(soft(findings.no_table))
  const numbers = findings.header.map((_, place) => place).slice(1)
  const working = shown.is_working ? [soft('Results have come since; the table is being worked out anew.')] : []
  find('table').replaceChildren(table(`As in the report, of the cells that are done${shown.marks ? ` (${shown.marks})` : ''}`, findings.header, findings.rows, numbers), ...working,
    el('ul', {}, ...findings.remarks.map((remark) => el('li', {}, remark))))
}

const COLUMNS = [['cell', 'label'], ['status', 'status'], ['epoch', 'epoch'], ['best epoch', 'best_epoch'], ['validation', 'best'], ['test', 'test'], ['training', 'seconds'], ['machine', 'host']]
const NUMBERS = [2, 3, 4, 5, 6]

function selected() {
  const text = find('filter').value.toLowerCase()
  const status = find('status').value
  const found = [...cells.values()].filter((cell) => (!status || cell.status === status)
    && (!text || cell.label.toLowerCase().includes(text) || cell.cell.includes(text)))
  if (!order.by) return found.sort((one, other) => URGENT.indexOf(one.status) - URGENT.indexOf(other.status))
  const value = (cell) => cell[order.by] ?? -Infinity
  found.sort((one, other) => (value(one) < value(other) ? -1 : value(one) > value(other) ? 1 : 0))
  return order.down ? found.reverse() : found
}

function drawCells() {
  const found = selected()
  const active = document.activeElement?.dataset?.cell ?? document.activeElement?.dataset?.sort
  const lines = found.slice(0, rows).map((cell) => [
    el('button', { type: 'button', 'data-cell': cell.cell, onclick: () => open(cell.cell) }, cell.label), cell.status, `${cell.epoch}/${cell.epochs}`,
    cell.best_epoch === null ? '' : String(cell.best_epoch), cell.best_text, cell.test_text, cell.seconds === null ? '' : duration(cell.seconds), cell.host])
  const made = table(`${found.length} of ${cells.size} cells`, COLUMNS.map(([title]) => title), lines, NUMBERS)
  made.querySelectorAll('thead th').forEach((head, place) => {
    const by = COLUMNS[place][1]
    if (order.by === by) head.setAttribute('aria-sort', order.down ? 'descending' : 'ascending')
    head.replaceChildren(el('button', { type: 'button', 'data-sort': by, onclick: () => sortBy(by) }, COLUMNS[place][0]))
  })
  const left = found.length - rows
  const more = left > 0 ? [el('p', {}, el('button', { type: 'button', onclick: () => { rows += ROWS; drawCells() } }, `Show ${Math.min(left, ROWS)} of ${left} more`))] : []
  const scrolled = find('cells').querySelector('.scroll')?.scrollLeft ?? 0
  find('cells').replaceChildren(made, ...more)
  made.querySelector('.scroll').scrollLeft = scrolled
  if (active) find('cells').querySelector(`[data-cell="${CSS.escape(active)}"], [data-sort="${CSS.escape(active)}"]`)?.focus({ preventScroll: true })
}

function sortBy(by) {
  order = { by, down: order.by === by ? !order.down : false }
  drawCells()
}

/** Everything about one cell, beside what the list has. */
async function open(key) {
  const cell = cells.get(key)
  find('cell-name').textContent = cell.label
  find('cell-body').replaceChildren()
  if (!find('cell').open) find('cell').showModal()
  try {
    const told = await ask(`${base}/cells/${encodeURIComponent(key)}`)
    const facts = [['status', cell.status], ['epochs', `${cell.epoch} of ${cell.epochs}`], ['folder', cell.cell],
      ['machine', [told.machine.host, told.machine.device].filter(Boolean).join(', ')],
      ['law errors', Object.entries(told.law_errors).map(([each, error]) => `${each} ${error}`).join(', ')]].filter(([, text]) => text)
    find('cell-body').replaceChildren(el('dl', {}, ...facts.flatMap(([term, text]) => [el('dt', {}, term), el('dd', {}, text)])),
      ...(told.reason ? [el('pre', {}, told.reason)] : []))
    drawCell(told.lines, shown.metric)
  } catch (error) {
    find('cell-body').replaceChildren(el('p', { class: 'trouble' }, error.message))
  }
}

/** Send an order with the token in a header. */
async function give(event) {
  event.preventDefault()
  const pattern = find('pattern').value.trim()
  const ends = pattern ? `Train ${pattern} no further?` : 'End the search that runs? Its checkpoints stay.'
  if (event.submitter.value === 'stop' && !confirm(ends)) return
  const buttons = [...find('order').querySelectorAll('button')]
  buttons.forEach((button) => { button.disabled = true })
  try {
    const body = JSON.stringify({ action: event.submitter.value, cells: pattern })
    const token = find('token').value
    sessionStorage.setItem('token', token)
    const told = await ask(`${base}/orders`, { method: 'POST', body, headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' } })
    find('answer').textContent = `Given: ${told.text}.`
    find('answer').className = ''
    await update()
  } catch (error) {
    find('answer').textContent = error.message
    find('answer').className = 'trouble'
  } finally {
    buttons.forEach((button) => { button.disabled = false })
  }
}

/** Ask again and again, while the page is seen. */
async function follow() {
  if (!document.hidden) await update().catch((error) => trouble([error.message]))
  setTimeout(follow, EVERY)
}

find('filter').addEventListener('input', () => { rows = ROWS; drawCells() })
find('status').addEventListener('change', () => choose(find('status').value))
if (find('order')) {
  find('token').value = sessionStorage.getItem('token') ?? ''
  find('order').addEventListener('submit', give)
}
onScheme(() => drawCharts())
follow()
