/** Seeded defects in projections. The comment of each says what the line protects.
 * @module */
import { AT, NEVER } from './history-paths.ts'
import type { Defect } from './seeded.ts'

/** Killed by `projection-scenarios.ts`. */
export const PROJECTION_DEFECTS: readonly Defect[] = [
  // A state and what it reflects become true together.
  {
    name: 'positions are committed before their state',
    file: AT.projectionStates,
    find: 'const publish = (document: DocumentRow) => commit({ type, projection, document })',
    replace: `const publish = async (document: DocumentRow) => {
        await commit({ type, projection })
        await commit({ type, projection, document })
      }`,
    killer: 'publicationsSurviveCrashes',
  },
  // The same of a history.
  {
    name: 'positions are committed before their version',
    file: AT.projectionStates,
    find: 'const publish = (history: GroupsWritten) => commit({ type, projection, history })',
    replace: `const publish = async (history: GroupsWritten) => {
        await commit({ type, projection })
        await commit({ type, projection, history })
      }`,
    killer: 'publicationsSurviveCrashes',
  },
  // What is published does not go on while it is written.
  {
    name: 'positions go on while they are published',
    file: AT.projectionRun,
    find: '...this.#reached(), positions: [...this.#live.positions] }',
    replace: '...this.#reached(), positions: this.#live.positions }',
    killer: 'publicationsSurviveCrashes',
  },
  // The same of the state.
  {
    name: 'a state goes on while it is published',
    file: AT.projectionRun,
    find: 'this.#live.state = copyValue(state)',
    replace: 'copyValue(state)',
    killer: 'publicationsSurviveCrashes',
  },
  // The same of one that needs no copy for its history, which takes it at once.
  {
    name: 'a state in a document goes on while it is published, as that in a history may',
    file: AT.projectionRun,
    find: "if (this.#row.keep === 'history' && isStoredForm(state)) return",
    replace: 'if (isStoredForm(state)) return',
    killer: 'publicationsSurviveCrashes',
  },
  // What an apply has thrown away is never published.
  {
    name: 'the state that a failing fold has changed is published',
    file: AT.projectionRun,
    find: 'if (!(await this.#publishBefore(error, failure))) await',
    replace: `const row = { ...this.#row, ...this.#reached(), positions: [...this.#live.positions], failure }
      await host.publish(row, this.#live)
      if (${NEVER} !(await this.#publishBefore(error, failure))) await`,
    killer: 'failingFoldsLeaveWhatWasBefore',
  },
  // Nor shown.
  {
    name: 'the state that a failing fold has changed is served',
    file: AT.projectionRun,
    find: 'return this.#isIntact && !this.#replaces ? this.#live : undefined',
    replace: 'return this.#replaces ? undefined : this.#live',
    killer: 'failingFoldsLeaveWhatWasBefore',
  },
  // What was folded before the event that failed is not lost.
  {
    name: 'events before the one that fails are not published',
    file: AT.projectionRun,
    find: "if (error.found === 'state' || this.#replaces) return false",
    replace: 'if (error.found.length > 0) return false',
    killer: 'failingFoldsLeaveWhatWasBefore',
  },
  // The positions of a failing fold are those before the event.
  {
    name: 'the event that fails counts as folded',
    file: AT.fold,
    find: '        const apply = all ?? byKind.get(event.kind)\n',
    replace: `        positions[event.partition] = event.offset + 1
        const apply = all ?? byKind.get(event.kind)\n`,
    killer: 'failingFoldsLeaveWhatWasBefore',
  },
  // A projection that failed says so no more when its fold is mended.
  {
    name: 'a failure stays when it was overcome',
    file: AT.projectionRun,
    find: 'const { failure: _, ...rest } = this.#row',
    replace: 'const { ...rest } = this.#row',
    killer: 'failingFoldsLeaveWhatWasBefore',
  },
  // Events behind a publication are folded, each once.
  {
    name: 'a publication in the middle of a batch leaves an event out',
    file: AT.projectionRun,
    find: '      from = to\n',
    replace: '      from = to + (to < events.length && this.#unpublished >= everyEvents ? 1 : 0)\n',
    killer: 'eventsAreFoldedOnce',
  },
  // The same over runs.
  {
    name: 'a run begins with the last event of the one before',
    file: AT.fold,
    find: 'positions[event.partition] = event.offset + 1',
    replace: 'positions[event.partition] = event.offset',
    killer: 'eventsAreFoldedOnce',
  },
  // A history of states has one every so many events.
  {
    name: 'what was folded before counts for the next publication',
    file: AT.projectionRun,
    find: '    this.#unpublished = 0\n    const written',
    replace: '    const written',
    killer: 'eventsAreFoldedOnce',
  },
  // What is published at the end is all that was folded.
  {
    name: 'the last events of a run are not published',
    file: AT.projectionRun,
    find: 'if (this.#isCaughtUp ? isDue || this.#unpublished > 0 : isNewer) await this.#publish()',
    replace: 'if (this.#isCaughtUp ? isDue : isNewer) await this.#publish()',
    killer: 'eventsAreFoldedOnce',
  },
  // A state is gone on with by the fold that made it.
  {
    name: 'a fold goes on with the state of another version',
    file: AT.projectionBegin,
    find: 'row.foldVersion === folder.version && ',
    replace: 'row.foldVersion > 0 && ',
    killer: 'foldsOfOtherVersionsBeginAnew',
  },
  // The same to a moment.
  {
    name: 'the state at a moment is made of that of another fold',
    file: AT.stateAt,
    find: `if (row.foldVersion !== folder.version || row.topicId !== topicId) return undefined
  const kept = row.keep === 'history' ? await host.keptAt(row.name, moment) : await host.published(row.name)
  if (kept === undefined || kept.foldVersion !== folder.version) return undefined`,
    replace: `if (row.topicId !== topicId) return undefined
  const kept = row.keep === 'history' ? await host.keptAt(row.name, moment) : await host.published(row.name)
  if (kept === undefined) return undefined`,
    killer: 'foldsOfOtherVersionsBeginAnew',
  },
  // What is published by the fold before is served until the new one is done.
  {
    name: 'a new fold publishes on its way',
    file: AT.projectionRun,
    find: 'return this.#isAnew && this.#row.foldVersion > 0',
    replace: 'return this.#isAnew && this.#row.foldVersion < 0',
    killer: 'foldsOfOtherVersionsBeginAnew',
  },
  // A topic is the same when its id is.
  {
    name: 'a topic is known by its name alone',
    file: AT.projectionBegin,
    find: ' && row.topicId === topicId) {',
    replace: ') {',
    killer: 'topicsMadeAnewAreFoldedAnew',
  },
  // The same to a moment.
  {
    name: 'the state at a moment is made of that of another topic',
    file: AT.stateAt,
    find: 'if (row.foldVersion !== folder.version || row.topicId !== topicId) return undefined',
    replace: 'if (row.foldVersion !== folder.version) return undefined',
    killer: 'topicsMadeAnewAreFoldedAnew',
  },
  // The time of a moment is inclusive.
  {
    name: 'events at a moment are behind it',
    file: AT.projectionReading,
    find: 'recordedAt > time)',
    replace: 'recordedAt >= time)',
    killer: 'statesAreThoseOfTheirMoments',
  },
  // Nothing behind a moment is in its state.
  {
    name: 'a published state is behind the moment that it is taken for',
    file: AT.stateAt,
    find: '(kept.positions[0] ?? 0) <= moment.offset',
    replace: '(kept.positions[0] ?? 0) <= moment.offset + 1',
    killer: 'statesAreThoseOfTheirMoments',
  },
  // The same by time.
  {
    name: 'a published document is as old as anybody asks',
    file: AT.stateAt,
    find: 'if (bound === undefined || bound.recordedAt > time) return false',
    replace: `if (${NEVER} (bound === undefined || bound.recordedAt > time)) return false`,
    killer: 'statesAreThoseOfTheirMoments',
  },
  // The end of a range of events is exclusive.
  {
    name: 'the event at an offset is in the state at it',
    file: AT.stateAt,
    find: 'if (end <= highWatermark) return { positions: [end] }',
    replace: 'if (end <= highWatermark) return { positions: [Math.min(end + 1, highWatermark)] }',
    killer: 'statesAreThoseOfTheirMoments',
  },
  // What was followed is not folded again by the next owner.
  {
    name: 'following ends without a publication',
    file: AT.projectionRun,
    find: '      await this.#tail()\n      await this.#finish()\n',
    replace: '      await this.#tail()\n',
    killer: 'followingPublishesAtTheClose',
  },
  // A state in memory is that of the fold, whatever callers do to what they got.
  {
    name: 'callers are given the state that is folded',
    file: AT.projection,
    find: 'return projected(copyValue(live.state), live.positions)',
    replace: 'return projected(live.state, live.positions)',
    killer: 'followingPublishesAtTheClose',
  },
  // Two runs would publish one over the other.
  {
    name: 'a projection runs twice at a time',
    file: AT.projection,
    find: "    this.#checkIdle('run')\n",
    replace: '',
    killer: 'projectionsRunOnceAtATime',
  },
  // A run does not publish what was deleted.
  {
    name: 'a projection is deleted while it runs',
    file: AT.projection,
    find: "    this.#checkIdle('delete')\n",
    replace: '',
    killer: 'projectionsRunOnceAtATime',
  },
  // A reader says that it is one before it folds a million events.
  {
    name: 'a reader runs a projection',
    file: AT.projection,
    find: "    host.checkWritable('run a projection')\n",
    replace: '',
    killer: 'readersRunNoProjections',
  },
]
