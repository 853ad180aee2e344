/** What a crash leaves of a disk: the modes, and how many variants each has.
 * @module */
import { type Draw, draws } from '../support/seeded-random.ts'
import { Content } from './content.ts'
import { applyName, applyWrite, type Disk, type FileState, type PendingName, type PendingWrite, ROOT } from './disk.ts'

/** What a crash leaves of what was not synced:
 * `kept` everything; `lost` nothing; `prefix` the first changes in order; `random` each by a coin;
 * `single-missing` all but one; `single-present` one; `torn` all, one write cut at a sector or in its middle;
 * `size-first` the sizes, with zeros, stale bytes or garbage; `dir-lost` bytes without names; `dir-only` names
 * without bytes. */
export type CrashMode = (typeof CRASH_MODES)[number]

export const CRASH_MODES = [
  'kept',
  'lost',
  'prefix',
  'random',
  'single-missing',
  'single-present',
  'torn',
  'size-first',
  'dir-lost',
  'dir-only',
] as const

const SECTOR_BYTES = 512

type Fate = 'keep' | 'drop' | Uint8Array | { readonly from: number; readonly to: number }
type Fates = (pending: PendingWrite | PendingName) => Fate

/** How many different images a mode has for this disk; `Infinity` where the seed alone decides. */
export function crashVariants(disk: Disk, mode: CrashMode): number {
  const count = pendingOf(disk).length
  if (mode === 'kept' || mode === 'lost') return 1
  if (mode === 'torn') return tears(disk).length
  if (count < 2) return mode === 'size-first' ? fillable(disk).length * 3 : 0
  if (mode === 'random') return Number.POSITIVE_INFINITY
  if (mode === 'prefix') return count - 1
  if (mode === 'single-missing' || mode === 'single-present') return count
  if (mode === 'size-first') return (fillable(disk).length + 1) * 3
  return 1
}

/** The disk after a crash: everything in it durable, only what a name reaches. `seed` picks the variant. */
export function crashDisk(disk: Disk, mode: CrashMode, seed: number): Disk {
  const fates = fatesOf(disk, mode, seed)
  const image: Disk = new Map()
  const waiting = [ROOT]
  for (let inode = waiting.pop(); inode !== undefined; inode = waiting.pop()) {
    const state = disk.get(inode)
    if (state === undefined || image.has(inode)) continue
    if (state.kind === 'file') {
      const content = surviving(state, fates)
      image.set(inode, { kind: 'file', durable: content, current: content, pending: [], dropped: false })
      continue
    }
    let names = state.durable
    for (const change of state.pending) if (fates(change) === 'keep') names = applyName(names, change)
    image.set(inode, { kind: 'directory', durable: names, current: names, pending: [] })
    waiting.push(...names.values())
  }
  return image
}

function surviving(state: FileState, fates: Fates): Content {
  let content = state.durable
  for (const write of state.pending) {
    const fate = fates(write)
    if (fate === 'drop') continue
    if (fate === 'keep' || !('bytes' in write)) content = applyWrite(content, write)
    else if (fate instanceof Uint8Array) content = grown(content, write.position, fate)
    else content = content.write(write.position + fate.from, write.bytes.subarray(fate.from, fate.to))
  }
  return content
}

/** Only the part of `fill` above the old size: the size came first, the bytes did not. */
function grown(content: Content, position: number, fill: Uint8Array): Content {
  const skip = Math.max(0, content.sizeBytes - position)
  return skip >= fill.length ? content : content.write(position + skip, fill.subarray(skip))
}

function pendingOf(disk: Disk): (PendingWrite | PendingName)[] {
  const all: (PendingWrite | PendingName)[] = []
  for (const state of disk.values()) all.push(...state.pending)
  return all.sort((one, other) => one.sequence - other.sequence)
}

