/** 300 small edits of a board of 800 KB, each stored as a version of a history with default settings.
 *
 * `--events=N` is the number of versions, `--runs=N` how often they are stored for the times of appends.
 * @module */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { closeSync, fdatasyncSync, mkdirSync, openSync, writeSync } from 'node:fs'
import path from 'node:path'
import { BoardAuthor, FORMS } from '../board.mjs'
import { atMost, given, inFreshDirectory } from '../harness.mjs'
import {
  atLeastTimes,
  bytes,
  groupsOf,
  KIB,
  milliseconds,
  openHistory,
  say,
  settledBytes,
  storedBytes,
} from '../histories.mjs'
import { versionPeers } from '../history-peers.mjs'
import { seeded } from '../payload.mjs'
import { varveVersion } from '../peers.mjs'
import { median, quantile } from '../sampling.mjs'
import { tracedStorage } from '../varve.mjs'

export const name = 'histories-edits'
const VERSIONS = 300
const RUNS = 3
const REBUILDS = 200
/** Versions at each of which one path is read by a history that was just opened. */
const FIRST_READS = 20
const PATH_READS = 500

/** @typedef {{ append: number[], whole: number[], json: number[], copy: number[] }} Times in milliseconds
 * @typedef {(typeof FORMS)[number]} Form
 * @typedef {{ form: Form, versions: number, copiesBytes: number, stored: ReturnType<typeof storedBytes>,
 *   settled: ReturnType<typeof storedBytes>,
 *   peers: import('../history-peers.mjs').PeerSize[], edits: Map<string, number[]>, keyframes: number }} Sizes
 * @typedef {{ rebuild: number[], keyframe: number[], path: number[], firstBytes: number[], laterBytes: number[],
 *   firstMs: number[] }} Reads
 * @typedef {{ rounds: Times[], cpu: { append: number, json: number } }} Appends */

/** @returns {Promise<import('../harness.mjs').Row>} */
export async function run() {
  const versions = given('events', VERSIONS)
  const results = []
  for (const form of FORMS) {
    say(`shapes ${form === 'array' ? 'in an array' : form}`)
    const { sizes, reads } = await inFreshDirectory((directory) => storeAndRead(directory, form, versions))
    /** @type {Appends} */
    const appends = { rounds: [], cpu: { append: 0, json: 0 } }
    for (let round = 0; round < given('runs', RUNS); round++) {
      appends.rounds.push(await inFreshDirectory((directory) => timeAppends(directory, form, versions, appends.cpu)))
      say(`run ${round + 1}: append ${milliseconds(median(appends.rounds.at(-1)?.append ?? []))}`)
    }
    results.push({ sizes, reads, appends })
  }
  return report(results)
}

/** Store all versions, then read them back. @param {string} directory @param {Form} form @param {number} versions */
async function storeAndRead(directory, form, versions) {
  const [stored, peerFiles] = [path.join(directory, 'store'), path.join(directory, 'peers')]
  for (const made of [stored, peerFiles]) mkdirSync(made)
  const { sizes, digests } = await storeVersions(stored, { form, versions, peerFiles })
  const { store, history } = await openHistory(stored, { readOnly: true })
  for (const [index, digest] of digests.entries()) {
    const value = await history.read({ version: index + 1, check: true })
    assert.equal(digestOf(JSON.stringify(value)), digest, `version ${index + 1}`)
  }
  const groups = await groupsOf(history)
  const rebuilt = await timeRebuilds(history, groups)
  await store.close()
  return { sizes, reads: { ...rebuilt, ...(await measurePaths(stored, { form, versions })) } }
}

/** @param {string} directory @param {{ form: Form, versions: number, peerFiles: string }} what */
async function storeVersions(directory, { form, versions, peerFiles }) {
  const author = new BoardAuthor(form)
  const peers = await versionPeers(peerFiles)
  const { store, history } = await openHistory(directory)
  const digests = []
  /** @type {Map<string, number[]>} */
  const edits = new Map()
  let [copiesBytes, keyframes] = [0, 0]
  for (let index = 0; index < versions; index++) {
    const what = index === 0 ? '' : author.edit()
    const { isDelta, sizeBytes } = await history.append(author.board)
    if (isDelta) edits.set(what, [...(edits.get(what) ?? []), sizeBytes])
    else keyframes++
    const text = JSON.stringify(author.board)
    digests.push(digestOf(text))
    copiesBytes += Buffer.byteLength(text)
    for (const peer of peers) peer.add(text)
  }
  await store.close()
  const stored = storedBytes(directory)
  const settled = await settledBytes(directory)
  const peerSizes = peers.map((peer) => peer.size())
  return { sizes: { form, versions, copiesBytes, stored, settled, edits, keyframes, peers: peerSizes }, digests }
}

