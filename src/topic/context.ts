/** What a partition needs of the store it belongs to.
 * @module */
import type { Digest } from '../codec/digest.ts'
import { isVarveError, VarveError } from '../errors.ts'
import type { PageCache } from '../index/page-cache.ts'
import type { HeadEnd, ManifestRecord } from '../manifest/index.ts'
import type { Clock } from '../ports/clock.ts'
import type { Random } from '../ports/random.ts'
import type { Maybe, Storage } from '../ports/storage.ts'
import type { TableCache } from '../segment/decode.ts'
import type { FilePool } from '../segment/file-pool.ts'
import type { FileHolds } from './file-holds.ts'

/** Whether the store may still write. Once failed it stays so until it is opened again. */
export class Health {
  #failure: VarveError | undefined

  get failure(): VarveError | undefined {
    return this.#failure
  }

  /** Refuse every later write. The first failure counts. */
  fail(error: VarveError): VarveError {
    this.#failure ??= error
    return this.#failure
  }

  /** A sync failed: what was written and not acknowledged may or may not be on the device, for ever. */
  poison(cause: unknown): VarveError {
    if (isVarveError(cause, 'STORE_POISONED') || isVarveError(cause, 'STORE_FENCED')) return this.fail(cause)
    return this.fail(new VarveError('STORE_POISONED', 'Cannot write after a failed sync', { cause }))
  }

  fenced(epoch: number): VarveError {
    const message = `Cannot write with epoch ${epoch}: another process took the store over`
    return this.fail(new VarveError('STORE_FENCED', message, { details: { epoch } }))
  }
}

/** The store as its partitions see it. */
export interface LogContext {
  readonly storage: Storage
  readonly digest: Digest
  readonly clock: Clock
  readonly random: Random
  readonly pool: FilePool
  readonly tables: TableCache
  /** Pages of term runs that were read lately. */
  readonly termPages: PageCache
  readonly health: Health
  readonly holds: FileHolds
  readonly readOnly: boolean
  /** Aborted when the store closes: tails end. */
  readonly closing: AbortSignal
  readonly checkpoints: boolean
  readonly storeId: string
  readonly epoch: number
  /** Whether another process owns the store now. */
  isFenced(): Maybe<boolean>
  /** Somebody waits for new events: look for those of another process. Nothing to do for a writer. */
  follow(): void
  /** See what another process did until now. Nothing to do for a writer. */
  refresh(): Promise<void>
  /** Whether a file is on a list of those to be removed: then nothing new may have its name. */
  isLeaving(path: string): boolean
  /** Commit to the manifest. */
  commit(record: ManifestRecord): Promise<void>
  publishHead(slot: number, end: HeadEnd): Maybe<void>
  /** A derived file was refused; it is rebuilt when it is needed. */
  refuse(file: string, reason: string): void
  diagnose(code: string, message: string, details: Readonly<Record<string, unknown>>): void
}
