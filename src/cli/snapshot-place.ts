/** Snapshots where no store opens around them: in a directory that they were exported to, or in a store that is too
 * damaged to open. They are read as they are, without a store.
 * @module */
import { isVarveError, VarveError } from '../errors.ts'
import type { Storage } from '../ports/storage.ts'
import { SNAPSHOTS_DIRECTORY, SnapshotCatalogue } from '../snapshot/catalogue/catalogue.ts'
import { isSnapshotId } from '../snapshot/catalogue/ids.ts'
import { checkTruth } from '../snapshot/check/check.ts'
import { copySnapshot } from '../snapshot/export/copy-snapshot.ts'
import type { SnapshotHost } from '../snapshot/host.ts'
import { cleanUp } from '../snapshot/policy/cleanup.ts'
import { checkPolicy } from '../snapshot/policy/policy.ts'
import { SnapshotTurns } from '../snapshot/policy/turns.ts'
import { restoreSnapshot } from '../snapshot/restore/restore.ts'
import type {
  DrillReport,
  RestoreOptions,
  RestoreReport,
  SnapshotCleanupOptions,
  SnapshotCleanupReport,
  SnapshotCopyOptions,
  SnapshotCopyReport,
  SnapshotDetails,
  SnapshotInfo,
  SnapshotReport,
  Snapshots,
} from '../snapshot/types.ts'
import { verifySnapshot } from '../store/snapshots.ts'
import type { Arguments } from './arguments.ts'
import { type CliContext, directoryOf, openForReading, openForWriting, withStore } from './context.ts'
import { clean } from './output.ts'

/** What can be done with snapshots without the store that they are of. */
export type ReadSnapshots = Pick<Snapshots, 'list' | 'get' | 'verify' | 'restore' | 'drill' | 'export'>

/** Snapshots whose manifests are damaged, so that a list made anew does not have them.
 * @param all those that are listed. */
export async function unlisted(
  snapshots: Pick<Snapshots, 'get'>,
  storage: Storage,
  all: readonly SnapshotInfo[],
): Promise<VarveError[]> {
  const listed = new Set(all.map(({ id }) => id))
  const found: VarveError[] = []
  for (const { name } of await storage.list(SNAPSHOTS_DIRECTORY)) {
    if (!isSnapshotId(name) || listed.has(name)) continue
    try {
      await snapshots.get(name)
    } catch (error) {
      // What is left of a snapshot that did not come about is unknown, and not damaged.
      if (isVarveError(error) && error.kind === 'corrupt') found.push(error)
      else if (!isVarveError(error, 'SNAPSHOT_UNKNOWN')) throw error
    }
  }
  return found
}

/** What decides which of them stay. */
export type KeptSnapshots = Pick<Snapshots, 'list' | 'get' | 'pin' | 'delete' | 'cleanup'>

/** Read snapshots beside a running server; also those around which no store opens.
 * @throws {VarveError} as `openStore` when there are none. */
export async function withSnapshots<T>(
  args: Arguments,
  context: CliContext,
  use: (snapshots: ReadSnapshots) => Promise<T>,
): Promise<T> {
  const opened = openForReading(args, context)
  const placed = await opened.then(
    () => undefined,
    (error) => placedBehind(error, args, context),
  )
  return placed === undefined ? withStore(opened, ({ snapshots }) => use(snapshots)) : use(placed)
}

export interface Keeping<T> {
  /** Nothing is written otherwise, and it goes on beside a running server. */
  readonly writes: boolean
  /** @param storeId of the store that they are of. */
  readonly use: (snapshots: KeptSnapshots, storeId: string) => Promise<T>
}

/** Decide which snapshots stay, in a store or in a directory that they were exported to.
 * @throws {VarveError} as `openStore` when there are none. */
export async function keepSnapshots<T>(args: Arguments, context: CliContext, { writes, use }: Keeping<T>): Promise<T> {
  const opened = writes ? openForWriting(directoryOf(args), context, { create: false }) : openForReading(args, context)
  const placed = await opened.then(
    () => undefined,
    (error) => {
      // A damaged store may have an owner, whose snapshots they are.
      if (!isVarveError(error, 'STORE_MISSING')) throw error
      return placedBehind(error, args, context)
    },
  )
  if (placed !== undefined) return use(placed, await placed.storeId())
  return withStore(opened, ({ snapshots, id }) => use(snapshots, id))
}