function fatesOf(disk: Disk, mode: CrashMode, seed: number): Fates {
  const pending = pendingOf(disk)
  const picked = pending[seed % Math.max(1, pending.length)]
  if (mode === 'kept') return () => 'keep'
  if (mode === 'lost') return () => 'drop'
  if (mode === 'dir-lost') return (change) => (isName(change) ? 'drop' : 'keep')
  if (mode === 'dir-only') return (change) => (isName(change) ? 'keep' : 'drop')
  if (mode === 'single-missing') return (change) => (change === picked ? 'drop' : 'keep')
  if (mode === 'single-present') return (change) => (change === picked ? 'keep' : 'drop')
  if (mode === 'torn') return tornFates(disk, seed)
  if (mode === 'size-first') return filledFates(disk, seed)
  const last = pending[seed % Math.max(1, pending.length - 1)]?.sequence ?? 0
  if (mode === 'prefix') return (change) => (change.sequence <= last ? 'keep' : 'drop')
  const draw = draws(seed)
  const chance = (1 + (draw() % 3)) / 4
  const kept = new Set(pending.filter(() => draw() < chance * 2 ** 32))
  return (change) => (kept.has(change) ? 'keep' : 'drop')
}

function isName(change: PendingWrite | PendingName): change is PendingName {
  return !('bytes' in change) && !('sizeBytes' in change)
}

interface Tear {
  readonly write: PendingWrite
  readonly from: number
  readonly to: number
}

/** Every way to cut a waiting write: at its first, a middle and its last sector boundary, and in its middle;
 * either side may be the one that survives. */
function tears(disk: Disk): Tear[] {
  const found: Tear[] = []
  for (const write of pendingOf(disk)) {
    if (!('bytes' in write) || write.bytes.length < 2) continue
    const length = write.bytes.length
    const first = SECTOR_BYTES - (write.position % SECTOR_BYTES)
    const last = length - ((write.position + length) % SECTOR_BYTES || SECTOR_BYTES)
    const middle = first + Math.floor((last - first) / 2 / SECTOR_BYTES) * SECTOR_BYTES
    for (const cut of new Set([first, middle, last, length >>> 1])) {
      if (cut <= 0 || cut >= length) continue
      found.push({ write, from: 0, to: cut }, { write, from: cut, to: length })
    }
  }
  return found
}

function tornFates(disk: Disk, seed: number): Fates {
  const all = tears(disk)
  const tear = all[seed % Math.max(1, all.length)]
  return (change) => (change === tear?.write ? tear : 'keep')
}

type PendingBytes = Extract<PendingWrite, { readonly bytes: Uint8Array }>

function fillable(disk: Disk): PendingBytes[] {
  return pendingOf(disk).filter((change): change is PendingBytes => 'bytes' in change)
}

/** Fill one waiting write, or all of them, with zeros, with bytes of another file, or with garbage. */
function filledFates(disk: Disk, seed: number): Fates {
  const writes = fillable(disk)
  const chosen = Math.floor(seed / 3) % (writes.length + (writes.length > 1 ? 1 : 0) || 1)
  const fill = [zeros, staleFrom(disk), garbageFrom(draws(seed))][seed % 3] ?? zeros
  const filled = new Map<PendingWrite, Uint8Array>(writes.map((write) => [write, fill(write.bytes.length)]))
  return (change) => {
    if (isName(change) || !('bytes' in change)) return 'keep'
    return chosen === writes.length || change === writes[chosen] ? (filled.get(change) ?? 'drop') : 'keep'
  }
}

function zeros(length: number): Uint8Array {
  return new Uint8Array(length)
}

/** The beginning of the largest file that has durable bytes: what a reused block may hold. */
function staleFrom(disk: Disk): (length: number) => Uint8Array {
  let stale = Content.empty
  for (const state of disk.values())
    if (state.kind === 'file' && state.durable.sizeBytes > stale.sizeBytes) stale = state.durable
  return (length) => Content.of(stale.bytes.slice(0, length)).resize(length).bytes
}

function garbageFrom(draw: Draw): (length: number) => Uint8Array {
  return (length) => Uint8Array.from({ length }, () => draw() & 255)
}
