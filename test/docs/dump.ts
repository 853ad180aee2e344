/** A store of one event as annotated bytes, read by a reader that knows src/FORMAT.md and none of the product's code.
 * @module */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'

const text = new TextDecoder()

/** Walks bytes in order and writes one line per field. */
export class Dump {
  readonly lines: string[] = []
  readonly #bytes: Uint8Array
  readonly #view: DataView
  position = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get isAtEnd(): boolean {
    return this.position === this.#bytes.length
  }

  bytesIn(from: number, end: number): Uint8Array {
    return this.#bytes.subarray(from, end)
  }

  /** Take a field. `name` ends with what it means where that is not plain from the number. */
  field(size: number, name: string, show: (value: number) => string = String): number {
    const at = this.position
    const value = size === 8 ? Number(this.#view.getBigUint64(at, true)) : littleEndian(this.#bytes, at, size)
    this.#line(size, name.endsWith('=') ? `${name.slice(0, -2)} ${show(value)}` : name)
    return value
  }

  /** Take a varint. */
  varint(name: string, show: (value: number) => string = String): number {
    let value = 0
    let size = 0
    for (let byte = 0x80; byte >= 0x80; size++) {
      byte = this.#bytes[this.position + size] ?? 0
      value += (byte & 0x7f) * 128 ** size
    }
    this.#line(size, `${name} ${show(value)}`)
    return value
  }

  /** Take bytes that are shown as text. */
  text(size: number, name: string): string {
    const shown = text.decode(this.bytesIn(this.position, this.position + size))
    this.#line(size, `${name} "${shown.replaceAll('\0', '')}"`)
    return shown
  }

  /** Take bytes of text that are not shown as numbers. */
  json(size: number): string {
    const shown = text.decode(this.bytesIn(this.position, this.position + size))
    this.lines.push(`${String(this.position).padStart(5)}  ${shown}`)
    this.position += size
    return shown
  }

  #line(size: number, says: string): void {
    for (let at = 0; at < size; at += 16) {
      const row = this.bytesIn(this.position + at, this.position + Math.min(size, at + 16))
      const hex = Array.from(row, (byte) => byte.toString(16).padStart(2, '0')).join(' ')
      const start = `${String(this.position + at).padStart(5)}  ${hex}`
      this.lines.push(at === 0 ? `${start.padEnd(56)}${says}` : start)
    }
    this.position += size
  }
}

function littleEndian(bytes: Uint8Array, at: number, size: number): number {
  let value = 0
  for (let index = Math.min(size, 6) - 1; index >= 0; index--) value = value * 256 + (bytes[at + index] ?? 0)
  return value
}

function sha256(...parts: Uint8Array[]): Uint8Array {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

function same(a: Uint8Array, b: Uint8Array, what: string): void {
  if (a.length !== b.length || a.some((byte, index) => byte !== b[index])) throw new Error(`${what} differs`)
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what)
}

/** Read a manifest. @returns its dump and the bodies of its frames. */
export function dumpManifest(bytes: Uint8Array, epoch: number): { lines: string[]; bodies: unknown[] } {
  const dump = new Dump(bytes)
  const bodies: unknown[] = []
  while (!dump.isAtEnd) {
    const start = dump.position
    check(dump.field(4, 'magic') === 0xff524d56, 'magic')
    const headerCrc = dump.field(4, 'CRC-32 of bytes 8 to 24 of this frame')
    const place = new Uint8Array(16)
    new DataView(place.buffer).setBigUint64(0, BigInt(epoch), true)
    new DataView(place.buffer).setBigUint64(8, BigInt(start), true)
    check(crc32(dump.bytesIn(start + 8, start + 24), crc32(place)) === headerCrc, 'header checksum')
    const size = dump.field(4, 'body size =')
    const bodyCrc = dump.field(4, 'CRC-32 of the body')
    dump.field(4, 'synced through =')
    check(dump.field(4, 'sequence =') === bodies.length, 'sequence')
    check(crc32(dump.bytesIn(dump.position, dump.position + size)) === bodyCrc, 'body checksum')
    bodies.push(JSON.parse(dump.json(size)))
  }
  return { lines: dump.lines, bodies }
}

