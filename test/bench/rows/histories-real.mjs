/** Versions of one value as they really came about, against a git repository of the same; see `real-versions.mjs` for
 * where they come from. `--events=N`: the first so many of them.
 * @module */
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import { given, inFreshDirectory } from '../harness.mjs'
import { bytes, groupsOf, openHistory, say, settledBytes, storedBytes } from '../histories.mjs'
import { varveVersion } from '../peers.mjs'
import { gitPack, realVersions } from '../real-versions.mjs'

export const name = 'histories-real'
/** What the 595 versions of the figure may take. */
const FIGURE = { versions: 595, mostBytes: 110_000 }

/** @typedef {import('../real-versions.mjs').RealVersion & { text: string }} Version */

/** @returns {Promise<import('../harness.mjs').Row>} */
export async function run() {
  const found = realVersions()
  if (found === undefined) return { ...skeleton('skipped'), notes: ['Skipped: there is neither a file nor git.'] }
  const versions = found.versions
    .slice(0, given('events', found.versions.length))
    .map((version) => ({ ...version, text: JSON.stringify(version.value) }))
  return inFreshDirectory(async (directory) => {
    const stored = await store(path.join(directory, 'store'), versions)
    say(`${bytes(stored.all)} B in all`)
    return report(found.from, { versions, stored, packs: packsOf(directory, versions) })
  })
}

/** @param {string} title @returns {import('../harness.mjs').Row} */
function skeleton(title) {
  return { name, title, lines: [], figures: [], notes: [] }
}

/** Store them all with their times and labels, and read them back.
 * @param {string} directory @param {Version[]} versions */
async function store(directory, versions) {
  mkdirSync(directory)
  const { store: written, history } = await openHistory(directory)
  // Times may jump back a little; those of a history do not.
  let newest = 0
  const start = performance.now()
  for (const { at, label, value } of versions) {
    newest = Math.max(newest, at)
    await history.append(value, { at: newest, ...(label !== undefined && { label }) })
  }
  const seconds = (performance.now() - start) / 1_000
  const keyframes = new Set(await groupsOf(history)).size
  await written.close()
  const sizes = { ...storedBytes(directory), keyframes, seconds }
  const again = await openHistory(directory, { readOnly: true })
  for (const [index, { text, label }] of versions.entries()) {
    const version = index + 1
    assert.equal(JSON.stringify(await again.history.read({ version, check: true })), text, `version ${version}`)
    assert.equal((await again.history.find({ version })).label, label)
  }
  await again.store.close()
  return { ...sizes, settled: await settledBytes(directory) }
}

/** The same versions in git, each as one line of JSON and as people indent it.
 * @param {string} directory @param {Version[]} versions */
function packsOf(directory, versions) {
  const forms = {
    'one line': versions,
    indented: versions.map((version) => ({ ...version, text: `${JSON.stringify(version.value, undefined, 2)}\n` })),
  }
  return Object.entries(forms).map(([form, texts]) => {
    const place = path.join(directory, `git ${form}`)
    mkdirSync(place)
    return { form, pack: gitPack(place, texts) }
  })
}

/** @param {string} from @param {{ versions: Version[], stored: Awaited<ReturnType<typeof store>>,
 *   packs: ReturnType<typeof packsOf> }} measured @returns {import('../harness.mjs').Row} */
function report(from, { versions, stored, packs }) {
  const compact = versions.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0)
  const each = versions.reduce((sum, { text }) => sum + brotliCompressSync(text).length, 0)
  const row = (/** @type {string} */ side, /** @type {number} */ size, note = '') => [
    ...[side, bytes(size), `${(compact / size).toFixed(1)}x`, note],
  ]
  const isOfFigure = versions.length === FIGURE.versions
  const total = { what: 'all files', value: stored.all, unit: 'B' }
  const peers = packs.flatMap(({ form, pack }) =>
    pack === undefined
      ? []
      : [row(`${pack.version}, pack, ${form}`, pack.packBytes, `its index ${bytes(pack.indexBytes)} more`)],
  )
  const least = Math.min(...packs.flatMap(({ pack }) => pack?.packBytes ?? []))
  return {
    ...skeleton(`${versions.length} versions of ${from}`),
    tables: [
      {
        title: 'Bytes',
        rows: [
          ['side', 'bytes', 'smaller', ''],
          row('full copies, compact JSON', compact),
          row(varveVersion, stored.all, 'all files'),
          row('of it groups', stored.groups, `${stored.keyframes} keyframes`),
          row('of it the manifest', stored.manifest, 'a record for each append'),
          row('all files, opened twice more', stored.settled.all, 'the manifest is begun anew at an opening'),
          row('brotli of each copy', each),
          ...peers,
        ],
      },
    ],
    figures: [
      isOfFigure
        ? { ...total, held: `<= ${bytes(FIGURE.mostBytes)} B`, met: stored.all <= FIGURE.mostBytes }
        : { ...total, what: 'all files (not held: other versions than those of the figure)' },
      { what: 'groups', value: stored.groups, unit: 'B' },
      { what: 'all files, opened twice more', value: stored.settled.all, unit: 'B' },
      ...(Number.isFinite(least)
        ? [{ what: 'smallest git pack to all files', value: least / stored.all, unit: 'x' }]
        : []),
    ],
    notes: [
      `Appended one by one with times and labels in ${stored.seconds.toFixed(1)} s; every version was read back and compared.`,
      'git: one commit a version, fast-import, then gc --aggressive --prune=now; its pack holds commits and trees too.',
    ],
  }
}
