/** Rows as text.
 * @module */

/** @typedef {import('./harness.mjs').Row} Row @typedef {import('./harness.mjs').Line} Line
 * @typedef {import('./harness.mjs').Figure} Figure */

/** @param {ReturnType<typeof import('./harness.mjs').environment>} machine */
export function printEnvironment(machine) {
  print(`node ${machine.node} · ${machine.os} · ${machine.cpu} · ${machine.memoryGiB} GiB`)
  print(`${machine.fileSystem} at ${machine.directory} · 4 KiB write + fdatasync ${machine.syncMs.toFixed(3)} ms`)
  print(`load average before: ${machine.loadAverage.toFixed(2)}`)
}

/** @param {Row} row */
export function printRow(row) {
  print(`\n## ${row.name}: ${row.title}\n`)
  if (row.lines.length > 0) printLines(row.lines)
  for (const { title, rows } of row.tables ?? []) {
    print(`\n${title}:\n`)
    printTable(rows)
  }
  print('')
  printTable([['figure', 'measured', 'by rounds', 'held to', ''], ...row.figures.map(figureCells)])
  for (const note of row.notes) print(`- ${note}`)
}

/** @param {Line[]} lines */
function printLines(lines) {
  const header = ['side', 'median', 'min - max', 'events/s', 'on disk', 'B/event', 'events', 'batch', 'in flight']
  printTable([[...header, 'durability', 'version'], ...lines.map(cellsOf)])
}

/** @param {Line} line */
function cellsOf(line) {
  const timed = line.ms.length > 0
  return [
    line.label,
    timed ? milliseconds(line.medianMs) : '-',
    timed ? `${milliseconds(Math.min(...line.ms))} - ${milliseconds(Math.max(...line.ms))}` : '-',
    timed && line.events > 1 ? Math.round(line.perSecond).toLocaleString('en') : '-',
    line.sizeBytes === undefined ? '-' : `${(line.sizeBytes / 1e6).toFixed(1)} MB`,
    line.sizeBytes === undefined || line.events <= 1 ? '-' : (line.sizeBytes / line.events).toFixed(1),
    line.events.toLocaleString('en'),
    String(line.batch),
    String(line.inFlight),
    line.durability,
    line.version,
  ]
}

/** @param {Figure} figure */
function figureCells(figure) {
  const number = (/** @type {number | undefined} */ value) =>
    value === undefined
      ? '-'
      : `${Number.isInteger(value) ? value : value.toFixed(2)}${figure.unit === 'x' ? 'x' : ` ${figure.unit}`}`
  const verdict = figure.held === undefined ? '' : figure.met ? 'met' : 'MISSED'
  return [figure.what, number(figure.value), number(figure.pairwise), figure.held ?? '-', verdict]
}

/** @param {number} ms */
function milliseconds(ms) {
  return `${ms.toFixed(ms < 1 ? 3 : ms < 100 ? 1 : 0)} ms`
}

/** @param {string[][]} rows */
function printTable(rows) {
  const widths = (rows[0] ?? []).map((_cell, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const text = (/** @type {string[]} */ row) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const [header = [], ...body] = rows
  print(text(header))
  print(`|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`)
  for (const row of body) print(text(row))
}

/** @param {string} line */
function print(line) {
  process.stdout.write(`${line}\n`)
}
