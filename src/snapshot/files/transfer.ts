/** Getting files from one place to another: by links where the two can share files, by copies where not.
 *
 * What it made is durable when it resolves; when it fails, what it made is removed again.
 * @module */
import { isVarveError, VarveError } from '../../errors.ts'
import type { Maybe, Storage } from '../../ports/storage.ts'
import { linkBetween } from '../../ports/storage-at.ts'
import type { CheckOptions } from '../host.ts'
import { copyFile } from './copy-file.ts'
import { forEach } from './several.ts'

/** A file, and what it is to be called. Nothing has that name yet. */
export interface TransferFile {
  readonly from: string
  readonly to: string
  /** Copy so many bytes from its beginning; never link it. */
  readonly copyBytes?: number
  /** It can be made again: it may be missing, and a copy of it is not synced. */
  readonly optional?: boolean
  /** For progress and for the space that copies need; otherwise it is looked at. */
  readonly sizeBytes?: number
}

/** What the paths of files are relative to. */
export interface TransferPlaces {
  readonly from: Storage
  readonly to: Storage
}

export interface TransferOptions extends CheckOptions {
  /** Whether the place belongs to somebody else by now; looked at before each file. */
  readonly isStopped?: () => Maybe<boolean>
}

export interface Transferred {
  readonly filesLinked: number
  readonly filesCopied: number
  readonly bytesCopied: number
}