/** @param {string} text */
function digestOf(text) {
  return createHash('sha256').update(text).digest('hex')
}

/** Any version, and the keyframe of its group, in turn. @param {any} history @param {number[]} groups */
async function timeRebuilds(history, groups) {
  const random = seeded(7)
  /** @type {{ rebuild: number[], keyframe: number[] }} */
  const times = { rebuild: [], keyframe: [] }
  for (let count = -REBUILDS / 4; count < REBUILDS; count++) {
    const version = 1 + Math.floor(random() * groups.length)
    const rebuild = await timed(() => history.read({ version }))
    const keyframe = await timed(() => history.read({ version: groups[version - 1] }))
    if (count < 0) continue
    times.rebuild.push(rebuild)
    times.keyframe.push(keyframe)
  }
  return times
}

/** One path of random versions: bytes of the group's file that are read, by a history that was just opened and by one
 * that is in use. @param {string} directory @param {{ form: Form, versions: number }} what */
async function measurePaths(directory, { form, versions }) {
  const author = new BoardAuthor(form)
  const random = seeded(9)
  /** @type {{ path: number[], firstMs: number[], firstBytes: number[], laterBytes: number[] }} */
  const measured = { path: [], firstMs: [], firstBytes: [], laterBytes: [] }
  const read = async (/** @type {any} */ history, /** @type {any} */ traced) => {
    const before = traced.bytesByKind['.vgrp'] ?? 0
    const where = { version: 1 + Math.floor(random() * versions), path: author.path() }
    const ms = await timed(() => history.read(where))
    return { ms, read: (traced.bytesByKind['.vgrp'] ?? 0) - before }
  }
  for (let count = 0; count < FIRST_READS; count++) {
    const traced = tracedStorage(directory)
    const { store, history } = await openHistory(directory, { storage: traced.storage, readOnly: true })
    const first = await read(history, traced)
    measured.firstMs.push(first.ms)
    measured.firstBytes.push(first.read)
    if (count === 0) {
      for (let later = 0; later < PATH_READS; later++) {
        const one = await read(history, traced)
        measured.path.push(one.ms)
        measured.laterBytes.push(one.read)
      }
    }
    await store.close()
  }
  return measured
}

/** Append every version; beside it, each as JSON text, and as a file of that text.
 * @param {string} directory @param {Form} form @param {number} versions @param {Appends['cpu']} cpu is added to */
async function timeAppends(directory, form, versions, cpu) {
  const author = new BoardAuthor(form)
  const { store, history } = await openHistory(directory)
  /** @type {Times} */
  const times = { append: [], whole: [], json: [], copy: [] }
  for (let index = 0; index < versions; index++) {
    if (index > 0) author.edit()
    const begun = process.cpuUsage()
    const start = performance.now()
    const { isDelta } = await history.append(author.board)
    const took = performance.now() - start
    const used = cpuSince(begun)
    times[isDelta ? 'append' : 'whole'].push(took)
    const next = process.cpuUsage()
    times.json.push(await timed(() => JSON.stringify(author.board)))
    if (isDelta) {
      cpu.append += used
      cpu.json += cpuSince(next)
    }
    times.copy.push(await timed(() => writeCopy(path.join(directory, `copy-${index % 2}`), author.board)))
  }
  await store.close()
  return times
}

/** @param {string} file @param {unknown} value */
function writeCopy(file, value) {
  const text = Buffer.from(JSON.stringify(value))
  const descriptor = openSync(file, 'w')
  for (let at = 0; at < text.length; ) at += writeSync(descriptor, text, at)
  fdatasyncSync(descriptor)
  closeSync(descriptor)
}

/** @param {NodeJS.CpuUsage} begun @returns {number} milliseconds */
function cpuSince(begun) {
  const { user, system } = process.cpuUsage(begun)
  return (user + system) / 1_000
}

/** @param {() => unknown} work */
async function timed(work) {
  const start = performance.now()
  await work()
  return performance.now() - start
}

/** @param {{ sizes: Sizes, reads: Reads, appends: Appends }[]} results @returns {import('../harness.mjs').Row} */
function report(results) {
  const [{ sizes }] = /** @type {[(typeof results)[0]]} */ (results)
  const megabytes = (sizes.copiesBytes / sizes.versions / 1e6).toFixed(2)
  return {
    name,
    title: `${sizes.versions} versions of a board of ${megabytes} MB, small edits`,
    lines: [],
    tables: results.flatMap((result) => [sizeTable(result.sizes), timeTable(result)]),
    figures: results.flatMap(figures),
    notes: [
      ...results.map(({ sizes: of }) => editNote(of)),
      'Every version was read back and compared by a hash of its JSON text. All files are in the page cache.',
      'An append is durable: its file and the manifest are synced; the times of those that begin a group are apart. ' +
        'A full copy is JSON.stringify, a write and fdatasync of a file that exists.',
      'The keyframe is the first version of the group that the version is in, read in turn with it. A path is the text ' +
        "of a shape; bytes are those read of groups' files.",
    ],
  }
}

