/** A small group of a history as annotated bytes, field by field as src/FORMAT.md tells them.
 * @module */
import { Dump } from './dump.ts'

const PARTS = ['fields removed', 'fields changed', 'fields added', 'runs of the order'] as const
const LARGE = 2 ** 31

/** A group of one chunk for lead and stream each. @returns a line for each field. */
export function dumpGroup(bytes: Uint8Array): string[] {
  const dump = new Dump(bytes)
  dump.text(7, 'magic')
  dump.field(1, 'format version =')
  dump.field(8, 'id')
  dump.field(4, 'size of the header =')
  dump.field(4, 'raw bytes of a chunk =')
  const raw = [dump.field(4, 'raw bytes of the lead ='), dump.field(8, 'raw bytes of the stream =')]
  const stored = ['lead', 'stream'].map((part) => {
    const deflated = (size: number) => (size >= LARGE ? `${size - LARGE} + 2^31: deflated` : String(size))
    const size = dump.field(4, `chunk of the ${part}, stored size =`, deflated)
    dump.field(4, 'CRC-32 of its stored bytes')
    return size % LARGE
  })
  const version = dumpFacts(dump, 0).version
  dump.field(4, 'CRC-32 of the header')
  dump.field(stored[0] ?? 0, `the lead: header and index section of a document, ${raw[0]} bytes`)
  dump.field(stored[1] ?? 0, `the stream: its blocks, ${raw[1]} bytes`)
  const keys: string[] = []
  while (!dump.isAtEnd) {
    dump.field(4, 'CRC-32 of the rest of the frame, seeded with the one before')
    const end = dump.varint('size of what follows') + dump.position
    const { flags } = dumpFacts(dump, version)
    if ((flags & 64) === 64) dump.varint(`same as version ${version} +`)
    else while (dump.position < end) dumpChange(dump, keys)
  }
  return dump.lines
}

/** @returns what tells how to go on. */
function dumpFacts(dump: Dump, base: number): { flags: number; version: number } {
  const flags = dump.field(1, 'flags =', (bits) => `${bits}${flagsText(bits)}`)
  const version = base + dump.varint(base === 0 ? 'version' : `version ${base} +`)
  dump.varint('at, difference')
  dump.field(16, 'hash of the value')
  dump.varint('raw bytes, difference as zigzag')
  if ((flags & 4) === 4) dump.text(dump.varint('bytes of the label'), 'label')
  return { flags, version }
}

function flagsText(flags: number): string {
  const names = [flags & 4 ? 'label' : '', flags & 64 ? 'same' : '', flags & 128 ? 'deflated' : '']
  return `: ${['value', 'metrics', 'rollup'][flags & 3]}${names.map((name) => name && `, ${name}`).join('')}`
}

/** A change of those that the example has. */
function dumpChange(dump: Dump, keys: string[]): void {
  const code = codeOf(dump)
  if (isKey(code)) {
    dumpKey(dump, keys, 'only this field changed: key')
    dumpChange(dump, keys)
  } else if (code >= 0x20 && code < 0x30) {
    dump.field(1, `object: ${PARTS.filter((_, bit) => code & (1 << bit)).join(', ')}`)
    for (const [bit, part] of PARTS.entries()) {
      if ((code & (1 << bit)) === 0) continue
      for (let left = dump.varint(part); left > 0; left--) {
        dumpKey(dump, keys, 'key')
        if (bit === 1) dumpChange(dump, keys)
        if (bit === 2) dumpValue(dump)
      }
    }
  } else if (code === 0x31) {
    dump.field(1, 'array of which one element changed')
    dump.varint('elements before it')
    dump.varint('elements behind it')
    dumpChange(dump, keys)
  } else if (code === 0x35) {
    dump.field(1, 'text with one edit')
    dump.varint('code units that stay')
    dump.varint('code units that go')
    dumpValue(dump)
  } else dumpValue(dump)
}

function dumpKey(dump: Dump, keys: string[], name: string): void {
  const code = codeOf(dump)
  if (code >= 0xe0) dump.field(1, `${name} ${code - 0xe0} "${keys[code - 0xe0]}"`)
  else {
    const size = code - 0xc0
    const text = new TextDecoder().decode(dump.bytesIn(dump.position + 1, dump.position + 1 + size))
    dump.field(1 + size, `${name} "${text}" of ${size} bytes, number ${keys.push(text) - 1} from here on`)
  }
}

function dumpValue(dump: Dump): void {
  const code = codeOf(dump)
  if (code === 0x19) {
    dump.field(1, 'an array of numbers; its column:')
    dumpColumn(dump)
  } else if (code <= 0x02) dump.field(1, `${[null, false, true][code]}`)
  else if (code >= 0x60 && code < 0x80) dump.field(1, `integer ${code - 0x60}`)
  else if (code >= 0x80 && code < 0xc0) {
    const size = code - 0x80
    const text = new TextDecoder().decode(dump.bytesIn(dump.position + 1, dump.position + 1 + size))
    dump.field(1 + size, `text of ${size} bytes "${text}"`)
  } else throw new Error(`The example has code ${code}`)
}

function dumpColumn(dump: Dump): void {
  let left = dump.varint('values')
  const times = dump.field(1, 'kind =', (kind) => `3 + ${kind - 3}: whole numbers, differences`) - 3
  for (let begins = times; begins > 0; begins--) dumpValue(dump)
  left -= times
  while (left > 0) {
    const head = dump.varint('stretch', (value) => `${value}: ${stretchText(value)}`)
    const count = Math.floor(head / 2) + 1
    for (let more = head % 2 === 1 ? 1 : count; more > 0; more--) dump.varint('zigzag of a difference')
    left -= count
  }
}

function stretchText(head: number): string {
  const count = Math.floor(head / 2) + 1
  return head % 2 === 1 ? `one number, ${count} times` : `${count} numbers`
}

function codeOf(dump: Dump): number {
  return dump.bytesIn(dump.position, dump.position + 1)[0] ?? 0
}

function isKey(code: number): boolean {
  return code >= 0xc0 || (code >= 0x0c && code <= 0x0e)
}
