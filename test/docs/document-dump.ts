/** A small document as annotated bytes, field by field as src/FORMAT.md tells them.
 * @module */
import { Dump } from './dump.ts'

const KINDS = ['range', 'scalar', 'array', 'object']

/** A document of one block. @returns a line for each field. */
export function dumpDocument(bytes: Uint8Array): string[] {
  const dump = new Dump(bytes)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const indexBytes = view.getUint32(8)
  dump.field(8, 'size of the blocks, big-endian =', () => String(view.getBigUint64(0)))
  dump.field(4, 'size of the index section, big-endian =', () => String(indexBytes))
  dump.field(4, 'block 0: CRC-32 of the rest of the block, seeded')
  dump.field(3, 'stored size =')
  dump.field(1, 'codec 0: none')
  const end = dump.field(4, 'raw size =') + dump.position
  dump.field(1, 'preamble')
  dump.varint('bytes')
  dump.text(8, 'magic')
  dump.field(2, 'format version =')
  dump.field(2, 'zero')
  dump.field(4, 'size of a block =')
  dump.field(8, 'T as asked for =', () => String(view.getFloat64(dump.position, true)))
  dump.field(8, 'id')
  dump.text(20, 'id of the store')
  const table: string[] = []
  while (dump.position < end) dumpEvent(dump, table)
  dumpIndex(dump)
  dumpTrailer(dump, view)
  return dump.lines
}

/** An event of those that the example has; lines tell its address. */
function dumpEvent(dump: Dump, table: string[]): void {
  const [code = 0] = dump.bytesIn(dump.position, dump.position + 1)
  const at = `at ${dump.position - 24}:`
  if (code === 0x0f) {
    dump.field(1, `${at} key that takes number ${table.length}`)
    table.push(dump.text(dump.varint('bytes'), 'text'))
  } else if (code >= 0xe0) dump.field(1, `${at} key ${code - 0xe0} "${table[code - 0xe0]}"`)
  else if (code >= 0x80) {
    const size = code - (code >= 0xc0 ? 0xc0 : 0x80)
    const shown = new TextDecoder().decode(dump.bytesIn(dump.position + 1, dump.position + 1 + size))
    dump.field(1 + size, `${at} ${code >= 0xc0 ? 'key' : 'text'} of ${size} bytes "${shown}"`)
  } else if (code >= 0x60) dump.field(1, `${at} integer ${code - 0x60}`)
  else if (code >= 0x50) dump.field(1, `${at} object of ${code - 0x50}`)
  else if (code >= 0x40) dump.field(1, `${at} array of ${code - 0x40}`)
  else if (code === 0x16) {
    dump.field(1, `${at} m / 10^e`)
    dump.field(1, 'e =')
    dump.varint('m')
  } else throw new Error(`The example has code ${code}`)
}

function dumpIndex(dump: Dump): void {
  const count = dump.varint('index: items')
  const keys = dump.varint('keys of the key table')
  const sizes = Array.from({ length: keys }, () => dump.varint('bytes of key'))
  for (const [number, size] of sizes.entries()) dump.text(size, `key ${number}`)
  const kinds: number[] = []
  while (kinds.length < count) {
    const number = dump.varint('shape', shapeText)
    const items = number % 2 === 0 ? 1 : dump.varint('items alike - 2:') + 2
    for (let left = items; left > 0; left--) kinds.push(Math.floor(number / 2) % 4)
  }
  let address = -1
  for (let item = 0; item < count; item++) {
    const before = address + 1
    address = before + dump.varint(`address of item ${item}:`, (number) => `${number}, that is ${before + number}`)
  }
  for (const [item, kind] of kinds.entries()) if (kind > 0) dump.varint(`size of item ${item}:`)
  for (const [item, kind] of kinds.entries()) if (kind > 1) dump.varint(`children of item ${item}:`)
  for (let item = 1; item < count; item++) dump.varint(`ordinal of item ${item}, less what is before:`)
  dump.varint('objects with key pages:')
  dump.varint('key of item 1, bytes x 4 + 1:')
  dump.text(8, 'its text')
}

function shapeText(number: number): string {
  const shape = Math.floor(number / 2)
  const doubled = number % 2 === 0 ? 'x 2' : 'x 2 + 1'
  return `${shape} ${doubled}: depth ${Math.floor(shape / 4)}, ${KINDS[shape % 4]}`
}

function dumpTrailer(dump: Dump, view: DataView): void {
  const start = dump.position
  dump.field(8, 'trailer: id')
  dump.field(8, 'version =')
  dump.field(8, 'size of the blocks =')
  dump.field(4, 'size of the index section =')
  dump.field(4, 'feature bits')
  dump.field(8, 'T of the index =', () => String(view.getFloat64(start + 32, true)))
  dump.field(8, 'address behind the last event =')
  dump.text(8, 'magic')
  dump.field(2, 'format version =')
  dump.field(2, 'zero')
  dump.field(4, 'CRC-32 of header and index section, seeded')
  if (!dump.isAtEnd) throw new Error('Bytes are behind the trailer')
}
