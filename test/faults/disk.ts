/** The state of a simulated disk: what is durable, what waits, and where names lead.
 *
 * States are immutable: a disk at a moment is a map from inode number to state, and costs nothing to keep.
 * @module */
import type { StorageEntry } from '../../src/ports/storage.ts'
import { Content } from './content.ts'
import { errnoError } from './errno.ts'

/** A write or truncation that no sync has covered. */
export type PendingWrite =
  | { readonly sequence: number; readonly position: number; readonly bytes: Uint8Array }
  | { readonly sequence: number; readonly sizeBytes: number }

/** A change of one directory that no directory sync has covered; a rename within it is one change. */
export interface PendingName {
  readonly sequence: number
  readonly drop?: string
  readonly set?: readonly [name: string, inode: number]
}

export type Names = ReadonlyMap<string, number>

export interface FileState {
  readonly kind: 'file'
  readonly durable: Content
  /** What a process sees: durable and pending, and what a failed sync dropped. */
  readonly current: Content
  readonly pending: readonly PendingWrite[]
  /** A failed sync dropped writes that are still seen in `current`. */
  readonly dropped: boolean
}

export interface DirectoryState {
  readonly kind: 'directory'
  readonly durable: Names
  readonly current: Names
  readonly pending: readonly PendingName[]
}

export type NodeState = FileState | DirectoryState
export type Disk = Map<number, NodeState>

export const ROOT = 0
export const EMPTY_FILE: FileState = {
  kind: 'file',
  durable: Content.empty,
  current: Content.empty,
  pending: [],
  dropped: false,
}
export const EMPTY_DIRECTORY: DirectoryState = {
  kind: 'directory',
  durable: new Map(),
  current: new Map(),
  pending: [],
}

export function applyWrite(content: Content, write: PendingWrite): Content {
  return 'bytes' in write ? content.write(write.position, write.bytes) : content.resize(write.sizeBytes)
}

export function applyName(names: Names, change: PendingName): Names {
  const changed = new Map(names)
  if (change.drop !== undefined) changed.delete(change.drop)
  if (change.set !== undefined) changed.set(change.set[0], change.set[1])
  return changed
}

/** What was pending at the operation `sequence`, and what came after it. */
export function splitAt<P extends { readonly sequence: number }>(pending: readonly P[], sequence: number): [P[], P[]] {
  return [pending.filter((one) => one.sequence <= sequence), pending.filter((one) => one.sequence > sequence)]
}

/** A text that differs when any name or byte that a process sees differs. */
export function digestDisk(disk: Disk): string {
  const lines: string[] = []
  const visit = (inode: number, path: string): void => {
    const state = disk.get(inode)
    if (state === undefined) return
    if (state.kind === 'file') {
      lines.push(`${path}=${state.current.sizeBytes}:${state.current.hash().join('.')}`)
      return
    }
    lines.push(`${path}/`)
    for (const name of [...state.current.keys()].sort()) visit(state.current.get(name) ?? -1, `${path}/${name}`)
  }
  visit(ROOT, '')
  return lines.join('\n')
}

/** The bytes of every file by its path, as a process sees them. */
export function filesOf(disk: Disk): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>()
  const visit = (state: NodeState | undefined, path: string): void => {
    if (state?.kind === 'file') found.set(path, state.current.bytes.slice())
    else for (const [name, inode] of state?.current ?? []) visit(disk.get(inode), `${path}/${name}`)
  }
  visit(disk.get(ROOT), '')
  return found
}

/** In no useful order, as a real directory. */
export function entriesOf(disk: Disk, names: Names): StorageEntry[] {
  return [...names].reverse().map(([name, inode]) => ({ name, kind: disk.get(inode)?.kind ?? 'other' }))
}

/** The inode a path leads to now. A part of a path that begins with `@` stays where it is, so that two storages on one
 * disk can have different locations, as two processes have different registries of open stores. */
export function lookUp(disk: Disk, path: string): number | undefined {
  let inode = ROOT
  for (const name of path.split('/')) {
    if (name === '' || name.startsWith('@')) continue
    const state = disk.get(inode)
    const next = state?.kind === 'directory' ? state.current.get(name) : undefined
    if (next === undefined) return undefined
    inode = next
  }
  return inode
}

/** What a call finds under a name; it throws as the system does. */
export function inodeOf(disk: Disk, path: string, call: string): number {
  const inode = lookUp(disk, path)
  if (inode === undefined) throw errnoError('ENOENT', call, path)
  return inode
}

export function directoryOf(disk: Disk, path: string, call: string): number {
  const inode = inodeOf(disk, path, call)
  if (disk.get(inode)?.kind !== 'directory') throw errnoError('ENOTDIR', call, path)
  return inode
}

/** The directory that holds a name. */
export function parentOf(disk: Disk, path: string, call: string): number {
  return directoryOf(disk, path.slice(0, path.lastIndexOf('/')), call)
}

export function refuseExisting(disk: Disk, path: string, call: string): void {
  if (lookUp(disk, path) !== undefined) throw errnoError('EEXIST', call, path)
}

/** Only the last part of a path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** How many names lead to a file. */
export function linksTo(disk: Disk, inode: number): number {
  let count = 0
  for (const state of disk.values())
    if (state.kind === 'directory') for (const other of state.current.values()) if (other === inode) count++
  return count
}
