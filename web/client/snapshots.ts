/** Log snapshots as the client has them: the calls of the library, over HTTP. What is long is a job of the server,
 * waited for, and cancelled with `signal`. The server lets no request wait for another snapshot.
 * @module */
import {
  type CreateSnapshotOptions,
  type DrillReport,
  type RestoreOptions,
  type RestoreReport,
  type SnapshotCleanupOptions,
  type SnapshotCleanupReport,
  type SnapshotCopyOptions,
  type SnapshotDetails,
  type SnapshotInfo,
  type SnapshotLockOptions,
  type SnapshotPolicy,
  type SnapshotReport,
  type SnapshotScheduleOptions,
  type SnapshotScheduleStatus,
  type SnapshotUsage,
  stringifyValue,
} from '../../src/index.ts'
import { cancelledBy, jobReport, parsed, queryText, type Send } from './requests.ts'

type Cancel = Pick<SnapshotLockOptions, 'signal'>

interface Sent {
  readonly body?: object
  readonly signal?: AbortSignal | undefined
}

interface Watch {
  readonly onProgress?: SnapshotCopyOptions['onProgress'] | undefined
}

/** Where to: a new topic, or a store in a directory of the server that has this name. */
export type ClientRestoreOptions = Omit<RestoreOptions, 'to'> & { readonly directory?: string }

/** What is kept, and what is made by itself; nothing without `scheduled`. */
export interface ScheduledSnapshots {
  readonly policy: SnapshotPolicy
  readonly scheduled?: SnapshotScheduleStatus
}

export class ClientSnapshots {
  readonly #send: Send

  constructor(send: Send) {
    this.#send = send
  }

  /** Take a snapshot, and wait for it. @throws {VarveError} `SNAPSHOT_TOO_SOON` {nextAllowedAt}, `SNAPSHOT_BUSY`. */
  async create(options: Omit<CreateSnapshotOptions, 'lockTimeoutMs'> = {}): Promise<SnapshotInfo> {
    const { signal, onProgress, ...body } = options
    return (await this.#job('/api/snapshots', { signal, onProgress, body })) as SnapshotInfo
  }

  /** All snapshots, the newest first. */
  async list(options: Cancel = {}): Promise<SnapshotInfo[]> {
    const all: SnapshotInfo[] = []
    let cursor: string | undefined
    do {
      const page = await this.#read(`/api/snapshots${queryText({ limit: 1_000, cursor })}`, options)
      const { items, nextCursor } = page as { items: SnapshotInfo[]; nextCursor?: string }
      all.push(...items)
      cursor = nextCursor
    } while (cursor !== undefined)
    return all
  }

  async get(id: string, options: Cancel = {}): Promise<SnapshotDetails> {
    return (await this.#read(pathOf(id), options)) as SnapshotDetails
  }

  /** What each one shares, the newest first. */
  async usage(options: Cancel = {}): Promise<SnapshotUsage[]> {
    const { items } = (await this.#read('/api/snapshots/usage', options)) as { items: SnapshotUsage[] }
    return items
  }

  /** Have every byte of a snapshot checked, and wait for it. */
  async verify(id: string, options: SnapshotCopyOptions = {}): Promise<SnapshotReport> {
    return (await this.#job(`${pathOf(id)}/verify`, options)) as SnapshotReport
  }

  /** Have a restore tried, into nothing, and wait for it. */
  async drill(id: string, options: SnapshotCopyOptions = {}): Promise<DrillReport> {
    return (await this.#job(`${pathOf(id)}/drill`, options)) as DrillReport
  }

  /** Have it restored as a new topic or in a directory of the server, and wait for it. */
  async restore(id: string, options: ClientRestoreOptions): Promise<RestoreReport> {
    const { signal, onProgress, ...body } = options
    return (await this.#job(`${pathOf(id)}/restore`, { signal, onProgress, body })) as RestoreReport
  }

  async delete(id: string, options: Cancel = {}): Promise<{ readonly freedBytes: number }> {
    const init = { method: 'DELETE', ...cancelledBy(options.signal) }
    return (await parsed(await this.#send(pathOf(id) + queryText({ confirm: id }), init))) as { freedBytes: number }
  }

  /** Keep it whatever the policy says, or not any more. */
  async pin(id: string, pinned = true): Promise<SnapshotInfo> {
    return (await parsed(await this.#send(`${pathOf(id)}/pin`, { method: pinned ? 'PUT' : 'DELETE' }))) as SnapshotInfo
  }

  /** Remove what the policy does not keep, and wait for it; or with `dryRun` say what would go. */
  async cleanup(options: Omit<SnapshotCleanupOptions, 'lockTimeoutMs'> = {}): Promise<SnapshotCleanupReport> {
    const path = '/api/snapshots/cleanup'
    const { signal, ...body } = options
    if (body.dryRun !== true) return (await this.#job(path, { signal, body })) as SnapshotCleanupReport
    return (await parsed(await this.#sent('POST', path, { body, signal }))) as SnapshotCleanupReport
  }

  /** What is kept, and the schedule with its next run and its last ones. */
  async scheduled(options: Cancel = {}): Promise<ScheduledSnapshots> {
    return (await this.#read('/api/snapshots/schedule', options)) as ScheduledSnapshots
  }

  /** Make snapshots and clean up regularly, in the place of the schedule before; undefined: not any more. */
  async schedule(options: SnapshotScheduleOptions | undefined): Promise<void> {
    const path = '/api/snapshots/schedule'
    if (options === undefined) await this.#send(path, { method: 'DELETE' })
    else await this.#sent('PUT', path, { body: options })
  }

  async #job(path: string, { onProgress, ...sent }: Sent & Watch): Promise<unknown> {
    const started = await this.#sent('POST', path, sent)
    return jobReport(this.#send, started, { signal: sent.signal, onProgress })
  }

  #sent(method: 'POST' | 'PUT', path: string, { body, signal }: Sent): Promise<Response> {
    const headers = { 'content-type': 'application/json' }
    const content = body === undefined ? {} : { headers, body: stringifyValue(body) }
    return this.#send(path, { method, ...content, ...cancelledBy(signal) })
  }

  async #read(path: string, { signal }: Cancel): Promise<unknown> {
    return parsed(await this.#send(path, cancelledBy(signal)))
  }
}

function pathOf(id: string): string {
  return `/api/snapshots/${encodeURIComponent(id)}`
}
