/** A reader of the files of groups that knows src/FORMAT.md and none of the product's code.
 * @module */
import { crc32, inflateRawSync } from 'node:zlib'
import { check } from './document-events.ts'
import { DocumentFile } from './documents.ts'
import { Bytes } from './group-bytes.ts'
import { Delta } from './group-deltas.ts'
import { contentOf } from './group-hashes.ts'

const text = new TextDecoder('utf-8', { fatal: true })
const LARGE = 2 ** 31

/** What is told of a version. */
export interface Facts {
  readonly kind: number
  readonly version: number
  readonly at: number
  readonly hash: string
  readonly rawBytes: number
  readonly label: string | undefined
  readonly fingerprint: string | undefined
  readonly metadata: Uint8Array | undefined
  readonly offset: number | undefined
}

export interface Frame extends Facts {
  /** The version whose value it is. */
  readonly same: number | undefined
  /** Raw. */
  readonly delta: Uint8Array | undefined
}

export class GroupPage {
  readonly first: Facts
  readonly keyframe: DocumentFile
  readonly frames: Frame[] = []
  /** Kinds of changes that `values` met. */
  readonly seen = new Set<string>()

  /** @param bytes up to where the file counts. */
  constructor(bytes: Uint8Array, id: string) {
    const from = new Bytes(bytes)
    check(text.decode(from.slice(7)) === 'VARVGRP' && from.slice(1)[0] === 1, 'magic and format version')
    check(Buffer.from(from.slice(8)).toString('hex') === id, 'the id')
    const headerBytes = from.u32()
    const header = bytes.subarray(0, headerBytes - 4)
    let crc = from.view.getUint32(headerBytes - 4, true)
    check(crc === crc32(header), 'checksum of the header')
    const chunkBytes = from.u32()
    const parts = [from.u32(), from.u32() + from.u32() * 2 ** 32]
    const rawSizes = parts.flatMap((size) => {
      return Array.from({ length: Math.ceil(size / chunkBytes) }, (_, at) =>
        Math.min(chunkBytes, size - at * chunkBytes),
      )
    })
    const rows = rawSizes.map((rawBytes) => ({ rawBytes, stored: from.u32(), crc: from.u32() }))
    this.first = readFacts(from, { version: 0, at: 0, rawBytes: 0, offset: 0 }).facts
    check(from.at === headerBytes - 4, 'facts to the end of the header')
    from.at = headerBytes
    const raw = rows.map((row) => readChunk(from, row))
    const [leadBytes = 0] = parts
    const all = Buffer.concat(raw)
    const document = Buffer.concat([all.subarray(0, 12), all.subarray(leadBytes), all.subarray(12, leadBytes)])
    const { version } = this.first
    const row = { id, version, sizeBytes: document.length, indexBytes: leadBytes - 12 }
    this.keyframe = new DocumentFile(new Uint8Array(document), row)
    while (from.at < bytes.length) {
      const seed: number = crc
      crc = from.u32()
      const start = from.at
      const end = from.varint() + from.at
      check(crc === crc32(bytes.subarray(start, end), seed), `checksum of frame ${this.frames.length}`)
      this.frames.push(readFrame(new Bytes(bytes.subarray(0, end), from.at), this.first))
      from.at = end
    }
  }

  /** Every version with its value, which has the hash and the raw bytes that were stored with it. */
  values(): (Facts & { readonly value: unknown })[] {
    const keys = [...this.keyframe.table]
    const found = [{ ...this.first, value: this.keyframe.value() }]
    for (const { same, delta, ...facts } of this.frames) {
      const before = found.find(({ version }) => version === (same ?? found.at(-1)?.version))
      if (before === undefined) throw new Error('a version that is the same')
      const { seen } = this
      const value = delta === undefined ? before.value : new Delta(delta, { keys, seen }).apply(before.value)
      found.push({ ...facts, value })
    }
    for (const { version, value, hash, rawBytes } of found) {
      const content = contentOf(value)
      check(content.hash === hash && content.rawBytes === rawBytes, `hash of version ${version}`)
    }
    return found
  }
}

function readChunk(from: Bytes, row: { rawBytes: number; stored: number; crc: number }): Uint8Array {
  const isDeflated = row.stored >= LARGE
  const stored = from.slice(isDeflated ? row.stored - LARGE : row.stored)
  check(crc32(stored) === row.crc, 'checksum of a chunk')
  const raw = isDeflated ? inflateRawSync(stored) : stored
  check(raw.length === row.rawBytes, 'size of a chunk')
  return raw
}

type Base = Pick<Facts, 'version' | 'at' | 'rawBytes' | 'offset'>

function readFacts(from: Bytes, base: Base): { facts: Facts; flags: number } {
  const flags = from.slice(1)[0] as number
  const sized = (flag: number) => ((flags & flag) === 0 ? undefined : from.slice(from.varint()))
  const version = base.version + from.varint()
  const at = base.at + from.varint()
  const hash = Buffer.from(from.slice(16)).toString('hex')
  const step = from.varint()
  const rawBytes = base.rawBytes + (step % 2 === 0 ? step / 2 : (-1 - step) / 2)
  const [label, fingerprint, metadata] = [sized(4), sized(8), sized(16)]
  const offset = (flags & 32) === 0 ? undefined : (base.offset ?? 0) + from.varint()
  const texts = { label: label && text.decode(label), fingerprint: fingerprint && text.decode(fingerprint) }
  return { facts: { kind: flags & 3, version, at, hash, rawBytes, ...texts, metadata, offset }, flags }
}

function readFrame(from: Bytes, first: Facts): Frame {
  const { facts, flags } = readFacts(from, first)
  const same = (flags & 64) === 0 ? undefined : first.version + from.varint()
  if (same !== undefined) {
    check(from.at === from.bytes.length, 'a frame to its end')
    return { ...facts, same, delta: undefined }
  }
  const rawBytes = (flags & 128) === 0 ? undefined : from.varint()
  const stored = from.slice(from.bytes.length - from.at)
  const delta = rawBytes === undefined ? stored : inflateRawSync(stored)
  check(rawBytes === undefined || rawBytes === delta.length, 'raw size of a delta')
  return { ...facts, same, delta }
}