/** @param {Sizes} sizes @returns {import('../harness.mjs').Table} */
function sizeTable({ form, copiesBytes, stored, settled, peers, keyframes }) {
  const cells = (/** @type {string} */ side, /** @type {number} */ size, note = '') => [
    side,
    Number.isNaN(size) ? '-' : bytes(size),
    Number.isNaN(size) ? '-' : `${(copiesBytes / size).toFixed(0)}x`,
    note,
  ]
  return {
    title: `Bytes, shapes ${form === 'array' ? 'in an array' : form}`,
    rows: [
      ['side', 'bytes', 'smaller', ''],
      cells('full copies, JSON', copiesBytes),
      cells(`${varveVersion}, all files`, stored.all, 'held to the figure'),
      cells('of it groups', stored.groups, `${keyframes} keyframes`),
      cells('of it the manifest', stored.manifest, 'a record for each append'),
      cells('all files, opened twice more', settled.all, 'the manifest is begun anew at an opening'),
      ...peers.map(({ peer, sizeBytes, note }) => cells(peer, sizeBytes, note)),
    ],
  }
}

/** @param {{ sizes: Sizes, reads: Reads, appends: Appends }} result @returns {import('../harness.mjs').Table} */
function timeTable({ sizes: { form }, reads, appends: { rounds } }) {
  const cells = (/** @type {string} */ what, /** @type {number[]} */ times) => [
    what,
    ...[median(times), quantile(times, 0.99), Math.max(...times)].map(milliseconds),
    bytes(times.length),
  ]
  return {
    title: `Times, shapes ${form === 'array' ? 'in an array' : form}`,
    rows: [
      ['what', 'p50', 'p99', 'longest', 'calls'],
      cells('append of an edit', all(rounds, 'append')),
      cells('append that begins a group', all(rounds, 'whole')),
      cells('JSON.stringify', all(rounds, 'json')),
      cells('full copy, synced', all(rounds, 'copy')),
      cells('rebuild a version', reads.rebuild),
      cells('its keyframe alone', reads.keyframe),
      cells('one path', reads.path),
      cells('one path, history just opened', reads.firstMs),
    ],
  }
}

/** @param {{ sizes: Sizes, reads: Reads, appends: Appends }} result @returns {import('../harness.mjs').Figure[]} */
function figures({ sizes, reads, appends: { rounds, cpu } }) {
  const of = (/** @type {string} */ what) => `${sizes.form}: ${what}`
  const ratio = (/** @type {keyof Times} */ to, /** @type {number} */ at) => ({
    value: quantile(all(rounds, 'append'), at) / quantile(all(rounds, to), at),
    pairwise: median(rounds.map((times) => quantile(times.append, at) / quantile(times[to], at))),
  })
  const held = (/** @type {string} */ what, /** @type {{ value: number }} */ measured) => ({
    ...atMost(of(what), measured.value, { most: 1.5, unit: 'x' }),
    ...measured,
  })
  const most = (/** @type {number[]} */ read) => Math.max(...read) / KIB
  return [
    atLeastTimes(of('full copies to all files'), sizes.copiesBytes / sizes.stored.all, 500),
    held('append to JSON.stringify, p50', ratio('json', 0.5)),
    held('append to JSON.stringify, p99', ratio('json', 0.99)),
    { what: of('the same by processor time'), value: cpu.append / cpu.json, unit: 'x' },
    { what: of('append to a full copy, p50'), ...ratio('copy', 0.5), unit: 'x' },
    held('rebuild to its keyframe, p50', { value: median(reads.rebuild) / median(reads.keyframe) }),
    atMost(of('bytes read for a path, just opened'), most(reads.firstBytes), { most: 64, unit: 'KiB' }),
    atMost(of('bytes read for a path, later'), most(reads.laterBytes), { most: 64, unit: 'KiB' }),
  ]
}

/** @param {Times[]} rounds @param {keyof Times} of */
function all(rounds, of) {
  return rounds.flatMap((times) => times[of])
}

/** @param {Sizes} sizes */
function editNote({ form, edits }) {
  const each = [...edits].map(([what, sizes]) => `${sizes.length} ${what} ${median(sizes).toFixed(0)} B`)
  return `${form}: median bytes of a version in its group, by edit: ${each.join(', ')}.`
}
