/** The projections of a state while records are applied to it, and with them the documents and histories of their
 * states.
 *
 * A projection that keeps a history has it from its creation to its end; one that keeps a document has it from its
 * first publication on. Nobody else deletes them.
 * @module */
import type { DocumentsDraft } from './documents.ts'
import type { HistoriesDraft } from './histories-draft.ts'
import { RowsDraft } from './named-rows.ts'
import { checkProjection, ownName, type ProjectionRow } from './projections.ts'
import type { ProjectionCreated, ProjectionPublished } from './records.ts'
import { check, checkOf } from './shapes.ts'

export interface StatesDraft {
  readonly documents: DocumentsDraft
  readonly histories: HistoriesDraft
}

export class ProjectionsDraft {
  readonly #rows: RowsDraft<ProjectionRow>
  readonly #states: StatesDraft

  constructor(from: readonly ProjectionRow[] | undefined, states: StatesDraft) {
    this.#rows = new RowsDraft(from)
    this.#states = states
  }

  create({ projection, history }: ProjectionCreated): void {
    checkProjection(projection)
    const { name, keep } = projection
    check(this.#rows.find(name) === undefined, `projection "${name}" exists twice`)
    checkOf(name, (history === undefined) === (keep === 'document'), 'projection % is created without its history')
    if (history !== undefined) {
      this.#states.histories.create(history)
      checkOf(name, history.name === ownName(name), 'projection % is created with the history of another')
    }
    this.#rows.set(projection)
  }

  publish({ projection, document, history }: ProjectionPublished): void {
    checkProjection(projection)
    const { name, keep, topic, createdAt } = projection
    const before = this.#find(name)
    const isSame = keep === before.keep && topic === before.topic && createdAt === before.createdAt
    checkOf(name, isSame, 'projection % becomes another one')
    if (document !== undefined) {
      checkOf(name, keep === 'document', 'projection % publishes a document')
      this.#states.documents.write(document)
      checkOf(name, document.name === ownName(name), 'projection % publishes the document of another')
    }
    if (history !== undefined) {
      checkOf(name, keep === 'history', 'projection % publishes to a history')
      this.#states.histories.write(history)
      checkOf(name, history.name === ownName(name), 'projection % publishes to the history of another')
    }
    this.#rows.set(projection)
  }

  delete(name: unknown): void {
    const { name: found, keep } = this.#find(name)
    const own = ownName(found)
    if (keep === 'history') this.#states.histories.delete(own)
    else if (this.#states.documents.has(own)) this.#states.documents.delete(own)
    this.#rows.delete(found)
  }

  /** Check that a document or history which is deleted is not that of a projection. */
  checkFree(name: unknown, keep: ProjectionRow['keep']): void {
    if (typeof name !== 'string' || !name.startsWith('_')) return
    check(this.#rows.find(name.slice(1))?.keep !== keep, `a projection keeps its states as "${name}"`)
  }

  #find(name: unknown): ProjectionRow {
    check(typeof name === 'string', 'a record names no projection')
    const row = this.#rows.find(name)
    check(row?.name === name, `there is no projection "${name}"`)
    return row
  }

  get rows(): readonly ProjectionRow[] {
    return this.#rows.rows
  }
}
