// The charts of a study, drawn by Plotly: curves, learning rates, parallel coordinates, importances.

const LIGHT = ['#1f5fa8', '#b4470f', '#2b7a3a', '#7a3fa0', '#8a6a00', '#0f7c80', '#a8325f', '#555b63']
const DARK = ['#7db3f2', '#f39a5f', '#7fcf8d', '#c79bea', '#e0c04d', '#63cfd3', '#f08db4', '#b6bdc6']
const DASHES = ['solid', 'dash', 'dot', 'dashdot', 'longdash']
const FEW = 12 // groups that are told apart by a legend
const MARKS = ['circle', 'square', 'diamond', 'triangle-up', 'cross', 'x', 'star', 'pentagon']
const dark = matchMedia('(prefers-color-scheme: dark)')

export function onScheme(act) { dark.addEventListener('change', act) }

const SPARSE = 25 // points of each line where there are many
const painted = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))) // what is there is seen

/** Plotly, which takes long to begin: all that is no chart is shown before. */
let begun = null
const ready = () => (begun ??= painted().then(() => new Promise((resolve) => {
  const script = document.createElement('script')
  script.src = document.getElementById('plotly').href
  script.addEventListener('load', resolve)
  document.head.append(script)
})))

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()
const palette = () => (dark.matches ? DARK : LIGHT)

function layout(xaxis, yaxis, more = {}) {
  const axis = { gridcolor: color('--line'), zeroline: false, linecolor: color('--edge'), automargin: true }
  const place = { orientation: 'h', y: -0.25, font: { size: 12 } }
  return {
    margin: { l: 50, r: 12, t: 8, b: 40 }, paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)',
    font: { color: color('--ink'), size: 13, family: 'system-ui, sans-serif' }, hovermode: 'closest', legend: place,
    hoverlabel: { bgcolor: color('--band'), font: { color: color('--ink') } },
    xaxis: { ...axis, ...xaxis }, yaxis: { ...axis, ...yaxis }, ...more,
  }
}

/** Draw a figure, or say why there is none; `words` are its caption and what a screen reader has of it. */
async function draw(id, title, words, traces, shape) {
  const figure = document.getElementById(id)
  const chart = figure.querySelector('.chart')
  const name = document.createElement('b')
  name.textContent = `${title}. `
  figure.querySelector('figcaption').replaceChildren(name, words)
  chart.classList.toggle('empty', traces.length === 0)
  await ready()
  await painted()
  if (traces.length === 0) return window.Plotly.purge(chart)
  chart.setAttribute('role', 'img')
  chart.setAttribute('aria-label', `${title}. ${words}`)
  await window.Plotly.react(chart, traces, shape, { displayModeBar: false, responsive: true })
}

const models = (groups) => [...new Set(groups.map((group) => group.model))]
const better = (metric) => (one, other) => (metric.higher ? other.best - one.best : one.best - other.best)
const scale = (metric) => (metric.name === 'accuracy' ? 'linear' : 'log')

function leaders(groups, metric) {
  return models(groups).map((model) => {
    const [first] = groups.filter((group) => group.model === model && group.best !== null).sort(better(metric))
    return first ? `${model} ${first.best_text} at ${first.choice}` : `${model} has no epoch yet`
  }).join('; ')
}

/** The metric by epoch: a line for each model and choice, its mean over the seeds that have come so far. */
export function drawCurves(groups, metric) {
  const begun = groups.filter((group) => group.epochs.length)
  const names = models(groups)
  const few = begun.length <= FEW
  const traces = few ? begun.map((group) => one(group, names, groups)) : names.map((model, place) => many(begun, model, place))
  const words = `Validation ${metric.title} by epoch, mean over the seeds that have come so far. Best: ${leaders(groups, metric)}.`
  return draw('curves', 'Curves', words, traces, layout({ title: 'epoch', rangemode: 'tozero' }, { type: scale(metric) }))
}

