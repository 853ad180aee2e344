/** Taking a snapshot.
 *
 * 1. Take a moment of the store; its files stay until the end. 2. Link or copy them into a directory of their own, and
 * sync. 3. Pin, if that is asked for. 4. Publish the manifest: the snapshot is there. A crash before leaves files that
 * the next open removes; a failure leaves nothing.
 * @module */
import { isVarveError, VarveError } from '../errors.ts'
import type { ManifestState, SnapshotRow } from '../manifest/index.ts'
import { optionInvalid, wholeOption } from '../options.ts'
import type { SnapshotCatalogue } from './catalogue/catalogue.ts'
import { derivedFiles, truthFiles } from './files/state-files.ts'
import { type TransferFile, transfer } from './files/transfer.ts'
import type { Cut, SnapshotHost } from './host.ts'
import type { CreateSnapshotOptions, SnapshotInfo, SnapshotTarget } from './types.ts'

const LABEL_BYTES_MAX = 256

export interface CreateParts {
  readonly host: SnapshotHost
  readonly catalogue: SnapshotCatalogue
}

/** Take a snapshot now. Who waits for whom, and how soon, is for the caller. Cost: a call for each file; without links
 * a copy of everything.
 * @throws {VarveError} `OPTION_INVALID`, `TOPIC_UNKNOWN`, `PARTITION_UNKNOWN`, `STORAGE_FULL`, `SEGMENT_MISSING`,
 * `DOCUMENT_MISSING`, `VERSION_DAMAGED`, `VERSIONS_DAMAGED`, `STORE_FENCED`, the signal's reason, and what the storage
 * throws: then there is nothing of it. */
export async function createSnapshot(parts: CreateParts, options: CreateSnapshotOptions): Promise<SnapshotInfo> {
  const { host } = parts
  const target = checkTarget(options)
  checkLabel(options.label)
  host.checkWritable('take a snapshot')
  options.signal?.throwIfAborted()
  options.onProgress?.({ step: 'prepare', doneBytes: 0, totalBytes: 0, file: '' })
  const cut = await host.cut(target)
  try {
    return await snapshotOf(parts, cut, options)
  } finally {
    cut.release()
  }
}

async function snapshotOf(parts: CreateParts, cut: Cut, options: CreateSnapshotOptions): Promise<SnapshotInfo> {
  const { host, catalogue } = parts
  const { topic, partition, label, pinned } = options
  const { timestamp } = cut
  const id = await catalogue.freeId(timestamp)
  const snapshot: SnapshotRow = {
    id,
    timestamp,
    ...(topic === undefined ? {} : { topic }),
    ...(partition === undefined ? {} : { partition }),
    ...(label === undefined ? {} : { label }),
  }
  const state = { ...cut.state, snapshot }
  const signal = options.signal === undefined ? host.closing : AbortSignal.any([options.signal, host.closing])
  const { onProgress } = options
  try {
    const files = [...neededFiles(state), ...(await helpfulFiles(host, state))]
    const isStopped = () => host.isFenced()
    const places = { from: host.storage, to: catalogue.storageOf(id) }
    await transfer(places, files, { signal, isStopped, onProgress })
    if (pinned === true) await catalogue.mark(id, true)
    onProgress?.({ step: 'publish', doneBytes: 0, totalBytes: 0, file: '' })
    signal.throwIfAborted()
    const by = { epoch: host.epoch + 1, owner: host.storage.owner.describe(), random: host.random }
    return await catalogue.publish(id, state, by)
  } catch (error) {
    await catalogue.discard(id)
    if (host.closing.aborted) host.checkOpen('take a snapshot')
    throw isVarveError(error, 'FILE_MISSING') ? await missing(error, host) : error
  }
}

function neededFiles(state: ManifestState): TransferFile[] {
  return truthFiles(state).map(({ path, kind, sizeBytes }) => ({
    from: path,
    to: path,
    ...(kind === 'versions' ? {} : { sizeBytes }),
    ...(kind === 'active' ? { copyBytes: sizeBytes } : {}),
  }))
}

async function helpfulFiles({ storage }: SnapshotHost, state: ManifestState): Promise<TransferFile[]> {
  return (await derivedFiles(storage, state)).map(({ path }) => ({ from: path, to: path, optional: true }))
}

/** A file of the store is gone: not the snapshot is unknown. Whoever took the store over may have replaced it. */
async function missing(cause: VarveError, host: SnapshotHost): Promise<VarveError> {
  if (await host.isFenced())
    return new VarveError('STORE_FENCED', 'Cannot take a snapshot: the store was taken over', { cause })
  const file = String(cause.details.path ?? '')
  const [root, , , name = ''] = file.split('/')
  const isVersions = name.startsWith('versions-')
  const inTopics = isVersions ? 'VERSIONS_DAMAGED' : 'SEGMENT_MISSING'
  const elsewhere = root === 'documents' ? 'DOCUMENT_MISSING' : 'VERSION_DAMAGED'
  const code = root === 'topics' ? inTopics : elsewhere
  const details = { file, reason: 'it does not exist' }
  return new VarveError(code, `Cannot take a snapshot: "${file}" does not exist`, { details, cause })
}

/** Check what a snapshot is to be of. @throws {VarveError} `OPTION_INVALID`. */
export function checkTarget({ topic, partition }: SnapshotTarget): SnapshotTarget {
  if (topic !== undefined && typeof topic !== 'string') throw optionInvalid('topic', 'must be a name', topic)
  if (partition === undefined) return topic === undefined ? {} : { topic }
  if (topic === undefined) throw optionInvalid('partition', 'must come with a topic', partition)
  return { topic, partition: wholeOption('partition', partition, { least: 0 }) }
}

/** Check what people call a snapshot. @throws {VarveError} `OPTION_INVALID`. */
export function checkLabel(label: unknown): void {
  if (label === undefined) return
  const isText = typeof label === 'string' && label.isWellFormed()
  const bytes = isText ? new TextEncoder().encode(label).length : 0
  if (bytes < 1 || bytes > LABEL_BYTES_MAX)
    throw optionInvalid('label', `must be well-formed text of 1 to ${LABEL_BYTES_MAX} bytes`, label)
}
