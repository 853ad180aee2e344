/** A file system in memory that keeps a journal, fails on demand, and shows what a crash at any moment leaves.
 * Every call is one entry of the journal; a sync is two, its start and its end: only what was written before the start
 * is durable, at the end. The state after each entry is kept, so an image costs only the files that are not durable.
 * @module */
import type { FileCalls } from '../../adapters/files/file-calls.ts'
import type { Maybe, StorageEntry } from '../../src/ports/storage.ts'
import { type Draw, draws } from '../support/seeded-random.ts'
import { type CrashMode, crashDisk, crashVariants } from './crash-disk.ts'
import {
  applyName,
  applyWrite,
  type DirectoryState,
  type Disk,
  digestDisk,
  directoryOf,
  EMPTY_DIRECTORY,
  EMPTY_FILE,
  entriesOf,
  type FileState,
  filesOf,
  inodeOf,
  linksTo,
  lookUp,
  type NodeState,
  nameOf,
  type PendingName,
  type PendingWrite,
  parentOf,
  ROOT,
  refuseExisting,
  splitAt,
} from './disk.ts'
import { errnoError } from './errno.ts'
import { type Call, type Fault, type FaultOptions, type FileOperation, type Operation, takeFault } from './fault.ts'
import { LinkedWrites } from './linked-writes.ts'
import { Replay } from './replay.ts'

export interface FaultFilesOptions {
  /** Start from this disk; default an empty one. */
  readonly disk?: Disk
  /** Every call answers with a promise and there is no `readSync`. Default false. */
  readonly asynchronous?: boolean
  /** Decides how many turns of the event loop each asynchronous call takes. Default 1. */
  readonly seed?: number
}

interface Open {
  readonly inode: number
  readonly path: string
  readonly writable: boolean
}

export class FaultFiles implements FileCalls {
  readonly origin: Readonly<Record<string, string>> = {}
  readonly readSync?: (descriptor: number, into: Uint8Array, position: number) => number
  readonly #options: FaultFilesOptions
  readonly #draw: Draw
  readonly #disk: Disk
  readonly #journal: Operation[] = []
  readonly #open = new Map<number, Open>()
  readonly #linkedWrites: LinkedWrites
  #faults: Fault[] = []
  #nextInode: number
  #nextDescriptor = 3
  readonly #replay: Replay

  constructor(options: FaultFilesOptions = {}) {
    this.#options = options
    this.#draw = draws(options.seed ?? 1)
    const first: Disk = options.disk ?? new Map([[ROOT, EMPTY_DIRECTORY]])
    this.#disk = new Map(first)
    this.#linkedWrites = new LinkedWrites(this.#disk)
    this.#nextInode = Math.max(...first.keys()) + 1
    this.#replay = new Replay(first, this.#journal)
    if (options.asynchronous !== true)
      this.readSync = (descriptor, into, position) => this.#read({ descriptor, into, position })
  }

  /** Entries so far: the position of the next. */
  get position(): number {
    return this.#journal.length
  }

  /** Everything that was called, in order. */
  get journal(): readonly Operation[] {
    return this.#journal
  }

  /** Writes and truncations that changed a file with more than one name: no store may do that to what it shares. */
  get linkedWrites(): readonly Operation[] {
    return this.#linkedWrites.operations
  }

  /** Make the call at a journal position, or the calls that `where` picks, fail with `errno`.
   * `SHORT` is no error: the read or write moves only `partial` bytes. */
  failAt(where: number | ((operation: Operation) => boolean), errno: string, options: FaultOptions = {}): void {
    this.#faults.push({ where, errno, ...options, hits: 0 })
  }

  /** How many calls failed. */
  get hits(): number {
    return this.#faults.reduce((sum, fault) => sum + fault.hits, 0)
  }

  /** Let every later call succeed. */
  clearFaults(): void {
    this.#faults = []
  }

