/** The reference loop: the least a durable, checksummed, chained log of the same events must do in this runtime.
 *
 * Packs each batch with msgpackr's shared record structures, hashes and checksums it, puts a small header before it,
 * writes it with `writeSync` and syncs it with a promise of `fdatasync`: the calls that varve's Node storage makes.
 * @module */
import { hash } from 'node:crypto'
import { closeSync, fdatasync, openSync, writeSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { crc32 } from 'node:zlib'
import { Packr, RESERVE_START_SPACE } from 'msgpackr/pack'

/** @typedef {import('./payload.mjs').OrderEvent} OrderEvent */

const datasync = promisify(fdatasync)
const HEADER_BYTES = 104
const BUFFER_BYTES = 1 << 20

/** Open a log in `directory`. `append` resolves when the batch is on the device; calls may overlap.
 * @param {string} directory */
export function openReference(directory) {
  const file = openSync(path.join(directory, 'reference.log'), 'wx')
  const packr = new Packr({ structures: [], maxSharedStructures: 256 })
  const buffer = Buffer.alloc(BUFFER_BYTES)
  let position = 0
  let chain = Buffer.alloc(32)
  return {
    /** @param {OrderEvent[]} events */
    append(events) {
      // The write is over before the next call, so one buffer serves them all.
      packr.useBuffer(buffer)
      const bytes = packr.pack(events, RESERVE_START_SPACE | HEADER_BYTES)
      const body = bytes.subarray(HEADER_BYTES)
      chain = hash('sha256', Buffer.concat([chain, hash('sha256', body, 'buffer')]), 'buffer')
      bytes.writeUInt32LE(body.length, 0)
      bytes.writeUInt32LE(crc32(body), 4)
      bytes.set(chain, 8)
      bytes.writeUInt32LE(crc32(bytes.subarray(0, HEADER_BYTES - 4)), HEADER_BYTES - 4)
      position += writeSync(file, bytes, 0, bytes.length, position)
      return datasync(file)
    },
    close: () => closeSync(file),
  }
}

/** A file that is appended to and synced, with nothing else around it. @param {string} directory */
export function openRaw(directory) {
  const file = openSync(path.join(directory, 'raw.log'), 'wx')
  let position = 0
  return {
    /** @param {Uint8Array} bytes */
    append(bytes) {
      position += writeSync(file, bytes, 0, bytes.length, position)
      return datasync(file)
    },
    close: () => closeSync(file),
  }
}

/** The events' data packed one by one, with the structures that read them back: the "packed values" of the figures.
 * @param {readonly unknown[]} values @returns {{ packed: Uint8Array[], structures: unknown[], sizeBytes: number }} */
export function packValues(values) {
  /** @type {unknown[]} */
  const structures = []
  const packr = new Packr({ structures: /** @type {any} */ (structures), maxSharedStructures: 256 })
  let sizeBytes = 0
  const packed = values.map((value) => {
    const bytes = Uint8Array.from(packr.pack(value))
    sizeBytes += bytes.length
    return bytes
  })
  return { packed, structures, sizeBytes }
}
