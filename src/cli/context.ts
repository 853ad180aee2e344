/** What commands share: the shape of a command, what the binary hands in, and opening the store.
 * @module */
import { VarveError } from '../errors.ts'
import { readManifest } from '../manifest/index.ts'
import type { Clock } from '../ports/clock.ts'
import type { Random } from '../ports/random.ts'
import type { Storage } from '../ports/storage.ts'
import type { Terminal } from '../ports/terminal.ts'
import { withSnapshotHint } from '../store/damage-hint.ts'
import { openStore } from '../store/open.ts'
import type { Store, StoreOptions } from '../store/types.ts'
import { type Arguments, type OptionSpecs, type ParseArgs, wrongUse } from './arguments.ts'
import type { OpenSqlite } from './sqlite.ts'

/** 0 done, 1 failed, 2 wrong use, 3 damage found. */
export type ExitCode = 0 | 1 | 2 | 3

export const DEFAULT_DIRECTORY = './varve-data'

/** One command: all that help shows, and what it does. */
export interface Command {
  readonly name: string
  /** Arguments after the name, such as `TOPIC [FILE]`. */
  readonly usage: string
  readonly summary: string
  /** Sentences below the options. */
  readonly notes?: readonly string[]
  readonly options: OptionSpecs
  /** Command lines and what each does. */
  readonly examples: readonly (readonly [line: string, does: string])[]
  run(args: Arguments, context: CliContext): Promise<ExitCode>
}

/** What the binary of a runtime hands in. */
export interface CliContext {
  readonly terminal: Terminal
  /** The storage of a directory. */
  readonly storage: (directory: string) => Storage
  /** A storage of its own that is gone with the process. */
  readonly memory: () => Storage
  readonly parseArgs: ParseArgs
  readonly clock: Clock
  readonly random: Random
  readonly version: string
  readonly host: ServerHost
  /** Begin a file named by the person on the command line.
   * @throws {VarveError} `FILE_EXISTS`, `STORAGE_DENIED`. */
  readonly createFile: (path: string) => Promise<OutputFile>
  /** Load a module named by the person on the command line.
   * @throws {VarveError} `FILE_MISSING`, `OPTION_INVALID` for one that does not load. */
  readonly importModule: (path: string) => Promise<unknown>
  /** The runtime's own SQLite; undefined where it has none. */
  readonly openSqlite: OpenSqlite | undefined
}

/** A file in the making: it has its name only once it is whole. */
export interface OutputFile {
  write(text: string | Uint8Array): Promise<void>
  /** Sync it and give it its name. */
  finish(): Promise<void>
  /** Remove what was written. */
  discard(): Promise<void>
}

/** The runtime's web server, with the app in it. */
export interface ServerHost {
  /** Read a secret that only this user may read. @returns undefined when there is no such file.
   * @throws {VarveError} `STORAGE_DENIED`. */
  readSecret(path: string): Promise<string | undefined>
  /** Keep a secret in a new file that only this user may read (0600). */
  createSecret(path: string, secret: string): Promise<void>
  /** Serve the store. Resolves when requests are answered.
   * @throws {VarveError} `PORT_BUSY`, `STORAGE_DENIED` (a port below 1024). */
  start(options: ServeOptions): Promise<RunningServer>
}

export interface ServeOptions {
  readonly store: Store
  readonly hostname: string
  /** 0 takes a free one. */
  readonly port: number
  /** The bearer token of the administrator. */
  readonly token: string
  /** Names beyond the loopback ones under which the server may be addressed. */
  readonly hosts: readonly string[]
  /** The last entry of X-Forwarded-For names the peer. */
  readonly behindProxy: boolean
  /** Where a snapshot may be restored to, by a name that was checked; absent: nowhere. */
  readonly restoreTo?: (name: string) => Storage
  /** A fault of the server itself, for its log. */
  readonly onError: (error: unknown, facts: { readonly requestId: string }) => void
}

export interface RunningServer {
  readonly port: number
  /** A fresh single-use code for the login page. */
  newLoginCode(): string
  /** End streams, finish requests, take no more. */
  close(): Promise<void>
}

/** Directory of the store as the command line names it. */
export function directoryOf(args: Arguments): string {
  return args.text('data') ?? DEFAULT_DIRECTORY
}

/** Directory and the other positional arguments of a command that names the directory first. With `--data` there are
 * only the others. @throws {VarveError} `OPTION_INVALID` without either. */
export function directoryFirst(args: Arguments): { directory: string; at: (index: number) => string | undefined } {
  const named = args.text('data')
  if (named !== undefined) return { directory: named, at: (index) => args.at(index) }
  const directory = args.at(0)
  if (directory === undefined || directory === '') throw wrongUse('Missing DIR: the directory of the store')
  return { directory, at: (index) => args.at(index + 1) }
}

/** Open beside a running server, without a single write; with `--salvage` also a damaged store.
 * @throws {VarveError} as `openStore`. */
export function openForReading(
  args: Arguments,
  context: CliContext,
  directory: string = directoryOf(args),
): Promise<Store> {
  const { terminal } = context
  return openStore({
    storage: context.storage(directory),
    clock: context.clock,
    readOnly: args.flag('salvage') ? 'salvage' : true,
    signal: terminal.interrupted,
  })
}

/** Open for writing. A command that only works on an existing store passes `create: false`, so that a typo in the
 * directory does not make one. @throws {VarveError} as `openStore`, and `STORE_MISSING`. */
export async function openForWriting(
  directory: string,
  context: CliContext,
  options: Omit<StoreOptions, 'storage'> & { readonly create: boolean },
): Promise<Store> {
  const { create, ...rest } = options
  const storage = context.storage(directory)
  const hinted = async (error: unknown) => {
    throw await withSnapshotHint(error, storage)
  }
  if (!create && (await readManifest(storage).catch(hinted)) === undefined)
    throw new VarveError('STORE_MISSING', `Cannot open "${directory}": there is no store`, {
      details: { location: storage.location },
    })
  return openStore({ clock: context.clock, signal: context.terminal.interrupted, ...rest, storage })
}

/** Use a store and close it whatever happens. A failure to close is told only when the use did not fail. */
export async function withStore<T>(opening: Promise<Store>, use: (store: Store) => Promise<T>): Promise<T> {
  const store = await opening
  let result: T
  try {
    result = await use(store)
  } catch (error) {
    await store.close().catch(() => undefined)
    throw error
  }
  await store.close()
  return result
}