  /** How many different images `mode` has at this journal position. */
  variants(position: number, mode: CrashMode): number {
    return crashVariants(this.#replay.at(position), mode)
  }

  /** The file system after a crash before the call at `position`. Cheapest when positions ascend. */
  crashImage(position: number, mode: CrashMode, seed: number): FaultFiles {
    return new FaultFiles({ ...this.#options, disk: crashDisk(this.#replay.at(position), mode, seed) })
  }

  /** A text that differs when any name or byte that a process sees differs. */
  digest(): string {
    return digestDisk(this.#disk)
  }

  /** The disk as it is, to begin others with; best of an image, in which nothing waits. */
  get disk(): Disk {
    return new Map(this.#disk)
  }

  /** The bytes of every file by its path, as a process sees them. */
  files(): Map<string, Uint8Array> {
    return filesOf(this.#disk)
  }

  open(path: string, purpose: 'read' | 'write' | 'create'): Maybe<number> {
    return this.#maybe(() => {
      const call = this.#begin(purpose === 'create' ? 'create' : 'open', { path })
      this.#failBefore(call)
      const inode = purpose === 'create' ? this.#create(call, path) : inodeOf(this.#disk, path, 'open')
      if (this.#disk.get(inode)?.kind !== 'file') throw errnoError('EISDIR', 'open', path)
      const descriptor = this.#nextDescriptor++
      this.#open.set(descriptor, { inode, path, writable: purpose !== 'read' })
      this.#failAfter(call, () => this.#open.delete(descriptor))
      return descriptor
    })
  }

  close(descriptor: number): Maybe<void> {
    return this.#maybe(() => {
      const call = this.#begin('close', { path: this.#opened(descriptor, 'close').path })
      // As on Linux: the descriptor is gone whatever close reports.
      this.#open.delete(descriptor)
      if (call.fault !== undefined && call.fault.errno !== 'SHORT') throw this.#thrown(call)
    })
  }

  async read(descriptor: number, into: Uint8Array, position: number): Promise<number> {
    await this.#turns(3)
    return this.#read({ descriptor, into, position })
  }

  write(descriptor: number, bytes: Uint8Array, position: number): Maybe<number> {
    return this.#maybe(() => {
      const { inode, path, writable } = this.#opened(descriptor, 'write')
      if (!writable) throw errnoError('EBADF', 'write', path)
      const call = this.#begin('write', { path, inode, position, length: bytes.length })
      const { fault } = call
      const count = fault === undefined || fault.applied === true ? bytes.length : (fault.partial?.(bytes.length) ?? 0)
      if (count > 0)
        this.#change(call, inode, { sequence: call.operation.index, position, bytes: bytes.slice(0, count) })
      if (fault !== undefined && fault.errno !== 'SHORT') throw this.#thrown(call)
      return count
    })
  }

  async truncate(descriptor: number, sizeBytes: number): Promise<void> {
    const { inode, path } = this.#opened(descriptor, 'truncate')
    const call = this.#begin('truncate', { path, inode, length: sizeBytes })
    this.#failBefore(call)
    this.#change(call, inode, { sequence: call.operation.index, sizeBytes })
    this.#failAfter(call)
    await this.#turns(3)
  }

  async sync(descriptor: number): Promise<void> {
    const { inode, path } = this.#opened(descriptor, 'sync')
    const call = this.#begin('sync', { path, inode })
    if (call.fault?.gate === true) {
      const file = this.#file(inode)
      this.#set(call, inode, { ...file, pending: [], dropped: file.dropped || file.pending.length > 0 })
    }
    if (call.fault?.applied !== true) this.#failBefore(call)
    const covered = this.#file(inode)
    await this.#turns(8)
    const done = this.#begin('sync-end', { path })
    const file = this.#file(inode)
    const [old, rest] = splitAt(file.pending, call.operation.index)
    if (old.length > 0) {
      const durable = covered.dropped ? old.reduce(applyWrite, file.durable) : covered.current
      this.#set(done, inode, { ...file, durable, pending: rest })
    }
    this.#failAfter(call)
  }

  size(descriptor: number): Maybe<number> {
    return this.#maybe(() => {
      const { inode, path } = this.#opened(descriptor, 'size')
      this.#failBefore(this.#begin('size', { path }))
      return this.#file(inode).current.sizeBytes
    })
  }

  async syncDirectory(path: string): Promise<void> {
    const call = this.#begin('syncDirectory', { path })
    if (call.fault?.applied !== true) this.#failBefore(call)
    const inode = directoryOf(this.#disk, path, 'fsync')
    await this.#turns(8)
    const done = this.#begin('syncDirectory-end', { path })
    const directory = this.#directory(inode)
    const [old, rest] = splitAt(directory.pending, call.operation.index)
    if (old.length > 0) {
      const durable = old.reduce(applyName, directory.durable)
      this.#set(done, inode, { ...directory, durable, pending: rest })
    }
    this.#failAfter(call)
  }

  async makeDirectory(path: string): Promise<void> {
    const call = this.#begin('makeDirectory', { path })
    this.#failBefore(call)
    refuseExisting(this.#disk, path, 'mkdir')
    const parent = parentOf(this.#disk, path, 'mkdir')
    const inode = this.#nextInode++
    this.#set(call, inode, EMPTY_DIRECTORY)
    this.#name(call, parent, { set: [nameOf(path), inode] })
    this.#failAfter(call)
    await this.#turns(3)
  }

  async list(path: string): Promise<StorageEntry[]> {
    this.#failBefore(this.#begin('list', { path }))
    const { current } = this.#directory(directoryOf(this.#disk, path, 'scandir'))
    await this.#turns(3)
    return entriesOf(this.#disk, current)
  }

  exists(path: string): Maybe<boolean> {
    return this.#maybe(() => {
      this.#failBefore(this.#begin('exists', { path }))
      return lookUp(this.#disk, path) !== undefined
    })
  }

  async rename(from: string, to: string): Promise<void> {
    const call = this.#begin('rename', { path: from, to })
    this.#failBefore(call)
    const inode = inodeOf(this.#disk, from, 'rename')
    const source = parentOf(this.#disk, from, 'rename')
    const target = parentOf(this.#disk, to, 'rename')
    if (source === target) this.#name(call, source, { drop: nameOf(from), set: [nameOf(to), inode] })
    else {
      this.#name(call, target, { set: [nameOf(to), inode] })
      this.#name(call, source, { drop: nameOf(from) })
    }
    this.#failAfter(call)
    await this.#turns(3)
  }

  async link(from: string, to: string): Promise<void> {
    const call = this.#begin('link', { path: from, to })
    this.#failBefore(call)
    const inode = inodeOf(this.#disk, from, 'link')
    if (this.#disk.get(inode)?.kind !== 'file') throw errnoError('EPERM', 'link', from)
    refuseExisting(this.#disk, to, 'link')
    this.#linkedWrites.link(inode)
    this.#name(call, parentOf(this.#disk, to, 'link'), { set: [nameOf(to), inode] })
    this.#failAfter(call)
    await this.#turns(3)
  }

  async unlink(path: string): Promise<void> {
    const call = this.#begin('unlink', { path })
    this.#failBefore(call)
    if (this.#disk.get(inodeOf(this.#disk, path, 'unlink'))?.kind !== 'file') throw errnoError('EISDIR', 'unlink', path)
    this.#name(call, parentOf(this.#disk, path, 'unlink'), { drop: nameOf(path) })
    this.#failAfter(call)
    await this.#turns(3)
  }

  async removeDirectory(path: string): Promise<void> {
    const call = this.#begin('removeDirectory', { path })
    this.#failBefore(call)
    const { current } = this.#directory(directoryOf(this.#disk, path, 'rmdir'))
    if (current.size > 0) throw errnoError('ENOTEMPTY', 'rmdir', path)
    this.#name(call, parentOf(this.#disk, path, 'rmdir'), { drop: nameOf(path) })
    this.#failAfter(call)
    await this.#turns(3)
  }

  async linkCount(path: string): Promise<number> {
    this.#failBefore(this.#begin('linkCount', { path }))
    const inode = inodeOf(this.#disk, path, 'stat')
    return linksTo(this.#disk, inode)
  }

  async freeBytes(path: string): Promise<number | undefined> {
    this.#failBefore(this.#begin('freeBytes', { path }))
    directoryOf(this.#disk, path, 'statfs')
    return 2 ** 40
  }

  // Calls, faults and turns.

  #begin(kind: FileOperation, facts: Omit<Operation, 'index' | 'kind' | 'changed'>): Call {
    const operation: Operation = { index: this.#journal.length, kind, changed: [], ...facts }
    this.#journal.push(operation)
    return { operation, fault: takeFault(this.#faults, operation) }
  }

  #thrown({ operation, fault }: Call): Error {
    return errnoError(fault?.errno ?? 'EIO', operation.kind, operation.path)
  }

  #failBefore(call: Call): void {
    if (call.fault !== undefined && call.fault.errno !== 'SHORT' && call.fault.applied !== true)
      throw this.#thrown(call)
  }

  #failAfter(call: Call, undo?: () => void): void {
    if (call.fault?.applied !== true || call.fault.errno === 'SHORT') return
    undo?.()
    throw this.#thrown(call)
  }

  #maybe<T>(run: () => T): Maybe<T> {
    return this.#options.asynchronous === true ? this.#turns(3).then(run) : run()
  }

  async #turns(most: number): Promise<void> {
    for (let turn = 1 + (this.#draw() % most); turn > 0; turn--) await undefined
  }

  #read({ descriptor, into, position }: { descriptor: number; into: Uint8Array; position: number }): number {
    const { inode, path } = this.#opened(descriptor, 'read')
    const call = this.#begin('read', { path, inode, position, length: into.length })
    this.#failBefore(call)
    const most = call.fault?.errno === 'SHORT' ? (call.fault.partial?.(into.length) ?? 0) : into.length
    const found = this.#file(inode).current.bytes.subarray(position, position + most)
    into.set(found)
    return found.length
  }

  // The tree.

  #set({ operation }: Call, inode: number, state: NodeState): void {
    this.#disk.set(inode, state)
    operation.changed.push([inode, state])
  }

  #change(call: Call, inode: number, change: PendingWrite): void {
    const file = this.#file(inode)
    const current = applyWrite(file.current, change)
    if (current !== file.current) this.#linkedWrites.write(inode, call.operation)
    this.#set(call, inode, { ...file, current, pending: [...file.pending, change] })
  }

  #name(call: Call, inode: number, change: Omit<PendingName, 'sequence'>): void {
    const directory = this.#directory(inode)
    const entry = { sequence: call.operation.index, ...change }
    const current = applyName(directory.current, entry)
    this.#set(call, inode, { ...directory, current, pending: [...directory.pending, entry] })
  }

  #create(call: Call, path: string): number {
    refuseExisting(this.#disk, path, 'open')
    const parent = parentOf(this.#disk, path, 'open')
    const inode = this.#nextInode++
    this.#set(call, inode, EMPTY_FILE)
    this.#name(call, parent, { set: [nameOf(path), inode] })
    return inode
  }

  #opened(descriptor: number, call: string): Open {
    const open = this.#open.get(descriptor)
    if (open === undefined) throw errnoError('EBADF', call, `descriptor ${descriptor}`)
    return open
  }

  #file(inode: number): FileState {
    const state = this.#disk.get(inode)
    if (state?.kind === 'file') return state
    throw errnoError('EISDIR', 'file', `inode ${inode}`)
  }

  #directory(inode: number): DirectoryState {
    const state = this.#disk.get(inode)
    if (state?.kind === 'directory') return state
    throw errnoError('ENOTDIR', 'directory', `inode ${inode}`)
  }
}
