/** Documents in a process of its own, whose memory is that of the task: everything is loaded only where it is needed.
 *
 * `node documents-child.mjs bare` prints the memory of a process with nothing in it.
 * `... ingest DIR FILE`, `... text DIR` and `... tokens FILE all|packed` read a file of JSON text into a document,
 * write a document as JSON text, and read a file with stream-json.
 * `... read DIR ORDERS sync|async` times look-ups in an export, and bare reads of the same file.
 * `... keys DIR KEYS` does it in an object of many keys. `... sqlite FILE DIR ORDERS` is the same for SQLite.
 * All print JSON.
 * @module */
import assert from 'node:assert/strict'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import path from 'node:path'
import { median, timeCalls } from './sampling.mjs'

const DOCUMENT = 'catalog'
const CHUNK_BYTES = 1 << 18
const BLOCK_BYTES = 4_096
const CALLS = 20_000
/** Places that are read in turn. */
const PLACES = 5_000
const OPENS = 9

const [task = '', ...rest] = process.argv.slice(2)
const tasks = { bare, ingest, text, tokens, read, keys, sqlite }
await tasks[/** @type {keyof typeof tasks} */ (task)]()

function bare() {
  print(memory())
}

async function ingest() {
  const [directory = '', file = ''] = rest
  const { storageOf } = await import('./varve.mjs')
  const { openStore } = await import('../../dist/src/index.js')
  const store = await openStore({ storage: storageOf(directory) })
  const before = memory()
  const begun = cpuMs()
  const start = performance.now()
  const stat = await store.documents.writeJson(DOCUMENT, chunksOf(file))
  const took = { ms: performance.now() - start, cpuMs: cpuMs() - begun }
  const used = memory()
  await store.close()
  print({ ...took, sizeBytes: stat.sizeBytes, indexBytes: stat.indexBytes, rssBefore: before.rss, ...used })
}

async function text() {
  const [directory = ''] = rest
  const { store, document } = await openDocument(directory)
  const begun = cpuMs()
  const start = performance.now()
  let sizeBytes = 0
  for await (const piece of document.json()) sizeBytes += piece.length
  const took = { ms: performance.now() - start, cpuMs: cpuMs() - begun }
  const used = memory()
  await document.close()
  await store.close()
  print({ ...took, sizeBytes, ...used })
}

async function tokens() {
  const [file = '', how] = rest
  const { streamJsonParser } = await import('./peers.mjs')
  const { createReadStream } = await import('node:fs')
  const options = how === 'packed' ? { packValues: true, streamValues: false } : {}
  const begun = cpuMs()
  const start = performance.now()
  const stream = createReadStream(file, { highWaterMark: CHUNK_BYTES }).pipe(streamJsonParser().asStream(options))
  let count = 0
  stream.on('data', () => count++)
  await new Promise((resolve, reject) => stream.on('end', resolve).on('error', reject))
  print({ ms: performance.now() - start, cpuMs: cpuMs() - begun, tokens: count, ...memory() })
}

async function read() {
  const [directory = '', orders = '', how] = rest
  const { exportTargets } = await import('./order-export.mjs')
  const { storageOf, tracedStorage } = await import('./varve.mjs')
  const targets = exportTargets(Number(orders))
  const { reads } = await openCost(tracedStorage(directory))
  const storage = storageOf(directory, how === 'async')
  const { store, document, openMs, firstOpenMs } = await openDocument(directory, storage)
  const used = memory()
  /** @type {Record<string, unknown>} */
  const measured = {}
  for (const [name, target] of Object.entries(targets)) measured[name] = await timeReads(document, target)
  const usedAfter = memory()
  const file = await documentFile(directory)
  const peer = how === 'async' ? await timeAsyncReads(file) : await timeSyncReads(file)
  await document.close()
  await store.close()
  print({ measured, bare: peer, openMs, firstOpenMs, openReads: reads, used, usedAfter })
}

async function keys() {
  const [directory = '', count = ''] = rest
  const { keyTargets } = await import('./order-export.mjs')
  const { storageOf } = await import('./varve.mjs')
  const { store, document, openMs } = await openDocument(directory, storageOf(directory))
  /** @type {Record<string, unknown>} */
  const measured = {}
  for (const [name, target] of Object.entries(keyTargets(Number(count))))
    measured[name] = await timeReads(document, target)
  await document.close()
  await store.close()
  print({ measured, openMs, used: memory() })
}

async function sqlite() {
  const [file = '', directory = '', orders = ''] = rest
  const { exportTargets } = await import('./order-export.mjs')
  const { measureSqlite } = await import('./documents-sqlite.mjs')
  print(await measureSqlite({ file, directory, targets: exportTargets(Number(orders)), orders: Number(orders) }))
}

