/** Snapshots and restores where nothing can be linked, to `cp -r` of the same files, and how fast they are verified.
 * `--mb=N`, `--runs=N`.
 * @module */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import path from 'node:path'
import { nodeStorage } from '../../../dist/adapters/node/index.js'
import { alternate, atLeast, directorySize, given, inFreshDirectory, speedup } from '../harness.mjs'
import { bytes, say } from '../histories.mjs'
import { varveVersion } from '../peers.mjs'
import {
  copyAndSync,
  filesBelow,
  fillTopic,
  forget,
  MB,
  openLog,
  readAll,
  SNAPSHOTS,
  withoutLinks,
} from '../snapshots.mjs'

export const name = 'snapshots-copy'
const SIZE_MB = 1_500
const RUNS = 3

/** @typedef {{ store: any, id: string, place: string, sizeBytes: number, totalBytes: number }} Log */

/** @returns {Promise<import('../harness.mjs').Row>} */
export function run() {
  return inFreshDirectory(async (directory) => {
    const place = path.join(directory, 'store')
    const size = given('mb', SIZE_MB) * MB
    say(`storing ${bytes(size / MB)} MB`)
    const filled = await openLog(place)
    await fillTopic(filled.topic, size)
    await filled.store.close()
    const { store } = await openLog(place, { storage: withoutLinks(nodeStorage(place)) })
    const { id, totalSizeBytes: sizeBytes } = await store.snapshots.create()
    const canForget = forget(segmentsOf(place))
    const log = { store, id, place, sizeBytes, totalBytes: directorySize(path.join(place, SNAPSHOTS, id)) }
    const lines = await alternate(sidesOf(log, canForget), { runs: given('runs', RUNS) })
    const allMs = await verifyAll(log)
    await store.close()
    return report(lines, { ...log, canForget, allMs })
  })
}

/** @param {Log} log @param {boolean} canForget @returns {import('../harness.mjs').Side[]} */
function sidesOf(log, canForget) {
  const { sizeBytes } = log
  const shape = { version: varveVersion, batch: '-', inFlight: '-' }
  const copied = { ...shape, durability: 'synced', events: log.totalBytes }
  const read = { ...shape, durability: 'reads only', events: sizeBytes }
  const cold = canForget
    ? [
        { ...read, label: 'verify, from disk', run: () => verify(log, true) },
        { ...read, label: 'read, from disk', version: 'readSync, 1 MiB', run: () => readSegments(log, true) },
      ]
    : []
  return [
    { ...copied, label: 'cp -r and sync', version: 'cp', run: (directory) => copyByCp(log, directory) },
    { ...copied, label: 'snapshot without links', run: () => snapshot(log) },
    { ...copied, label: 'restore by copy, verified before', run: (directory) => restore(log, directory) },
    { ...read, label: 'verify, cached', run: () => verify(log, false) },
    { ...read, label: 'read, cached', version: 'readSync, 1 MiB', run: () => readSegments(log, false) },
    { ...read, label: 'SHA-256 in memory', version: 'node:crypto', run: async () => hash(sizeBytes) },
    ...cold,
  ]
}

/** The snapshot and not the store, which has it inside. @param {Log} log @param {string} directory */
async function copyByCp({ place, id }, directory) {
  const start = performance.now()
  copyAndSync(path.join(place, SNAPSHOTS, id), path.join(directory, 'copy'))
  return { ms: performance.now() - start }
}

/** @param {Log} log */
async function snapshot({ store, place, totalBytes }) {
  const start = performance.now()
  const { id } = await store.snapshots.create()
  const ms = performance.now() - start
  assert.ok(Math.abs(directorySize(path.join(place, SNAPSHOTS, id)) / totalBytes - 1) < 0.01)
  await store.snapshots.delete(id)
  return { ms }
}

