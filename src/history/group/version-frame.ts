/** Frames: the versions of a group behind its keyframe, each appended when it came.
 *
 * | field | bytes |
 * |---|---|
 * | checksum | u32 CRC-32 of what follows, seeded with that of the frame before, or of the header |
 * | size | varint, of what follows |
 * | facts | as below |
 * | change | a delta to the end, with flag 128 deflated behind a varint of its raw size; with flag 64 a varint |
 *
 * The varint is the version whose value this is, less the first version of the group.
 *
 * So a frame names its predecessor. Numbers are told from those of the first version, so that a damaged frame costs
 * none but itself; the facts of the first version, in the header, from zero.
 *
 * | fact | bytes |
 * |---|---|
 * | flags | u8: kind 0 value, 1 metrics, 2 rollup; 4 label, 8 fingerprint, 16 metadata, 32 offset; 64, 128 above |
 * | version | varint, difference |
 * | at | varint, difference |
 * | hash | 16 bytes |
 * | raw bytes | varint, difference as 2 x n, or -1 - 2 x n below zero |
 * | label | varint bytes, UTF-8 |
 * | fingerprint | varint bytes, UTF-8 |
 * | metadata | varint bytes, structural events |
 * | offset | varint, difference |
 *
 * @module */
import { ByteReader, ByteWriter, fromHex, fromUtf8, toHex, utf8, viewOf } from '../../codec/bytes.ts'
import type { Digest } from '../../codec/digest.ts'
import { decodeStructural, StructuralSink } from '../../codec/structural.ts'
import { ValueBuffer } from '../../codec/value-buffer.ts'
import { ValueWalker } from '../../codec/value-walk.ts'
import { assert, isVarveError, VarveError } from '../../errors.ts'
import type { VersionKind } from '../types.ts'
import { canHold } from './chunks.ts'

/** What is stored of a version besides its value. */
export interface VersionFacts {
  readonly version: number
  /** Milliseconds since 1970; never before that of the first version of the group. */
  readonly at: number
  readonly kind: VersionKind
  readonly label?: string
  readonly fingerprint?: string
  readonly metadata?: Readonly<Record<string, unknown>>
  /** Never below that of the first version of the group. */
  readonly offset?: number
  /** Of the value, 32 hexadecimal digits. */
  readonly hash: string
  /** What a copy of the value would take. */
  readonly rawBytes: number
}

/** Numbers from which those of the frames are told. */
export type FrameBase = Pick<VersionFacts, 'version' | 'at' | 'rawBytes' | 'offset'>

export const NO_BASE: FrameBase = { version: 0, at: 0, rawBytes: 0 }

/** A delta as it is stored. */
export interface StoredDelta {
  readonly bytes: Uint8Array
  readonly isDeflated: boolean
  readonly rawBytes: number
}

export type FrameChange = { readonly same: number } | { readonly delta: StoredDelta }

export interface Frame {
  readonly facts: VersionFacts
  readonly change: FrameChange
  readonly sizeBytes: number
}

const CRC_BYTES = 4
const HASH_BYTES = 16
const FLAG = { label: 4, fingerprint: 8, metadata: 16, offset: 32, same: 64, deflated: 128 } as const
const KINDS: readonly VersionKind[] = ['value', 'metrics', 'rollup']
/** Metadata was checked when it came. */
const LIMITS = { sizeBytes: 2 ** 40, depth: 1_024, nodes: 2 ** 40, keyBytes: 65_536 }

/** Make a frame. @param seed the checksum before it. */
export function encodeFrame(
  frame: Omit<Frame, 'sizeBytes'>,
  { base, seed, digest }: { base: FrameBase; seed: number; digest: Digest },
): Uint8Array {
  const { facts, change } = frame
  const body = new ByteWriter()
  if ('same' in change) {
    writeFacts(body, facts, { base, flags: FLAG.same })
    body.varint(change.same - base.version)
  } else {
    const { bytes, isDeflated, rawBytes } = change.delta
    writeFacts(body, facts, { base, flags: isDeflated ? FLAG.deflated : 0 })
    if (isDeflated) body.varint(rawBytes)
    body.raw(bytes)
  }
  const out = new ByteWriter(body.length + 16)
  out.skip(CRC_BYTES)
  out.varint(body.length)
  out.raw(body.bytes)
  out.view.setUint32(0, digest.crc32(out.bytes.subarray(CRC_BYTES), seed), true)
  return out.bytes.slice()
}

/** The checksum that a frame begins with. */
export function frameCrc(frame: Uint8Array): number {
  return viewOf(frame).getUint32(0, true)
}

/** Write facts. @param flags besides those of the facts. */
export function writeFacts(
  out: ByteWriter,
  facts: VersionFacts,
  { base, flags = 0 }: { readonly base: FrameBase; readonly flags?: number },
): void {
  const { label, fingerprint, metadata, offset } = facts
  const baseOffset = base.offset ?? 0
  assert(facts.version >= base.version && facts.at >= base.at, 'versions and their times never fall')
  assert(offset === undefined || offset >= baseOffset, 'offsets of versions never fall')
  out.u8(
    flags |
      KINDS.indexOf(facts.kind) |
      (label === undefined ? 0 : FLAG.label) |
      (fingerprint === undefined ? 0 : FLAG.fingerprint) |
      (metadata === undefined ? 0 : FLAG.metadata) |
      (offset === undefined ? 0 : FLAG.offset),
  )
  out.varint(facts.version - base.version)
  out.varint(facts.at - base.at)
  const hash = fromHex(facts.hash)
  assert(hash.length === HASH_BYTES, 'a content hash has 16 bytes')
  out.raw(hash)
  const rawBytes = facts.rawBytes - base.rawBytes
  out.varint(rawBytes < 0 ? -1 - 2 * rawBytes : 2 * rawBytes)
  if (label !== undefined) writeSized(out, utf8(label))
  if (fingerprint !== undefined) writeSized(out, utf8(fingerprint))
  if (metadata !== undefined) writeSized(out, encodeMetadata(metadata))
  if (offset !== undefined) out.varint(offset - baseOffset)
}