function one(group, names, groups) {
  const place = names.indexOf(group.model)
  const choices = groups.filter((other) => other.model === group.model).map((other) => other.choice)
  const dash = DASHES[choices.indexOf(group.choice) % DASHES.length]
  return { x: group.epochs, y: group.means, name: `${group.model}, ${group.choice}`, mode: group.epochs.length > 1 ? 'lines' : 'markers',
    line: { color: palette()[place % 8], dash, width: 2 }, hovertemplate: `${group.group}<br>epoch %{x}: %{y:.4g}<extra></extra>` }
}

function many(begun, model, place) {
  const mine = begun.filter((group) => group.model === model)
  const step = (group) => Math.ceil(group.epochs.length / SPARSE)
  const kept = (group, values) => values.filter((_, at) => at % step(group) === 0 || at === values.length - 1)
  const joined = (name) => mine.flatMap((group) => [...kept(group, group[name]), null])
  return { x: joined('epochs'), y: joined('means'), text: mine.flatMap((group) => [...kept(group, group.epochs).map(() => group.group), '']), name: model,
    mode: 'lines', line: { color: palette()[place % 8], width: 1 }, opacity: 0.55, connectgaps: false,
    hovertemplate: '%{text}<br>epoch %{x}: %{y:.4g}<extra></extra>' }
}

/** The best metric so far by learning rate; hollow where seeds are still to come, a ring around what is chosen. */
export function drawRates(groups, metric, chosen) {
  const known = groups.filter((group) => group.best !== null && group.values['optim.lr'] > 0)
  const names = models(groups)
  const traces = names.filter((model) => known.some((group) => group.model === model)).map((model) => {
    const place = names.indexOf(model)
    const mine = known.filter((group) => group.model === model).sort((a, b) => a.values['optim.lr'] - b.values['optim.lr'])
    const whole = (group) => group.done === group.seeds
    const sizes = mine.map((group) => (chosen[model] === group.choice ? 15 : 8))
    const symbols = mine.map((group) => MARKS[place % 8] + (whole(group) ? '' : '-open'))
    const simple = mine.every((group) => Object.keys(group.values).length === 1)
    return { x: mine.map((group) => group.values['optim.lr']), y: mine.map((group) => group.best), name: model,
      mode: simple ? 'lines+markers' : 'markers', line: { color: palette()[place % 8], width: 1.5 },
      marker: { color: palette()[place % 8], size: sizes, symbol: symbols, line: { width: 2, color: palette()[place % 8] } },
      text: mine.map((group) => `${group.group}: ${group.best_text}, ${group.done} of ${group.seeds} seeds done`),
      hovertemplate: '%{text}<extra></extra>' }
  })
  const words = `Best validation ${metric.title} by learning rate, mean over the seeds that are done. Hollow: not all are. Large: chosen.`
  const rates = [...new Set(known.map((group) => group.values['optim.lr']))]
  const ticks = rates.length <= 6 ? { tickvals: rates, ticktext: rates.map(number) } : { dtick: 1, exponentformat: 'power' }
  return draw('rates', 'Learning rates', words, traces, layout({ title: 'learning rate', type: 'log', ...ticks }, { type: scale(metric) }))
}

const short = (name) => (name === 'optim.lr' ? 'learning rate' : name.split('.').at(-1))

