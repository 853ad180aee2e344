/** Open after a clean close: 1 million events, 50,000 entities, then a first read of 20 events and one synced append.
 *
 * Every run is a new process, so that nothing is compiled or cached before it; loading the module is not counted.
 * @module */
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { alternate, atMost, directorySize, inFreshDirectory, speedup } from '../harness.mjs'
import { batchesOf, orderEvents } from '../payload.mjs'
import { varveVersion } from '../peers.mjs'
import { runChild } from '../spawn.mjs'
import { openSqlite, sqliteVersion, sqliteWriter } from '../sqlite.mjs'
import { fillVarve } from '../varve.mjs'

export const name = 'open'
const EVENTS = 1_000_000
const ENTITIES = 50_000
const READS = { offset: '612345', entity: 'customer-31415' }

/** @returns {Promise<import('../harness.mjs').Row>} */
export function run() {
  return inFreshDirectory(async (directory) => {
    const stored = { varve: path.join(directory, 'varve'), sqlite: path.join(directory, 'sqlite') }
    for (const made of Object.values(stored)) mkdirSync(made)
    await fill(stored)
    const phases = new Map()
    const lines = await alternate([
      side('varve, 20 from an offset', ['open', stored.varve, READS.offset], phases),
      side('better-sqlite3, 20 from an offset', ['sqlite', stored.sqlite, READS.offset], phases),
      side('varve, the 20 of an entity', ['open', stored.varve, READS.entity], phases),
      side('better-sqlite3, the 20 of an entity', ['sqlite', stored.sqlite, READS.entity], phases),
    ])
    const traced = await runChild('open', stored.varve, READS.entity, 'trace')
    return report(/** @type {import('../harness.mjs').Line[]} */ (lines), traced, phases)
  })
}

/** @param {{ varve: string, sqlite: string }} stored */
async function fill(stored) {
  process.stderr.write(`  filling ${EVENTS} events\n`)
  const batches = batchesOf(orderEvents({ count: EVENTS, entities: ENTITIES }), 1_000)
  await fillVarve(stored.varve, batches)
  const database = openSqlite(stored.sqlite)
  database.pragma('synchronous = OFF')
  const { insertBatch } = sqliteWriter(database)
  for (const batch of batches) insertBatch(batch)
  database.close()
}

/** @param {string} label @param {string[]} task @param {Map<string, any>} phases */
function side(label, task, phases) {
  const isVarve = task[0] === 'open'
  return {
    label,
    version: isVarve ? varveVersion : sqliteVersion(),
    durability: isVarve ? 'append synced' : 'append WAL, synchronous=FULL',
    batch: 1,
    inFlight: 1,
    events: 1,
    run: async () => {
      const result = await runChild(...task)
      phases.set(label, result)
      return { ms: result.ms, sizeBytes: directorySize(task[1] ?? '') }
    },
  }
}

/** @param {import('../harness.mjs').Line[]} lines @param {any} traced @param {Map<string, any>} phases
 * @returns {import('../harness.mjs').Row} */
function report(lines, traced, phases) {
  const [byOffset, sqlByOffset, byEntity, sqlByEntity] = lines
  return {
    name,
    title: 'open after clean close, 1 million events, 50,000 entities, first read of 20, one synced append',
    lines,
    figures: [
      atMost('open + read from an offset + append', byOffset.medianMs, { most: 25, unit: 'ms' }),
      atMost('open + read of an entity + append', byEntity.medianMs, { most: 25, unit: 'ms' }),
      atMost('segment bytes read at open, by the trace', traced.bytesAtOpen['.log'] ?? 0, { most: 0, unit: 'bytes' }),
      atMost('segment bytes read at open, by the open report', traced.openReport.bytesRead, { most: 0, unit: 'bytes' }),
      { what: 'open + read from an offset + append, to better-sqlite3', ...speedup(byOffset, sqlByOffset), unit: 'x' },
      { what: 'open + read of an entity + append, to better-sqlite3', ...speedup(byEntity, sqlByEntity), unit: 'x' },
    ],
    notes: [
      ...[...phases].map(([label, at]) => {
        const [open, read, append] = [at.openMs, at.readMs, at.appendMs].map((ms) => ms.toFixed(1))
        return `Last run of ${label}: open ${open} ms, read ${read} ms, append ${append} ms.`
      }),
      `Bytes read at open, by kind of file: ${JSON.stringify(traced.bytesAtOpen)}; with the read and the append: ${JSON.stringify(traced.bytesInAll)}.`,
      `Open report: ${JSON.stringify(traced.openReport)}.`,
      'Every run is a new process; files are in the page cache. SQLite was filled with synchronous=OFF, to save time.',
    ],
  }
}