/** The snapshots in a directory of which no store opens. @throws the reason, where there are none. */
async function placedBehind(error: unknown, args: Arguments, context: CliContext): Promise<PlacedSnapshots> {
  if (!isVarveError(error) || (error.code !== 'STORE_MISSING' && error.kind !== 'corrupt')) throw error
  const storage = context.storage(directoryOf(args))
  if ((await storage.list(SNAPSHOTS_DIRECTORY)).length === 0) throw error
  if (error.kind === 'corrupt')
    context.terminal.writeError(`varve: the store itself cannot be opened (${clean(error.message)})\n`)
  return new PlacedSnapshots(storage, context)
}

class PlacedSnapshots implements ReadSnapshots, KeptSnapshots {
  readonly #catalogue: SnapshotCatalogue
  readonly #host: Parameters<typeof restoreSnapshot>[0]['host']

  constructor(storage: Storage, { clock, random, terminal }: CliContext) {
    const refuse = (): never => {
      throw new VarveError('STORE_MISSING', 'Cannot restore a snapshot as a topic: there is no store around it')
    }
    this.#catalogue = new SnapshotCatalogue(storage)
    const adoptTopic: SnapshotHost['adoptTopic'] = async () => refuse()
    this.#host = {
      storage,
      clock,
      random,
      storeId: '',
      closing: terminal.interrupted,
      adoptTopic,
      checkWritable: refuse,
    }
  }

  list(): Promise<SnapshotInfo[]> {
    return this.#catalogue.list()
  }

  get(id: string): Promise<SnapshotDetails> {
    return this.#catalogue.details(id)
  }

  /** Of the newest one that can be read. */
  async storeId(): Promise<string> {
    for (const { id } of await this.list()) {
      const { storeId } = await this.get(id).catch(() => ({ storeId: undefined }))
      if (storeId !== undefined) return storeId
    }
    return 'unknown'
  }

  pin(id: string, pinned = true): Promise<SnapshotInfo> {
    return this.#catalogue.pin(id, pinned)
  }

  delete(id: string): Promise<{ readonly freedBytes: number }> {
    return this.#catalogue.remove(id)
  }

  cleanup({ policy, dryRun = false }: SnapshotCleanupOptions = {}): Promise<SnapshotCleanupReport> {
    const { clock } = this.#host
    const parts = { catalogue: this.#catalogue, turns: new SnapshotTurns(clock), clock }
    return cleanUp(parts, { policy: checkPolicy(policy), dryRun })
  }

  async verify(id: string, options: SnapshotCopyOptions = {}): Promise<SnapshotReport> {
    await this.#catalogue.info(id)
    return { snapshot: id, ...(await verifySnapshot(this.#catalogue.storageOf(id), options, this.#host.clock)) }
  }

  restore(id: string, options: RestoreOptions): Promise<RestoreReport> {
    return restoreSnapshot({ host: this.#host, catalogue: this.#catalogue }, id, options)
  }

  async drill(
    id: string,
    { to, ...options }: SnapshotCopyOptions & { readonly to?: Storage } = {},
  ): Promise<DrillReport> {
    if (to === undefined) return this.verify(id, options)
    const { clock } = this.#host
    const started = clock.monotonic()
    await this.restore(id, { ...options, to })
    const restoreMs = clock.monotonic() - started
    const report = await verifySnapshot(to, options, clock)
    return { snapshot: id, ...report, restoreMs, durationMs: clock.monotonic() - started }
  }

  export(id: string, to: Storage, options: SnapshotCopyOptions = {}): Promise<SnapshotCopyReport> {
    const { clock, random } = this.#host
    return copySnapshot({ from: this.#catalogue, to: new SnapshotCatalogue(to) }, id, {
      ...options,
      check: checkTruth,
      clock,
      random,
    })
  }
}