/** A line for each model and choice through its fields to its metric; better ones stand out. */
export function drawCoordinates(groups, metric) {
  const known = groups.filter((group) => group.best !== null)
  const fields = Object.keys(known[0]?.values ?? {}).filter((name) => known.every((group) => name in group.values))
  const columns = [
    { title: 'model', ...evenly(known.map((group) => group.model)) },
    ...fields.map((name) => ({ title: short(name), ...evenly(known.map((group) => group.values[name])) })),
    { title: metric.title, ...between(known.map((group) => group.best), metric) },
  ]
  const heights = known.map((_, line) => columns.map((column) => column.heights[line]))
  const ranks = known.map((_, line) => (metric.higher ? heights[line].at(-1) : 1 - heights[line].at(-1)))
  const bins = [0, 1, 2, 3, 4].map((bin) => known.map((_, line) => line).filter((line) => Math.min(4, Math.floor(ranks[line] * 5)) === bin))
  const traces = bins.filter((lines) => lines.length).map((lines) => ({
    x: lines.flatMap(() => [...columns.map((_, place) => place), null]), y: lines.flatMap((line) => [...heights[line], null]),
    text: lines.flatMap((line) => [...columns.map(() => `${known[line].group}: ${known[line].best_text}`), '']),
    hovertemplate: '%{text}<extra></extra>', mode: 'lines', showlegend: false,
    line: { color: shade(bins.indexOf(lines)), width: bins.indexOf(lines) === 4 ? 3 : 1.5 },
  }))
  const ticks = { tickmode: 'array', tickvals: columns.map((_, place) => place), ticktext: columns.map((column) => column.title), showgrid: true, range: [-0.15, columns.length - 0.5] }
  const annotations = columns.flatMap((column, place) => Object.entries(column.labels).map(([height, text]) => ({
    x: place, y: Number(height), text, showarrow: false, xanchor: 'left', xshift: 4, yshift: 8, font: { size: 11, color: color('--ink') } })))
  const words = `One line for each model and choice, from its values to its best validation ${metric.title} so far; the strongest are the best.`
  return draw('coordinates', 'Parallel coordinates', words, known.length > 1 ? traces : [],
    layout(ticks, { visible: false, range: [-0.08, 1.15] }, { annotations, margin: { l: 12, r: 30, t: 8, b: 40 } }))
}

const shade = (bin) => (dark.matches ? ['#3a4654', '#4d647d', '#6185ab', '#7db3f2', '#d6e8ff'] : ['#ccd6e2', '#a3b9d3', '#6f98c6', '#3574b8', '#0b3d77'])[bin]
const number = (value) => (typeof value === 'number' ? String(Number(value.toPrecision(3))) : value)

/** Distinct values at equal distances, in their order; of many only some are named. */
function evenly(values) {
  const distinct = [...new Set(values)].sort((a, b) => (typeof a === 'number' && typeof b === 'number' ? a - b : String(a) < String(b) ? -1 : 1))
  const height = (value) => (distinct.length > 1 ? distinct.indexOf(value) / (distinct.length - 1) : 0.5)
  const step = Math.max(1, Math.ceil((distinct.length - 1) / 6))
  const named = distinct.filter((_, place) => place % step === 0)
  return { heights: values.map(height), labels: Object.fromEntries(named.map((value) => [height(value), number(value)])) }
}

function between(values, metric) {
  const scaled = metric.name === 'accuracy' || values.some((value) => value <= 0) ? values : values.map(Math.log10)
  const low = Math.min(...scaled)
  const span = Math.max(...scaled) - low || 1
  return { heights: scaled.map((value) => (value - low) / span), labels: { 0: number(Math.min(...values)), 1: number(Math.max(...values)) } }
}

export function drawImportances(shares, why) {
  const names = Object.keys(shares).reverse()
  const traces = names.length ? [{ type: 'bar', orientation: 'h', y: names, x: names.map((name) => shares[name]), marker: { color: palette()[0] },
    text: names.map((name) => shares[name].toFixed(2)), textposition: 'outside', cliponaxis: false, hoverinfo: 'skip' }] : []
  const told = Object.entries(shares).map(([name, share]) => `${name} ${share.toFixed(2)}`).join(', ')
  return draw('importances', 'What matters', names.length ? `Share of the variance that each field explains (fANOVA): ${told}.` : why, traces,
    layout({ range: [0, 1.15] }, {}))
}

/** A cell's losses and metrics by epoch. */
export function drawCell(lines, metric) {
  const wanted = [`train/${metric.name}`, `validation/${metric.name}`, 'train/loss', 'validation/loss'].filter((name) => name in lines)
  const shown = metric.name === 'accuracy' ? wanted : wanted.slice(0, 2)
  const traces = [...new Set(shown)].map((name, place) => ({ x: lines[name].epochs, y: lines[name].values, name, mode: 'lines+markers',
    marker: { size: 4 }, line: { color: palette()[place % 8], dash: name.startsWith('train') ? 'dot' : 'solid' } }))
  return draw('cell-curves', 'By epoch', traces.length ? traces.map((trace) => trace.name).join(', ') : 'No epoch is recorded yet.', traces,
    layout({ title: 'epoch', rangemode: 'tozero' }, {}))
}