/** Links beside each other: one for each thread that makes such calls, so that an append's sync waits for few. */
const LINKS = 4
/** Copies beside each other, so that the syncs of some run while others are read and written. */
const COPIES = 3
const SYNCS = 8
/** What a file system says that has no more links for a file, none at all, or none to where another one is mounted. */
const NOT_LINKED = new Set(['EMLINK', 'EXDEV', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

/** Bring files over. Cost: a call for each file that is linked; otherwise one reading and writing of every byte, in
 * pieces of 1 MiB.
 * @throws {VarveError} `FILE_MISSING` {path} of a file that is not optional, `FILE_EXISTS`, `STORAGE_FULL`
 * {neededBytes, freeBytes} before the first copy when the storage knows, `STORE_FENCED`, the signal's reason, and what
 * the storages throw. */
export async function transfer(
  places: TransferPlaces,
  files: readonly TransferFile[],
  options: TransferOptions,
): Promise<Transferred> {
  const run = new Transfer(places, options)
  try {
    return await run.all(files)
  } catch (error) {
    await run.undo()
    throw error
  }
}

class Transfer {
  readonly #from: Storage
  readonly #to: Storage
  readonly #options: TransferOptions
  /** Names that are there because of this. */
  readonly #made: string[] = []
  /** Directories in which names were made, or were to be. */
  readonly #directories = new Set<string>()
  #filesLinked = 0
  #filesCopied = 0
  #bytesCopied = 0
  #doneBytes = 0
  #totalBytes = 0
  #canLink: boolean

  constructor({ from, to }: TransferPlaces, options: TransferOptions) {
    this.#from = from
    this.#to = to
    this.#options = options
    this.#canLink = to.capabilities.hardLinks
  }

  async all(files: readonly TransferFile[]): Promise<Transferred> {
    this.#totalBytes = files.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0)
    const rest: TransferFile[] = []
    // What is never linked needs room for certain, so that is asked before anything is done.
    await this.#checkSpace(files.filter(({ copyBytes }) => copyBytes !== undefined))
    await forEach(files, LINKS, async (file) => {
      if (!(await this.#link(file))) rest.push(file)
    })
    await this.#copyAll(rest)
    const directories = new Set(this.#made.map(parentOf))
    await forEach(directories, SYNCS, (directory) => this.#to.syncDirectory(directory))
    return { filesLinked: this.#filesLinked, filesCopied: this.#filesCopied, bytesCopied: this.#bytesCopied }
  }

  /** @returns whether nothing is left to be done for this file. */
  async #link(file: TransferFile): Promise<boolean> {
    if (!this.#canLink || file.copyBytes !== undefined) return false
    await this.#check()
    this.#directories.add(parentOf(file.to))
    try {
      const source = { storage: this.#from, path: file.from }
      if (!(await linkBetween(source, { storage: this.#to, path: file.to }))) {
        this.#canLink = false
        return false
      }
    } catch (error) {
      if (isVarveError(error, 'FILE_MISSING')) return this.#missing(file, error)
      // Some file systems have no links, and none has any number of them.
      const isRefused = isVarveError(error, 'STORAGE_DENIED') || isVarveError(error, 'CAPABILITY_MISSING')
      if (isRefused || (isVarveError(error) && NOT_LINKED.has(String(error.details.errno)))) return false
      throw error
    }
    this.#made.push(file.to)
    this.#filesLinked++
    this.#tell(file.from, file.sizeBytes ?? 0)
    return true
  }

  #missing({ from, optional }: TransferFile, cause: unknown): true {
    if (optional === true) return true
    throw new VarveError('FILE_MISSING', `Cannot take "${from}" over: it does not exist`, {
      details: { path: from },
      cause,
    })
  }

  async #copyAll(files: readonly TransferFile[]): Promise<void> {
    await this.#checkSpace(files)
    await forEach(files, COPIES, (file) => this.#copy(file))
  }

  async #checkSpace(files: readonly TransferFile[]): Promise<void> {
    if (files.length === 0) return
    const freeBytes = await this.#to.freeBytes().catch(() => undefined)
    if (freeBytes === undefined) return
    let neededBytes = 0
    for (const file of files) neededBytes += await this.#sizeOf(file)
    if (neededBytes <= freeBytes) return
    throw new VarveError('STORAGE_FULL', `Cannot copy ${neededBytes} bytes: ${freeBytes} are free`, {
      details: { neededBytes, freeBytes },
    })
  }

  async #sizeOf({ from, copyBytes, sizeBytes }: TransferFile): Promise<number> {
    const known = copyBytes ?? sizeBytes
    if (known !== undefined) return known
    try {
      const handle = await this.#from.openRead(from)
      try {
        return await handle.size()
      } finally {
        await handle.close()
      }
    } catch {
      // Copying it tells why.
      return 0
    }
  }

  async #copy(file: TransferFile): Promise<void> {
    await this.#check()
    let source: Awaited<ReturnType<Storage['openRead']>>
    try {
      source = await this.#from.openRead(file.from)
    } catch (error) {
      if (isVarveError(error, 'FILE_MISSING')) return void this.#missing(file, error)
      throw error
    }
    this.#directories.add(parentOf(file.to))
    try {
      const target = await this.#to.createExclusive(file.to)
      this.#made.push(file.to)
      try {
        const { copyBytes } = file
        await copyFile(source, target, {
          ...(copyBytes === undefined ? {} : { sizeBytes: copyBytes }),
          onBytes: (bytes) => {
            this.#options.signal?.throwIfAborted()
            this.#bytesCopied += bytes
            this.#tell(file.from, bytes)
          },
        })
        // What a crash does to a file that can be made again, its checksums tell.
        if (file.optional !== true) await target.sync()
      } finally {
        await target.close()
      }
    } finally {
      await source.close()
    }
    this.#filesCopied++
  }

  async #check(): Promise<void> {
    const { signal, isStopped } = this.#options
    signal?.throwIfAborted()
    if (await isStopped?.()) throw new VarveError('STORE_FENCED', 'Cannot go on with files: the store was taken over')
  }

  #tell(file: string, bytes: number): void {
    this.#doneBytes += bytes
    const totalBytes = Math.max(this.#totalBytes, this.#doneBytes)
    this.#options.onProgress?.({ step: 'files', doneBytes: this.#doneBytes, totalBytes, file })
  }

  /** Remove what was made, and directories that are empty then. Never throws. */
  async undo(): Promise<void> {
    const directories = new Set<string>()
    try {
      await forEach(this.#made, SYNCS, async (path) => {
        if (await this.#options.isStopped?.()) return
        await this.#to.remove(path).catch(() => undefined)
      })
      for (const made of this.#directories) for (let at = made; at !== ''; at = parentOf(at)) directories.add(at)
      // A directory is longer than the ones that it is in.
      for (const directory of [...directories].sort((a, b) => b.length - a.length)) {
        if (await this.#options.isStopped?.()) return
        await this.#to.removeDirectory(directory).catch(() => undefined)
      }
    } catch {
      // What failed first is what the caller is told.
    }
  }
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}
