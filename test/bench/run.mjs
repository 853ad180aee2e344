/** The benchmarks: `npm run bench -- NAME|documents|histories|projections|snapshots|all [--json]
 * [--events=N,...] [--runs=N] [--mb=N]`.
 *
 * `--events`, `--runs` and `--mb`, the size of logs that are copied or linked, make the newer rows smaller, to try them
 * out; what comes out then is no measurement.
 * Each row runs in a process of its own, so that what one row warmed up or left behind does not change another.
 * Tables or JSON go to standard output, progress to standard error. A figure that is missed does not fail the run.
 * @module */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { environment } from './harness.mjs'
import { installPeers } from './peers.mjs'
import { printEnvironment, printRow } from './table.mjs'

const NAMES = [
  ...['append', 'single', 'replay', 'open', 'recover', 'size'],
  ...['find', 'idempotency', 'condition', 'roll', 'noindex', 'follow', 'compress', 'prune'],
  ...['documents-read', 'documents-keys', 'documents-index', 'documents-write', 'documents-ingest'],
  ...['histories-edits', 'histories-real', 'histories-metrics', 'histories-many'],
  ...['projections-catch-up', 'projections-state-at', 'projections-follow'],
  ...['snapshots-instant', 'snapshots-copy', 'snapshots-export', 'snapshots-list'],
]
/** Names of several rows at once. */
const GROUPS = new Map([
  ['all', NAMES],
  ...['documents', 'histories', 'projections', 'snapshots'].map(
    (group) => /** @type {const} */ ([group, NAMES.filter((name) => name.startsWith(`${group}-`))]),
  ),
])

const names = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const options = process.argv.slice(2).filter((argument) => argument.startsWith('--'))
const unknown = [
  ...names.filter((name) => !GROUPS.has(name) && !NAMES.includes(name)),
  ...options.filter((option) => !/^--(?:json|row|(?:events|runs|mb)=[\d,]+)$/.test(option)),
]
if (names.length === 0 || unknown.length > 0) {
  if (unknown.length > 0) process.stderr.write(`bench: unknown: ${unknown.join(', ')}\n`)
  process.stderr.write(
    `usage: npm run bench -- NAME|all [--json] [--events=N,...] [--runs=N] [--mb=N]\n  names: ${NAMES.join(', ')}; ` +
      'documents, histories, projections or snapshots for all of theirs\n',
  )
  process.exit(1)
}
if (options.includes('--row')) {
  const { run } = await import(`./rows/${names[0]}.mjs`)
  process.stdout.write(JSON.stringify(await run()))
} else {
  bench([...new Set(names.flatMap((name) => GROUPS.get(name) ?? name))])
}

/** @param {string[]} wanted */
function bench(wanted) {
  installPeers()
  const machine = environment()
  const asJson = options.includes('--json')
  const rows = []
  if (!asJson) printEnvironment(machine)
  for (const name of wanted) {
    process.stderr.write(`${name}:\n`)
    const row = rowInOwnProcess(name)
    rows.push(row)
    if (!asJson) printRow(row)
  }
  if (asJson) process.stdout.write(`${JSON.stringify({ environment: machine, rows }, undefined, 2)}\n`)
}

/** @param {string} name @returns {import('./harness.mjs').Row} */
function rowInOwnProcess(name) {
  const passedOn = options.filter((option) => option.includes('='))
  const command = [fileURLToPath(import.meta.url), name, '--row', ...passedOn]
  const { status, stdout } = spawnSync(process.execPath, command, {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  if (status !== 0) {
    process.stderr.write(`bench: row ${name} failed\n`)
    process.exit(1)
  }
  return JSON.parse(stdout)
}
