/** What is measured from the first moment of a process, or by its memory: only varve is loaded, the rest when needed.
 *
 * `node lean-child.mjs bare` and `... modules` print the memory of a process with nothing, and with varve loaded.
 * `... first DIR EVENTS HOW` opens and reads the 20 events of one entity. `... warm DIR EVENTS HOW` times look-ups.
 * `... keyed DIR KEY` opens and repeats an append by its key, then others. HOW: `sync`, `async` or `read-only`.
 * `... sqlite DIR EVENTS first|warm` is the same for SQLite. All print JSON.
 * @module */
import assert from 'node:assert/strict'
import { findTargets } from './find-events.mjs'
import { timeCalls } from './sampling.mjs'

const READ_EVENTS = 20
const PAGE_EVENTS = 1_000
const CALLS = 200
const CALLS_OF_PAGES = 60

const [task = '', directory = '', ...rest] = process.argv.slice(2)
const tasks = { bare, modules, first, warm, keyed, sqlite }
await tasks[/** @type {keyof typeof tasks} */ (task)]()

function bare() {
  print(memory())
}

async function modules() {
  await import('./varve.mjs')
  print(memory())
}

async function first() {
  const { openVarve, storageOf } = await import('./varve.mjs')
  const entity = findTargets(Number(rest[0]), process.pid).entity()
  const storage = storageOf(directory, rest[1] === 'async')
  const start = performance.now()
  const { store, topic } = await openVarve(directory, storage, { readOnly: rest[1] === 'read-only' })
  const opened = performance.now()
  const { items } = await topic.page({ entity, limit: READ_EVENTS })
  const read = performance.now()
  const used = memory()
  assert.equal(items.length, READ_EVENTS)
  const { source, segmentsRead, bytesRead, rowsReplayed, refused } = store.openReport
  await store.close()
  const openReport = { source, segmentsRead, bytesRead, rowsReplayed, refused: refused.length }
  print({ ms: read - start, openMs: opened - start, readMs: read - opened, ...used, openReport })
}

async function warm() {
  const { openVarve, storageOf } = await import('./varve.mjs')
  const { store, topic } = await openVarve(directory, storageOf(directory, rest[1] === 'async'), { readOnly: true })
  /** @type {Record<string, unknown>} */
  const measured = {}
  for (const [name, work] of Object.entries(lookUps(topic, Number(rest[0])))) measured[name] = await timeCalls(work)
  const used = memory()
  await store.close()
  print({ ...measured, used })
}

/** @param {any} topic @param {number} events */
function lookUps(topic, events) {
  const target = findTargets(events, 11)
  const has = (/** @type {number} */ count) => (/** @type {any} */ answer) => {
    assert.equal((answer.items ?? answer).length, count)
  }
  const page = (/** @type {() => any} */ options, /** @type {number} */ count) => ({
    calls: count >= PAGE_EVENTS ? CALLS_OF_PAGES : CALLS,
    prepare: options,
    call: (/** @type {any} */ asked) => topic.page(asked),
    check: has(count),
  })
  // The first page gives the cursor, off the clock.
  const step = (/** @type {() => any} */ options) => ({
    ...page(options, options().limit),
    prepare: async () => {
      const { from, ...filter } = options()
      return { ...filter, cursor: (await topic.page({ from, ...filter })).nextCursor }
    },
  })
  const from = target.startOffset
  const each = (/** @type {() => any} */ prepare, /** @type {(asked: any) => unknown} */ call) => ({
    calls: CALLS,
    prepare,
    call,
  })
  return {
    'the 20 events of an entity': page(() => ({ entity: target.entity(), limit: READ_EVENTS }), READ_EVENTS),
    'page of 1,000, whole topic': page(() => ({ from: from(), limit: PAGE_EVENTS }), PAGE_EVENTS),
    'page of 1,000 of a kind (1 in 8)': page(
      () => ({ from: from(), kind: target.kind(), limit: PAGE_EVENTS }),
      PAGE_EVENTS,
    ),
    'page of 1,000 of a scope (1 in 20)': page(
      () => ({ from: from(), scope: target.scope(), limit: PAGE_EVENTS }),
      PAGE_EVENTS,
    ),
    'cursor step, 10 of an entity': step(() => ({ entity: target.entity(), limit: READ_EVENTS / 2 })),
    'cursor step, 20 of a kind': step(() => ({ from: from(), kind: target.kind(), limit: READ_EVENTS })),
    'get by offset': each(target.offset, (offset) => topic.get(offset)),
    "get by the caller's id": page(() => ({ id: target.id(), limit: 1 }), 1),
    'the 10 events of a correlation': page(() => ({ correlationId: target.correlationId() }), 10),
    'causes of an event (7)': { ...each(target.lastId, (id) => topic.causes(id)), check: has(7) },
    'effects of an event (7)': { ...each(target.firstId, (id) => topic.effects(id)), check: has(7) },
    'version of an entity': each(target.entity, (entity) => topic.version(entity)),
    'version of an entity that never was': each(target.absentEntity, (entity) => topic.version(entity)),
  }
}

async function keyed() {
  const { openVarve, keyedEvent } = await import('./varve.mjs')
  const keys = Number(rest[0])
  const start = performance.now()
  const { store, topic } = await openVarve(directory)
  const opened = performance.now()
  const openRss = memory().rss
  // Without keys there is nothing to repeat: then the first answer is that to an append.
  const repeat = async (/** @type {number} */ number) => {
    const receipt = await topic.append(keyedEvent(number), { idempotencyKey: `request-${number}` })
    assert.equal(receipt.replayed, true)
    assert.equal(receipt.firstOffset, number)
  }
  if (keys > 0) await repeat(keys >> 1)
  else await topic.append(keyedEvent(0))
  const answered = performance.now()
  const used = memory()
  const random = findTargets(Math.max(keys, 1), 13).offset
  const repeated = keys > 0 ? await timeCalls({ calls: CALLS * 5, prepare: random, call: repeat }) : undefined
  const after = memory()
  await store.close()
  print({ openMs: opened - start, firstMs: answered - opened, openRss, ...used, rssAfter: after.rss, repeated })
}

async function sqlite() {
  const { measureSqlite } = await import('./find-sqlite.mjs')
  print(await measureSqlite(directory, { events: Number(rest[0]), how: rest[1] ?? '', memory }))
}

function memory() {
  return { rss: process.memoryUsage.rss(), peakRss: process.resourceUsage().maxRSS * 1024 }
}

/** @param {unknown} result */
function print(result) {
  process.stdout.write(`${JSON.stringify(result)}\n`)
}