/** Read many places in turn, whose paths are compiled once. The first time each answer is compared, and what it cost is
 * asked for, off the clock.
 * @param {any} document @param {import('./order-export.mjs').Target} target */
async function timeReads(document, target) {
  const { Path } = await import('../../dist/src/index.js')
  const paths = []
  let bytesMax = 0
  let readsMax = 0
  let scanned = 0
  const onCost = (/** @type {any} */ cost) => {
    bytesMax = Math.max(bytesMax, cost.bytesRead)
    readsMax = Math.max(readsMax, cost.reads)
    scanned += cost.eventsScanned
  }
  for (let index = 0; index < PLACES; index++) {
    const { path: text, value } = target()
    const compiled = Path.parse(text)
    assert.deepEqual(await document.read(compiled, { onCost }), value)
    paths.push(compiled)
  }
  const timed = await timeCalls({
    calls: CALLS,
    prepare: (index) => paths[index % PLACES],
    call: (compiled) => document.read(compiled),
  })
  return { ...timed, bytesMax, readsMax, scanned: scanned / PLACES }
}

/** @param {string} file */
async function timeSyncReads(file) {
  const descriptor = openSync(file, 'r')
  const into = Buffer.alloc(BLOCK_BYTES)
  const timed = await timeCalls({
    calls: CALLS,
    prepare: randomBlock(fstatSync(descriptor).size),
    call: (position) => readSync(descriptor, into, 0, BLOCK_BYTES, position),
  })
  closeSync(descriptor)
  return timed
}

/** @param {string} file */
async function timeAsyncReads(file) {
  const handle = await openFile(file)
  const into = Buffer.alloc(BLOCK_BYTES)
  const timed = await timeCalls({
    calls: CALLS,
    prepare: randomBlock((await handle.stat()).size),
    call: (position) => handle.read(into, 0, BLOCK_BYTES, position),
  })
  await handle.close()
  return timed
}

/** @param {number} sizeBytes */
function randomBlock(sizeBytes) {
  const blocks = Math.floor(sizeBytes / BLOCK_BYTES)
  return () => Math.floor(Math.random() * blocks) * BLOCK_BYTES
}

/** What opening reads of the document. @param {any} traced */
async function openCost({ storage, readsByKind }) {
  const { openStore } = await import('../../dist/src/index.js')
  const store = await openStore({ storage, readOnly: true })
  const before = readsByKind['.vdoc'] ?? 0
  const document = await store.documents.open(DOCUMENT)
  const reads = (readsByKind['.vdoc'] ?? 0) - before
  await document.close()
  await store.close()
  return { reads }
}

/** @param {string} directory @param {any} [storage] */
async function openDocument(directory, storage) {
  const { storageOf } = await import('./varve.mjs')
  const { openStore } = await import('../../dist/src/index.js')
  const store = await openStore({ storage: storage ?? storageOf(directory), readOnly: true })
  const { openMs, firstOpenMs } = await timeOpens(store)
  return { store, document: await store.documents.open(DOCUMENT), openMs, firstOpenMs }
}

/** Opening a document again and again; the first time the code is new to the runtime, too. @param {any} store */
async function timeOpens(store) {
  const times = []
  for (let round = 0; round < OPENS; round++) {
    const start = performance.now()
    const document = await store.documents.open(DOCUMENT)
    times.push(performance.now() - start)
    await document.close()
  }
  return { openMs: median(times), firstOpenMs: times[0] ?? Number.NaN }
}

/** @param {string} directory */
async function documentFile(directory) {
  const { readdirSync } = await import('node:fs')
  const folder = path.join(directory, 'documents', DOCUMENT)
  const name = readdirSync(folder).find((entry) => entry.endsWith('.vdoc')) ?? ''
  return path.join(folder, name)
}

/** A file in pieces, each read when it is asked for. @param {string} file */
function* chunksOf(file) {
  const descriptor = openSync(file, 'r')
  const into = new Uint8Array(CHUNK_BYTES)
  for (;;) {
    const count = readSync(descriptor, into, 0, CHUNK_BYTES, null)
    if (count === 0) break
    yield into.subarray(0, count)
  }
  closeSync(descriptor)
}

function memory() {
  return { rss: process.memoryUsage.rss(), peakRss: process.resourceUsage().maxRSS * 1024 }
}

/** What this process has computed so far, all threads. */
function cpuMs() {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

/** @param {unknown} result */
function print(result) {
  process.stdout.write(`${JSON.stringify(result)}\n`)
}