/** What comes after verification. @param {Log} log @param {string} directory */
async function restore({ store, id, sizeBytes }, directory) {
  let verified = Number.NaN
  const onProgress = (/** @type {{ step: string }} */ { step }) => {
    if (step === 'prepare') verified = performance.now()
  }
  const to = withoutLinks(nodeStorage(path.join(directory, 'restored')))
  const { bytesCopied, filesLinked } = await store.snapshots.restore(id, { to, onProgress })
  assert.ok(filesLinked === 0 && bytesCopied >= sizeBytes)
  return { ms: performance.now() - verified }
}

/** What a restore does before it touches its target, and then is stopped. @param {Log} log @param {boolean} isCold */
async function verify({ store, id, place, sizeBytes }, isCold) {
  if (isCold) forget(segmentsOf(path.join(place, SNAPSHOTS, id)))
  const stop = new AbortController()
  let reached = 0
  let verified = Number.NaN
  const onProgress = (/** @type {{ step: string, doneBytes: number }} */ { step, doneBytes }) => {
    if (step === 'verify') reached = doneBytes
    else if (!stop.signal.aborted) {
      verified = performance.now()
      stop.abort()
    }
  }
  const start = performance.now()
  await assert.rejects(store.snapshots.restore(id, { as: 'nothing', signal: stop.signal, onProgress }))
  assert.equal(reached, sizeBytes)
  return { ms: verified - start }
}

/** Every check that varve knows, of what is derived too. @param {Log} log */
async function verifyAll({ store, id }) {
  const start = performance.now()
  assert.equal((await store.snapshots.verify(id)).ok, true)
  return performance.now() - start
}

/** @param {Log} log @param {boolean} isCold */
async function readSegments({ place, id }, isCold) {
  const files = segmentsOf(path.join(place, SNAPSHOTS, id))
  if (isCold) forget(files)
  const start = performance.now()
  readAll(files)
  return { ms: performance.now() - start }
}

/** @param {number} sizeBytes */
function hash(sizeBytes) {
  const piece = Buffer.alloc(1_048_576, 7)
  const sha = createHash('sha256')
  const start = performance.now()
  for (let done = 0; done < sizeBytes; done += piece.length) sha.update(piece.subarray(0, sizeBytes - done))
  sha.digest()
  return { ms: performance.now() - start }
}

/** @param {string} directory */
function segmentsOf(directory) {
  const ours = filesBelow(path.join(directory, 'topics')).filter((file) => file.endsWith('.log'))
  return ours.map((file) => path.join(directory, 'topics', file))
}

/** @param {import('../harness.mjs').Line[]} lines @param {Log & { canForget: boolean, allMs: number }} log
 * @returns {import('../harness.mjs').Row} */
function report(lines, { sizeBytes, totalBytes, canForget, allMs }) {
  const [cp, made, restored, cached, read, sha, cold, fromDisk] = lines
  const slower = (/** @type {any} */ one, /** @type {any} */ other) => (one.medianMs > other.medianMs ? one : other)
  return {
    name,
    title: `snapshots and restores by copy, and how fast they are verified, ${bytes(totalBytes / MB)} MB`,
    lines,
    figures: [
      atLeast('snapshot without links, to cp -r and sync', speedup(made, cp), 0.9),
      atLeast('restore by copy without its verification, to cp -r and sync', speedup(restored, cp), 0.8),
      atLeast('verification of a restore, cached, to reading or SHA-256', speedup(cached, slower(read, sha)), 0.8),
      ...(canForget ? [atLeast('the same from disk', speedup(cold, slower(fromDisk, sha)), 0.8)] : []),
      { what: 'verify(), which decodes every event, once: speed', value: sizeBytes / allMs / 1_000, unit: 'MB/s' },
      ...lines.map((line) => ({
        what: `${line.label}: speed`,
        value: line.events / line.medianMs / 1_000,
        unit: 'MB/s',
      })),
    ],
    notes: [
      'An event is a byte of a file here. Durability of copies: every file and directory synced; of cp: `sync -f` of the ' +
        'file system, or `sync` where there is none.',
      `Segments take ${bytes(sizeBytes)} bytes, with what is derived from them it is ${bytes(totalBytes)}. ` +
        'Verification before a restore reads segments alone: every batch and the chain of SHA-256, in two threads.',
    ],
  }
}