/** Read a segment of one batch with one block. @returns its dump and the event. */
export function dumpSegment(bytes: Uint8Array): { lines: string[]; event: Record<string, unknown> } {
  const dump = new Dump(bytes)
  dump.text(7, 'magic')
  dump.field(1, 'version =')
  dump.field(4, 'incompatible features')
  dump.field(4, 'partition =')
  const id = dump.bytesIn(16, 24)
  dump.field(8, 'segment id')
  dump.field(8, 'base offset =')
  dump.field(8, 'epoch =')
  dump.field(8, 'created =')
  const hashBefore = dump.bytesIn(48, 80)
  dump.field(32, 'chain hash before the first batch')
  dump.text(16, 'lineage')
  dump.field(28, 'zeros')
  check(dump.field(4, 'CRC-32 of bytes 0 to 124') === crc32(dump.bytesIn(0, 124)), 'segment header checksum')
  const { lowestAt, baseOffset, recordedAt, bodyEnd } = dumpBatchHeader(dump, { id, hashBefore })
  const shapes = dumpTable(dump)
  const strings = dumpDictionary(dump)
  dump.varint('columns: none,')
  const kind = strings[dump.varint('kind: string')]
  const entity = strings[dump.varint('entity: string')]
  const shape = shapes[dump.field(1, 'record of shape =', (byte) => String(byte - 0x40)) - 0x40] ?? []
  const data = Object.fromEntries(shape.map((key) => [key, dump.field(1, `${key} =`)]))
  check(dump.position === bodyEnd && dump.isAtEnd, 'the batch ends with its value')
  return { lines: dump.lines, event: { offset: baseOffset, kind, entity, at: lowestAt, recordedAt, data } }
}

interface BatchFacts {
  readonly baseOffset: number
  readonly lowestAt: number
  readonly recordedAt: number
  readonly bodyEnd: number
}

function dumpBatchHeader(dump: Dump, segment: { id: Uint8Array; hashBefore: Uint8Array }): BatchFacts {
  const start = dump.position
  check(dump.field(2, 'magic') === 0xb756, 'batch magic')
  check(dump.field(2, 'flags =', (flags) => `${flags}: carries its table, single block`) === 3, 'flags')
  const bodyBytes = dump.field(4, 'body size =')
  dump.field(4, 'last offset minus base offset =')
  dump.field(4, 'synced through =')
  dump.field(8, 'epoch =')
  const baseOffset = dump.field(8, 'base offset =')
  const lowestAt = dump.field(8, 'lowest at =')
  dump.field(8, 'highest at =')
  const recordedAt = dump.field(8, 'recorded at =')
  dump.field(4, 'position of the record table =')
  const tableCrc = dump.field(4, 'CRC-32 of the record table')
  const bodyCrc = dump.field(4, 'CRC-32 of the body after the record table')
  const hash = dump.bytesIn(dump.position, dump.position + 32)
  dump.field(32, 'chain hash')
  const seed = (crc32(segment.id) ^ Math.imul(start, 0x9e3779b1)) >>> 0
  const headerCrc = dump.field(4, 'CRC-32 of the header, seeded with its place')
  check(crc32(dump.bytesIn(start, start + 100), seed) === headerCrc, 'batch header checksum')
  const body = dump.position
  const bodyEnd = body + bodyBytes
  const tableBytes = dump.bytesIn(body, body + 4).reduceRight((value, byte) => value * 256 + byte, 0)
  const table = dump.bytesIn(body + 4, body + 4 + tableBytes)
  const logical = dump.bytesIn(body + 4 + tableBytes, bodyEnd)
  check(crc32(table) === tableCrc, 'table checksum')
  check(crc32(logical) === bodyCrc, 'body checksum')
  const numbers = new Uint8Array(36)
  numbers.set(dump.bytesIn(start + 24, start + 32), 0)
  numbers.set(dump.bytesIn(start + 8, start + 12), 8)
  numbers.set(dump.bytesIn(start + 32, start + 56), 12)
  same(hash, sha256(segment.hashBefore, numbers, sha256(table), sha256(logical)), 'chain hash')
  return { baseOffset, lowestAt, recordedAt, bodyEnd }
}

function dumpTable(dump: Dump): string[][] {
  dump.field(4, 'record table, size =')
  const shapes = Array.from({ length: dump.varint('shapes:') }, () => dump.varint('keys of shape 0:'))
  return shapes.map((keys) => Array.from({ length: keys }, () => dump.text(dump.varint('length of key:'), 'key')))
}

function dumpDictionary(dump: Dump): string[] {
  const count = dump.varint('dictionary, strings:')
  const sizes = Array.from({ length: count }, () => {
    const word = dump.varint('bytes x 2, shares nothing:', (value) => `${value}: ${value / 2} bytes`)
    check(word % 2 === 0, 'shares nothing')
    return word / 2
  })
  return sizes.map((size, index) => dump.text(size, `string ${index}`))
}
