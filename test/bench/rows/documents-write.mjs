/** Writing a value as a document, against `JSON.stringify` or msgpackr and a synced write of what they make.
 * @module */
import assert from 'node:assert/strict'
import { closeSync, fsyncSync, openSync, readFileSync, statSync, writeSync } from 'node:fs'
import path from 'node:path'
import { Packr } from 'msgpackr/pack'
import { openStore } from '../../../dist/src/index.js'
import { alternate, atLeast, given, RUNS, speedup } from '../harness.mjs'
import { exportValue } from '../order-export.mjs'
import { msgpackrVersion, varveVersion } from '../peers.mjs'
import { storageOf } from '../varve.mjs'

export const name = 'documents-write'
const ORDERS = 60_000
const DURABILITY = 'file and directory synced'

/** @returns {Promise<import('../harness.mjs').Row>} */
export async function run() {
  const value = exportValue(given('events', ORDERS))
  const node = `node ${process.version}`
  const packr = new Packr({ useRecords: false })
  const lines = await alternate(
    [
      varveSide(value),
      bytesSide('JSON.stringify + write', node, value, () => Buffer.from(JSON.stringify(value))),
      bytesSide('msgpackr + write', msgpackrVersion, value, () => packr.pack(value)),
    ],
    { runs: given('runs', RUNS) },
  )
  const [varve, json, msgpack] = /** @type {import('../harness.mjs').Line[]} */ (lines)
  const smaller = (/** @type {import('../harness.mjs').Line} */ line) => (varve?.sizeBytes ?? 0) / (line.sizeBytes ?? 1)
  return {
    name,
    title: 'a value of many orders as a document',
    lines,
    figures: [
      atLeast('varve to JSON.stringify and a write', speedup(varve, json), 1),
      { what: 'varve to msgpackr and a write', ...speedup(varve, msgpack), unit: 'x' },
      { what: 'size to that of the JSON', value: smaller(json), unit: 'x' },
      { what: 'size to that of the msgpack', value: smaller(msgpack), unit: 'x' },
    ],
    notes: ['An event is an order, about 875 bytes of JSON. varve also syncs the record in its manifest.'],
  }
}

/** @param {{ orders: unknown[] }} value */
function varveSide(value) {
  return {
    label: 'varve',
    version: varveVersion,
    durability: DURABILITY,
    events: value.orders.length,
    batch: 1,
    inFlight: 1,
    run: async (/** @type {string} */ directory) => {
      const store = await openStore({ storage: storageOf(directory) })
      const start = performance.now()
      const { sizeBytes } = await store.documents.write('catalog', value)
      const ms = performance.now() - start
      assert.deepEqual(await store.documents.read('catalog', 'orders[7]'), value.orders[7])
      await store.close()
      return { ms, sizeBytes }
    },
  }
}

/** @param {string} label @param {string} version @param {{ orders: unknown[] }} value
 * @param {() => Uint8Array} encode */
function bytesSide(label, version, value, encode) {
  return {
    label,
    version,
    durability: DURABILITY,
    events: value.orders.length,
    batch: 1,
    inFlight: 1,
    run: async (/** @type {string} */ directory) => {
      const file = path.join(directory, 'value')
      const start = performance.now()
      const bytes = encode()
      const descriptor = openSync(file, 'wx')
      for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at)
      fsyncSync(descriptor)
      closeSync(descriptor)
      const folder = openSync(directory, 'r')
      fsyncSync(folder)
      closeSync(folder)
      const ms = performance.now() - start
      assert.equal(readFileSync(file).length, bytes.length)
      return { ms, sizeBytes: statSync(file).size }
    },
  }
}
