/** Histories as the benchmarks use them, and what they take on disk.
 * @module */
import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { openStore } from '../../dist/src/index.js'
import { storageOf } from './varve.mjs'

export const HISTORY = 'board'
export const KIB = 1_024

/** Open a store and a history with default settings, which is created when missing.
 * @param {string} directory @param {{ storage?: any, readOnly?: boolean }} [options] */
export async function openHistory(directory, { storage = storageOf(directory), readOnly = false } = {}) {
  const store = await openStore({ storage, readOnly })
  const history = await store.histories.open(HISTORY, readOnly ? {} : { create: true })
  return { store, history }
}

/** Bytes of the files of a closed store: of its groups, of its manifest, and of all.
 * @param {string} directory */
export function storedBytes(directory) {
  const sizes = { groups: 0, manifest: 0, all: 0 }
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue
    const { size } = statSync(path.join(entry.parentPath ?? entry.path, entry.name))
    sizes.all += size
    if (entry.name.endsWith('.vgrp')) sizes.groups += size
    else if (entry.name.startsWith('MANIFEST')) sizes.manifest += size
  }
  return sizes
}

/** The same after two more openings: a manifest is begun anew at each, and the one before is kept.
 * @param {string} directory */
export async function settledBytes(directory) {
  for (let opening = 0; opening < 2; opening++) {
    const { store } = await openHistory(directory)
    await store.close()
  }
  return storedBytes(directory)
}

/** The version that the group of each version begins with. @param {any} history @returns {Promise<number[]>} */
export async function groupsOf(history) {
  const groups = []
  for await (const { group } of history.index()) groups.push(group)
  return groups
}

/** A figure that is held to a least value, without rounds. @param {string} what @param {number} value
 * @param {number} least @returns {import('./harness.mjs').Figure} */
export function atLeastTimes(what, value, least) {
  return { what, value, unit: 'x', held: `>= ${least.toLocaleString('en')}x`, met: value >= least }
}

/** @param {number} ms */
export function milliseconds(ms) {
  return ms < 1 ? `${(ms * 1_000).toFixed(0)} us` : `${ms.toFixed(2)} ms`
}

/** @param {number} bytes */
export function bytes(bytes) {
  return bytes.toLocaleString('en')
}

/** @param {string} text */
export function say(text) {
  process.stderr.write(`  ${text}\n`)
}
