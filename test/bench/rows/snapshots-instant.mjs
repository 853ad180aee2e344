/** Snapshots and forks of a topic of 10 GB while it is being written, and restores of it by links. `--mb=N`,
 * `--runs=N`.
 *
 * In each round somebody appends all the time, one durable append after the other. Each operation stands between two
 * seconds of nothing but appends, and appends of the second from its beginning are compared with those of the seconds
 * before such operations.
 * @module */
import assert from 'node:assert/strict'
import { rmSync, statfsSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { nodeStorage } from '../../../dist/adapters/node/index.js'
import { openStore } from '../../../dist/src/index.js'
import { atMost, given, inFreshDirectory } from '../harness.mjs'
import { bytes, milliseconds, say } from '../histories.mjs'
import { varveVersion } from '../peers.mjs'
import { median, quantile } from '../sampling.mjs'
import { bareLinks, filesBelow, fillTopic, GB, KIB, MB, openLog, ownBytes, SNAPSHOTS, syncPath } from '../snapshots.mjs'
import { SteadyWriter } from '../steady-writer.mjs'
import { TOPIC } from '../varve.mjs'

export const name = 'snapshots-instant'
const SIZE_MB = 10_000
const ROUNDS = 12
const RESTORES = 3
const WINDOW_MS = 1_000

/** @typedef {import('../steady-writer.mjs').Append} Append
 * @typedef {{ ms: number, cpuMs: number, own: number, appends: Append[], during: Append[], before: Append[] }} Run
 * @typedef {'snapshot' | 'links' | 'fork'} What
 * @typedef {{ restoreMs: number, verifyMs: number, verified: number, linked: number, copied: number }} Restore */

/** @returns {Promise<import('../harness.mjs').Row>} */
export function run() {
  return inFreshDirectory(async (directory) => {
    const wanted = given('mb', SIZE_MB) * MB
    const { bavail, bsize } = statfsSync(directory)
    const size = bavail * bsize > 2 * wanted ? wanted : Math.min(wanted, 4 * GB)
    const place = path.join(directory, 'store')
    say(`storing ${bytes(size / MB)} MB`)
    const { store, topic } = await openLog(place)
    await fillTopic(topic, size)
    const runs = await rounds({ place, store, topic, count: given('runs', ROUNDS) })
    const restores = await restoreRounds({ place, store, count: Math.min(RESTORES, given('runs', ROUNDS)) })
    const { segments } = topic.stats().partitions[0]
    await store.close()
    return report({ size, segments, runs, restores })
  })
}

/** @param {{ place: string, store: any, topic: any, count: number }} log
 * @returns {Promise<Record<What, Run[]>>} without the first round */
async function rounds({ place, store, topic, count }) {
  /** @type {Record<What, Run[]>} */
  const runs = { snapshot: [], links: [], fork: [] }
  const writer = new SteadyWriter(topic)
  for (let round = 0; round <= count; round++) {
    const snapshot = await measured(writer, async () => (await store.snapshots.create()).id)
    const id = snapshot.result
    snapshot.own = ownBytes(path.join(place, SNAPSHOTS, id))
    const links = await measured(writer, () => {
      const from = path.join(place, SNAPSHOTS, id)
      bareLinks(from, path.join(place, SNAPSHOTS, 'bare'), filesBelow(from))
    })
    rmSync(path.join(place, SNAPSHOTS, 'bare'), { recursive: true })
    const as = `fork-${round}`
    const fork = await measured(writer, () => store.topics.fork(TOPIC, as))
    assert.ok(fork.result.events > 0)
    fork.own = ownBytes(path.join(place, 'topics', as))
    await store.topics.delete(as)
    await store.snapshots.delete(id)
    syncPath(place)
    say(
      `${round === 0 ? 'warm-up' : `round ${round}/${count}`}: snapshot ${milliseconds(snapshot.ms)}, bare links ` +
        `${milliseconds(links.ms)}, fork ${milliseconds(fork.ms)}`,
    )
    if (round > 0)
      for (const [what, run] of Object.entries({ snapshot, links, fork })) runs[/** @type {What} */ (what)].push(run)
  }
  await writer.stop()
  return runs
}

/** @template T @param {SteadyWriter} writer @param {() => T | Promise<T>} work
 * @returns {Promise<Run & { result: T }>} */
async function measured(writer, work) {
  await sleep(WINDOW_MS / 2)
  const begun = performance.now()
  writer.appends = []
  await sleep(WINDOW_MS)
  const before = writer.appends
  writer.appends = []
  const cpu = process.cpuUsage()
  const start = performance.now()
  const result = await work()
  const end = performance.now()
  const { user, system } = process.cpuUsage(cpu)
  await sleep(Math.max(0, start + WINDOW_MS - performance.now()))
  const { appends } = writer
  const during = appends.filter(({ at }) => at < end)
  assert.ok(begun < start)
  return { ms: end - start, cpuMs: (user + system) / 1_000, own: 0, appends, during, before, result }
}

/** Nobody appends meanwhile: verifying and appending would share processors.
 * @param {{ place: string, store: any, count: number }} log @returns {Promise<Restore[]>} */
async function restoreRounds({ place, store, count }) {
  const { id } = await store.snapshots.create()
  const restores = []
  for (let round = 0; round < count; round++) {
    const target = path.join(path.dirname(place), `restored-${round}`)
    const restore = await restoreInto(store, id, target)
    say(`restore ${round + 1}/${count}: ${milliseconds(restore.restoreMs)} after ${milliseconds(restore.verifyMs)}`)
    restores.push(restore)
    const restored = await openStore({ storage: nodeStorage(target) })
    assert.equal((await restored.topics.list()).length, 1)
    await restored.close()
    rmSync(target, { recursive: true })
  }
  return restores
}

/** @param {any} store @param {string} id @param {string} target @returns {Promise<Restore>} */
async function restoreInto(store, id, target) {
  const start = performance.now()
  let verified = start
  const onProgress = (/** @type {{ step: string }} */ { step }) => {
    if (step === 'prepare') verified = performance.now()
  }
  const report = await store.snapshots.restore(id, { to: nodeStorage(target), onProgress })
  const end = performance.now()
  return {
    restoreMs: end - verified,
    verifyMs: verified - start,
    verified: report.bytesVerified,
    linked: report.filesLinked,
    copied: report.bytesCopied,
  }
}

/** @param {{ size: number, segments: number, runs: Record<What, Run[]>, restores: Restore[] }} all
 * @returns {import('../harness.mjs').Row} */
function report({ size, segments, runs, restores }) {
  const times = (/** @type {What} */ what) => runs[what].map(({ ms }) => ms)
  const p99 = (/** @type {What} */ what) => p99Of(runs[what].flatMap(({ appends }) => appends))
  const quiet = p99Of(Object.values(runs).flatMap((all) => all.flatMap(({ before }) => before)))
  const extra = (/** @type {What} */ what) => Math.max(...runs[what].map(({ own }) => own)) / KIB
  const log = `of ${bytes(size / MB)} MB`
  const [restore] = restores
  return {
    name,
    title: `snapshots, forks and restores by links ${log}, ${segments} segments, while it is being written`,
    lines: [],
    tables: [
      { title: `${varveVersion}, default settings, ${runs.snapshot.length} rounds`, rows: tableOf(runs, quiet) },
    ],
    figures: [
      atMost(`snapshot ${log} while appending`, median(times('snapshot')), { most: 100, unit: 'ms' }),
      atMost('its extra bytes on disk, the most', extra('snapshot'), { most: 1_024, unit: 'KiB' }),
      atMost('p99 of appends in the second from its beginning, to seconds without', p99('snapshot') / quiet, X),
      { what: 'the same of bare links', value: p99('links') / quiet, unit: 'x' },
      atMost(`fork ${log} while appending`, median(times('fork')), { most: 100, unit: 'ms' }),
      atMost('its extra bytes on disk, the most', extra('fork'), { most: 1_024, unit: 'KiB' }),
      { what: 'p99 of appends in the second from its beginning', value: p99('fork') / quiet, unit: 'x' },
      atMost(`restore by links ${log}, verified before`, median(restores.map(({ restoreMs }) => restoreMs)), {
        most: 1_000,
        unit: 'ms',
      }),
      { what: 'verification before it', value: median(restores.map(speedOf)), unit: 'MB/s' },
    ],
    notes: [
      'Durability: each append is synced before the next; a snapshot, a fork and a restore are synced files, directories ' +
        'and manifests. Bare links: as many links, one file of 64 KiB and the directories synced, in synchronous calls, ' +
        'so that appends wait for all of them.',
      'Extra bytes: blocks of directories and of files that have no other name, a copy of the active segment below 1 MiB ' +
        'among them.',
      `A restore links ${restore?.linked} files and copies ${bytes(restore?.copied ?? 0)} bytes.`,
    ],
  }
}

const X = { most: 1.2, unit: 'x' }
const MS_HEADS = ['p50', 'longest', 'processor, p50']

/** @param {Record<What, Run[]>} runs @param {number} quiet */
function tableOf(runs, quiet) {
  const quietAppends = Object.values(runs).flatMap((all) => all.flatMap(({ before }) => before.map(({ ms }) => ms)))
  const rows = Object.entries(runs).map(([what, all]) => [
    LABELS[/** @type {What} */ (what)],
    ...[median(all.map(({ ms }) => ms)), Math.max(...all.map(({ ms }) => ms))].map(milliseconds),
    milliseconds(median(all.map(({ cpuMs }) => cpuMs))),
    ...appendCells(all.flatMap(({ appends }) => appends)),
    ...appendCells(all.flatMap(({ during }) => during)),
  ])
  const calm = ['nothing but appends', '-', '-', '-', bytes(quietAppends.length), milliseconds(median(quietAppends))]
  return [
    ['what', ...MS_HEADS, 'appends in its second', 'p50', 'p99', 'appends begun during it', 'p50', 'p99'],
    ...rows,
    [...calm, milliseconds(quiet), '-', '-', '-'],
  ]
}

const LABELS = { snapshot: 'snapshot', links: 'bare links', fork: 'fork' }

/** @param {Append[]} appends */
function appendCells(appends) {
  if (appends.length === 0) return ['0', '-', '-']
  return [bytes(appends.length), milliseconds(median(appends.map(({ ms }) => ms))), milliseconds(p99Of(appends))]
}

/** @param {Append[]} appends */
function p99Of(appends) {
  return quantile(
    appends.map(({ ms }) => ms),
    0.99,
  )
}

/** @param {Restore} restore MB/s */
function speedOf({ verified, verifyMs }) {
  return verified / verifyMs / 1_000
}
