/** What versions of a value take otherwise: whole, each compressed; or the first one and changes, without keyframes.
 * @module */
import { spawnSync } from 'node:child_process'
import { statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import { fastJsonPatch, installedVersion, jsonDiffPatch } from './peers.mjs'

/** Compression at its best takes a second a copy: every so many-th copy stands for its neighbours. */
const BROTLI_STEP = 30

/** @typedef {{ peer: string, sizeBytes: number, note: string }} PeerSize
 * @typedef {{ add: (text: string) => void, size: () => PeerSize }} Peer */

/** Peers that are given the JSON text of one version after the other.
 * @param {string} directory for files @returns {Promise<Peer[]>} */
export async function versionPeers(directory) {
  const { compare } = fastJsonPatch()
  const { create } = await jsonDiffPatch()
  // As its documentation has it: what has no id is the same element in the same place.
  const objectHash = (/** @type {{ id?: string }} */ item, /** @type {number} */ index) => item.id ?? `$$index:${index}`
  const differ = create({ objectHash })
  const patches = { peer: `RFC 6902 patches, fast-json-patch ${installedVersion('fast-json-patch')}`, diff: compare }
  const deltas = {
    peer: `deltas by field "id", jsondiffpatch ${installedVersion('jsondiffpatch')}`,
    diff: (/** @type {unknown} */ before, /** @type {unknown} */ after) => differ.diff(before, after),
  }
  return [brotliOfEach(), changesAsJson(patches), changesAsJson(deltas), patchFrom(directory)]
}

/** @returns {Peer} */
function brotliOfEach() {
  let [versions, sampled, sizeBytes] = [0, 0, 0]
  return {
    add(text) {
      if (versions++ % BROTLI_STEP !== 0) return
      sampled++
      sizeBytes += brotliCompressSync(text).length
    },
    size: () => ({
      peer: `brotli of each copy, node ${process.version}`,
      sizeBytes: Math.round((sizeBytes / sampled) * versions),
      note: `from one copy of ${BROTLI_STEP}`,
    }),
  }
}

/** @param {{ peer: string, diff: (before: any, after: any) => unknown }} how @returns {Peer} */
function changesAsJson({ peer, diff }) {
  /** @type {unknown} */
  let before
  let sizeBytes = 0
  let largest = 0
  return {
    add(text) {
      const after = JSON.parse(text)
      if (before !== undefined) {
        const size = Buffer.byteLength(JSON.stringify(diff(before, after)) ?? '')
        sizeBytes += size
        largest = Math.max(largest, size)
      }
      before = after
    },
    size: () => ({
      peer,
      sizeBytes,
      note: `the first version is not in it; largest ${largest.toLocaleString('en')} B`,
    }),
  }
}

/** @param {string} directory @returns {Peer} */
function patchFrom(directory) {
  const found = spawnSync('zstd', ['--version'], { encoding: 'utf8' })
  const version = /v\d[\d.]+/.exec(found.stdout ?? '')?.[0]
  const file = (/** @type {number} */ at) => path.join(directory, `version-${at % 2}`)
  let [versions, sizeBytes] = [0, 0]
  const compress = (/** @type {number} */ at) => {
    const from = `--patch-from=${file(at - 1)}`
    const made = `${file(at)}.zst`
    const { status, stderr } = spawnSync('zstd', ['-q', '-f', '-9', '--long=27', from, file(at), '-o', made])
    if (status !== 0) throw new Error(`zstd failed: ${stderr}`)
    return statSync(made).size
  }
  return {
    add(text) {
      if (version === undefined) return
      writeFileSync(file(versions), text)
      if (versions > 0) sizeBytes += compress(versions)
      versions++
    },
    size: () =>
      version === undefined
        ? { peer: 'zstd --patch-from', sizeBytes: Number.NaN, note: 'not measured: there is no zstd' }
        : { peer: `zstd ${version} --patch-from, level 9`, sizeBytes, note: 'the first version is not in it' },
  }
}