function writeSized(out: ByteWriter, bytes: Uint8Array): void {
  out.varint(bytes.length)
  out.raw(bytes)
}

function encodeMetadata(metadata: Readonly<Record<string, unknown>>): Uint8Array {
  const out = new ValueBuffer()
  new ValueWalker(out, LIMITS).walk(metadata, 'metadata', new StructuralSink(out))
  return out.bytes.slice(out.start, out.length)
}

/** Read facts. @throws {VarveError} `DECODE_FAILED`. */
export function readFacts(from: ByteReader, base: FrameBase): { facts: VersionFacts; flags: number } {
  const flags = from.u8()
  const kind = KINDS[flags & 3]
  if (kind === undefined) throw undecodable('a kind of versions that is none')
  const version = base.version + from.varint()
  const at = base.at + from.varint()
  const hash = toHex(from.raw(HASH_BYTES))
  const step = from.varint()
  const rawBytes = base.rawBytes + (step % 2 === 0 ? step / 2 : -(step + 1) / 2)
  const has = (flag: number) => (flags & flag) !== 0
  // Set one by one: objects that are spread together take many times the memory, and groups have many of these.
  const facts: { -readonly [Fact in keyof VersionFacts]: VersionFacts[Fact] } = { version, at, kind, hash, rawBytes }
  if (has(FLAG.label)) facts.label = fromUtf8(from.raw(from.varint()))
  if (has(FLAG.fingerprint)) facts.fingerprint = fromUtf8(from.raw(from.varint()))
  if (has(FLAG.metadata)) facts.metadata = decodeMetadata(from.raw(from.varint()))
  if (has(FLAG.offset)) facts.offset = (base.offset ?? 0) + from.varint()
  const isSound = [version, at, rawBytes, facts.offset ?? 0].every((number) => Number.isSafeInteger(number))
  if (!isSound || rawBytes < 0) throw undecodable('a number out of range')
  return { facts, flags }
}

function decodeMetadata(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const metadata = decodeStructural(bytes)
  if (typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata)) {
    return metadata as Record<string, unknown>
  }
  throw undecodable('metadata that is no object')
}

/** Where reading stands in a row of frames. */
export interface FrameChain {
  readonly base: FrameBase
  readonly digest: Digest
  /** The checksum that the next frame is seeded with, as it is stored. */
  seed: number
}

/** Read frames that lie one behind the other. One that is damaged is undefined; behind it reading goes on where its
 * size says. A frame of which nothing but the checksum is damaged counts when the next one confirms it.
 * @param chain is advanced.
 * @returns a last undefined stands for all that could not be told apart. */
export function readFrames(bytes: Uint8Array, chain: FrameChain): (Frame | undefined)[] {
  const { base, digest } = chain
  const view = viewOf(bytes)
  const frames: (Frame | undefined)[] = []
  /** Of the frame before, when its own checksum does not fit it. */
  let doubtful: { crc: number; content: Uint8Array } | undefined
  for (let at = 0; at < bytes.length; ) {
    const end = frameEnd(bytes, at)
    if (end < 0) return [...frames, undefined]
    const content = bytes.subarray(at + CRC_BYTES, end)
    const stored = view.getUint32(at, true)
    let crc = digest.crc32(content, chain.seed)
    if (crc !== stored && doubtful !== undefined && digest.crc32(content, doubtful.crc) === stored) {
      frames[frames.length - 1] = readFrame(doubtful.content, base)
      crc = stored
    }
    doubtful = crc === stored ? undefined : { crc, content }
    frames.push(crc === stored ? readFrame(content, base) : undefined)
    chain.seed = stored
    at = end
  }
  return frames
}

/** Where a frame ends by what it says, or -1. */
function frameEnd(bytes: Uint8Array, at: number): number {
  try {
    const reader = new ByteReader(bytes, at + CRC_BYTES)
    const sizeBytes = reader.varint()
    return sizeBytes > 0 && sizeBytes <= reader.remaining ? reader.position + sizeBytes : -1
  } catch (error) {
    if (isVarveError(error, 'DECODE_FAILED')) return -1
    throw error
  }
}

/** @param content of a frame, behind its checksum. */
function readFrame(content: Uint8Array, base: FrameBase): Frame | undefined {
  try {
    const from = new ByteReader(content)
    from.varint()
    const { facts, flags } = readFacts(from, base)
    const isDeflated = (flags & FLAG.deflated) !== 0
    const sizeBytes = CRC_BYTES + content.length
    if ((flags & FLAG.same) !== 0) return { facts, change: { same: base.version + from.varint() }, sizeBytes }
    const rawBytes = isDeflated ? from.varint() : from.remaining
    const bytes = from.raw(from.remaining)
    if (!canHold(bytes.length, isDeflated, rawBytes)) return undefined
    return { facts, change: { delta: { bytes, isDeflated, rawBytes } }, sizeBytes }
  } catch (error) {
    if (isVarveError(error, 'DECODE_FAILED')) return undefined
    throw error
  }
}

function undecodable(found: string): VarveError {
  return new VarveError('DECODE_FAILED', `Cannot read a version of a history: found ${found}`, { details: { found } })
}
