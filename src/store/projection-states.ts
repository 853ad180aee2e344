/** The states of projections: documents and histories of the store's own, committed together with the positions that
 * they reflect.
 * @module */
import { isVarveError } from '../errors.ts'
import type { GroupsWritten } from '../history/host.ts'
import type { VersionInfo, VersionSelector } from '../history/types.ts'
import { type DocumentRow, type ManifestRecord, ownName, type ProjectionRow } from '../manifest/index.ts'
import type { KeptState, NewState, StateDraft } from '../projection/host.ts'
import type { StoreDocuments } from './documents.ts'
import type { StoreHistories } from './histories.ts'

/** What the manifest says, and how it is told. */
export interface StatesStore {
  /** @throws {VarveError} `PROJECTION_UNKNOWN`. */
  readonly row: (projection: string) => ProjectionRow
  readonly documentVersion: (document: string) => number | undefined
  readonly commit: (record: ManifestRecord) => Promise<void>
}

export class ProjectionStates {
  readonly #parts: { readonly documents: StoreDocuments; readonly histories: StoreHistories }
  readonly #store: StatesStore

  constructor(parts: { readonly documents: StoreDocuments; readonly histories: StoreHistories }, store: StatesStore) {
    this.#parts = parts
    this.#store = store
  }

  async published(name: string): Promise<KeptState | undefined> {
    if (this.#store.row(name).keep === 'history') return this.kept(name, {})
    const { documents } = this.#parts
    for (;;) {
      const { positions, foldVersion } = this.#store.row(name)
      if (foldVersion === 0) return undefined
      const version = this.#store.documentVersion(ownName(name))
      const read = await documents.use(ownName(name), async (document) => ({
        version: document.version,
        state: await document.read(),
      }))
      // Otherwise a newer one was published meanwhile.
      if (read.version === version) return { state: read.state, positions, foldVersion, recordedAt: 0 }
    }
  }

  /** A version of the history of a projection, if there is one. */
  async kept(name: string, selector: VersionSelector): Promise<KeptState | undefined> {
    const history = await this.#parts.histories.open(ownName(name))
    for (;;) {
      const info = await unless(history.find(selector))
      if (info === undefined) return undefined
      const kept = await unless(history.read({ version: info.version }).then((state) => ({ state })))
      // Otherwise all versions were replaced meanwhile.
      if (kept !== undefined) return { ...kept, ...reflectedBy(info), recordedAt: info.at }
    }
  }

  async publish(projection: ProjectionRow, newState: NewState | undefined): Promise<void> {
    const { name, keep } = projection
    const type = 'projection-published'
    const { commit } = this.#store
    if (newState === undefined) {
      await commit({ type, projection })
      return
    }
    const { documents, histories } = this.#parts
    if (keep === 'document') {
      const publish = (document: DocumentRow) => commit({ type, projection, document })
      await documents.writeOwn(ownName(name), newState.state, publish)
    } else {
      const publish = (history: GroupsWritten) => commit({ type, projection, history })
      await histories.appendOwn(ownName(name), versionOf(projection, newState), publish)
    }
  }

  draft(name: string): StateDraft {
    const { histories } = this.#parts
    const own = ownName(name)
    const draft = histories.draftOwn(own)
    const keep = (row: ProjectionRow, state: NewState) => draft.append(versionOf(row, state))
    return {
      keep,
      publish: async (projection, state) => {
        await keep(projection, state)
        const type = 'projection-published'
        await histories.replaceOwn(own, draft, (history) => this.#store.commit({ type, projection, history }))
        // Its last file is the history's to append to.
        await draft.end()
      },
      end: () => draft.end(),
    }
  }
}

/** What is found, unless there is no such version, or not any more. */
function unless<T>(found: Promise<T>): Promise<T | undefined> {
  return found.catch((error: unknown) => {
    if (NO_VERSION.some((code) => isVarveError(error, code))) return undefined
    throw error
  })
}

const NO_VERSION = ['VERSION_UNKNOWN', 'VERSION_OUT_OF_RANGE', 'VERSION_GONE'] as const

/** A state as a version of a history. */
function versionOf({ positions, foldVersion }: ProjectionRow, { state, recordedAt: at }: NewState) {
  const [offset] = positions
  const metadata = { positions: [...positions], foldVersion }
  const options = { at, metadata, ...(positions.length === 1 && offset !== undefined && { offset }) }
  return { value: state, kind: 'value' as const, options }
}

/** What the metadata of a version says: see `versionOf`. */
function reflectedBy({ metadata }: VersionInfo): Pick<KeptState, 'positions' | 'foldVersion'> {
  const { positions, foldVersion } = metadata as { positions: number[]; foldVersion: number }
  return { positions, foldVersion }
}
