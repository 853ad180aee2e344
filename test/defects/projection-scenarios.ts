/** What kills defects in projections: what is published, by which fold, up to which event, and what is asked meanwhile.
 * @module */
import type { Projection, ProjectionOptions } from '../../src/index.ts'
import type { Store } from '../../src/store/types.ts'
import { openForTest, passTime, restartIdentifiers } from '../crash/oracle.ts'
import { type Folded, foldedTo, type Mark, mustHoldProjections, recording } from '../crash/projections-oracle.ts'
import { explore } from '../faults/explorer.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { settle } from '../support/manual-clock.ts'
import { must, mustEqual, ScenarioFailure } from '../support/scenario.ts'
import { codeOf, scenario, staged } from './history-support.ts'

const KEEPS = ['document', 'history'] as const

async function append(store: Store, count: number): Promise<void> {
  const topic = await store.topics.open('orders', { create: true })
  for (let number = 0; number < count; number++) await topic.append({ kind: 'Noted', entity: 'one', data: number })
}

type Recording = ReturnType<typeof recording>

async function opened(
  store: Store,
  fold: Recording = recording(1, 1),
  options: Partial<ProjectionOptions> = {},
): Promise<Projection<Folded>> {
  return store.projections.open<Folded>(options.keep ?? 'seen', { create: { topic: 'orders', ...options }, fold })
}

/** What whoever has no fold sees. */
async function published(store: Store, name: string): Promise<{ readonly state: Folded; readonly offset?: number }> {
  return (await store.projections.open<Folded>(name)).state()
}

/** Publications beside the folding, over an owner that vanishes and one that closes, crashed everywhere. */
export const publicationsSurviveCrashes = scenario(async () => {
  const { failures } = await explore<Mark>({
    name: 'projections',
    idle: passTime,
    workload: async (files, ledger) => {
      restartIdentifiers()
      for (const round of [0, 1]) {
        const store = await openForTest(faultStorage(files))
        await append(store, 5)
        for (const keep of KEEPS) {
          const mark: Mark = { name: keep, foldVersion: 0, events: 0 }
          if (round === 0) ledger.attempt(mark)
          const projection = await opened(store, recording(1, 1), { keep, everyEvents: 2 })
          if (round === 0) ledger.acknowledge(mark)
          const run: Mark = { name: keep, foldVersion: 1, events: 5 + 5 * round }
          ledger.attempt(run)
          await projection.run()
          ledger.acknowledge(run)
        }
        if (round === 1) await store.close()
      }
    },
    check: (files, known, ledger) => mustHoldProjections(() => faultStorage(files), { known, ledger }),
    seeds: 1,
    imagesMax: 70,
    failuresMax: 1,
  })
  if (failures.length > 0) throw new ScenarioFailure(failures.join('\n'))
})

/** An event that cannot be folded leaves the state before it: published, served, also meanwhile; and is tried again. */
export const failingFoldsLeaveWhatWasBefore = staged(async ({ store, again }) => {
  await append(store, 9)
  for (const keep of KEEPS) {
    const asked: Promise<unknown>[] = []
    const fold = recording(1, 1, 5)
    const apply = (state: Folded, event: Parameters<typeof fold.apply>[1]) => {
      if (event.offset === 5) asked.push(projection.state())
      return fold.apply(state, event)
    }
    const projection: Projection<Folded> = await opened(store, { ...fold, apply }, { keep, everyEvents: 4 })
    mustEqual(await codeOf(projection.run()), 'PROJECTION_FAILED', 'a run with an event that cannot be folded')
    for (const answer of asked) {
      const { state, offset } = (await answer) as { state: Folded; offset: number }
      mustEqual(state, foldedTo([offset], 1), `what ${keep} served while it failed`)
      must(offset <= 5, 'the event that failed is in no state')
    }
    mustEqual(await published(store, keep), { state: foldedTo([5], 1), positions: [5], offset: 5 }, `state of ${keep}`)
    const { failure, state } = await projection.status()
    mustEqual([state, failure?.offset], ['failed', 5], `status of ${keep}`)
    const sound = await opened(store, recording(1, 1), { keep, everyEvents: 4 })
    mustEqual((await sound.run()).state, 'idle', `${keep} after the fold was mended`)
    mustEqual((await published(store, keep)).state, foldedTo([9], 1), `state of ${keep} after the fold was mended`)
  }
  await store.close()
  const next = await again()
  for (const keep of KEEPS)
    mustEqual((await published(next, keep)).state, foldedTo([9], 1), `${keep} by the next owner`)
  await next.close()
})

/** Each event is folded once, in its order, wherever publications and runs begin and end. */
export const eventsAreFoldedOnce = staged(async ({ store, again }) => {
  let owner = store
  let all = 0
  for (const [round, count] of [1, 2, 3, 4, 7, 10].entries()) {
    await append(owner, count)
    all += count
    for (const keep of KEEPS) {
      const fold = recording(1, 1)
      const projection = await opened(owner, fold, { keep, everyEvents: 3 })
      await projection.run()
      mustEqual(fold.calls.count, count, `events that ${keep} folded in round ${round}`)
      mustEqual(await published(owner, keep), { state: foldedTo([all], 1), positions: [all], offset: all }, keep)
    }
    await owner.close()
    owner = await again()
  }
  const history = await owner.histories.open('_history')
  let last = 0
  for await (const { version, offset = 0 } of history.index()) {
    must(offset > last, `version ${version} of states reflects more than the one before`)
    must(offset - last <= 3, `version ${version} of states comes after ${offset - last} events`)
    mustEqual(await history.read({ version, check: true }), foldedTo([offset], 1), `version ${version} of states`)
    last = offset
  }
  await owner.close()
})

/** A fold of another version has nothing of the states of the one before, which are served until it is done. */
export const foldsOfOtherVersionsBeginAnew = staged(async ({ store }) => {
  await append(store, 7)
  for (const keep of KEEPS) {
    const before = await opened(store, recording(1, 1), { keep, everyEvents: 3 })
    await before.run()
    const after = await opened(store, recording(2, 1, 6), { keep, everyEvents: 3 })
    for (const offset of [0, 3, 6]) {
      mustEqual((await after.stateAt({ offset })).state, foldedTo([offset], 2), `${keep} at ${offset} by another fold`)
    }
    mustEqual(await codeOf(after.run()), 'PROJECTION_FAILED', 'a new fold that fails')
    mustEqual((await published(store, keep)).state, foldedTo([7], 1), 'what is served when a new fold fails')
    const sound = await opened(store, recording(2, 1), { keep, everyEvents: 3 })
    await sound.run()
    mustEqual((await published(store, keep)).state, foldedTo([7], 2), 'what is served when a new fold is done')
    const { foldVersion } = await sound.status()
    mustEqual(foldVersion, 2, 'the version of the fold')
  }
  await store.close()
})

/** A topic that was made anew with the same name has other events. */
export const topicsMadeAnewAreFoldedAnew = staged(async ({ store }) => {
  await append(store, 7)
  for (const keep of KEEPS) await (await opened(store, recording(1, 1), { keep, everyEvents: 3 })).run()
  await store.topics.delete('orders')
  await passTime()
  await append(store, 9)
  for (const keep of KEEPS) {
    const fold = recording(1, 1)
    const projection = await opened(store, fold, { keep, everyEvents: 3 })
    mustEqual((await projection.stateAt({ offset: 8 })).state, foldedTo([8], 1), `${keep} at an event of the new topic`)
    mustEqual(fold.calls.count, 8, 'events that were folded for that')
    await projection.run()
    mustEqual(fold.calls.count, 17, `events of the new topic that ${keep} folded`)
    mustEqual((await published(store, keep)).state, foldedTo([9], 1), `state of ${keep}`)
  }
  await store.close()
})

/** The state at an offset is that of the events below it; the state at a time is that of those recorded by then. */
export const statesAreThoseOfTheirMoments = staged(async ({ store }) => {
  const topic = await store.topics.open('orders', { create: true })
  const times: number[] = []
  for (const count of [2, 1, 3, 1, 2, 2]) {
    for (let number = 0; number < count; number++) {
      const { recordedAt } = await topic.append({ kind: 'Noted', entity: 'one', data: number })
      times.push(recordedAt)
    }
    await passTime()
  }
  for (const keep of KEEPS) {
    const projection = await opened(store, recording(1, 1), { keep, everyEvents: 2 })
    for (const round of ['before a run', 'after a run']) {
      for (let offset = 0; offset <= times.length; offset++) {
        const { state } = await projection.stateAt({ offset })
        mustEqual(state, foldedTo([offset], 1), `${keep} at offset ${offset} ${round}`)
      }
      for (const time of times.flatMap((at) => [at - 1, at, at + 1])) {
        const { state } = await projection.stateAt({ time })
        const end = times.filter((at) => at <= time).length
        mustEqual(state, foldedTo([end], 1), `${keep} at time ${time} ${round}`)
      }
      await projection.run()
    }
    const code = await codeOf(projection.stateAt({ offset: times.length + 1 }))
    mustEqual(code, 'OFFSET_OUT_OF_RANGE', 'an offset behind the end')
  }
  await store.close()
})

/** Following ends with the store, and what was folded until then is published. */
export const followingPublishesAtTheClose = staged(async ({ store, again }) => {
  await append(store, 3)
  const projections = await Promise.all(KEEPS.map((keep) => opened(store, recording(1, 1), { keep })))
  const following = projections.map((projection) => codeOf(projection.follow()))
  await passTime()
  await append(store, 4)
  await settle(300)
  for (const projection of projections) {
    const { state, offset } = await projection.state()
    mustEqual([state, offset], [foldedTo([7], 1), 7], 'what is served while it follows')
    state.seen[0]?.push(99)
    mustEqual((await projection.state()).state, foldedTo([7], 1), 'the same after a caller has changed what it got')
  }
  await append(store, 2)
  await settle(300)
  await store.close()
  mustEqual(await Promise.all(following), ['nothing', 'nothing'], 'how following ends')
  const next = await again()
  for (const keep of KEEPS) {
    mustEqual(await published(next, keep), { state: foldedTo([9], 1), positions: [9], offset: 9 }, `state of ${keep}`)
  }
  await next.close()
})

/** A projection runs once at a time, is not deleted meanwhile, and runs again afterwards. */
export const projectionsRunOnceAtATime = staged(async ({ store }) => {
  await append(store, 5)
  const fold = recording(1, 1)
  const projection = await opened(store, fold)
  const first = codeOf(projection.run())
  mustEqual(await codeOf(projection.run()), 'PROJECTION_BUSY', 'a second run')
  mustEqual(await codeOf(projection.rebuild()), 'PROJECTION_BUSY', 'a rebuild meanwhile')
  mustEqual(await first, 'nothing', 'the first run')
  const second = codeOf(projection.run())
  mustEqual(await codeOf(store.projections.delete('seen')), 'PROJECTION_BUSY', 'a deletion meanwhile')
  mustEqual(await second, 'nothing', 'another run')
  mustEqual(fold.calls.count, 5, 'events that were folded')
  await store.projections.delete('seen')
  mustEqual(await codeOf(projection.state()), 'PROJECTION_UNKNOWN', 'a state of what was deleted')
  await store.close()
})

/** A reader folds for itself, publishes nothing, and does not begin to. */
export const readersRunNoProjections = staged(async ({ store, again }) => {
  await append(store, 5)
  await (await opened(store)).run()
  await append(store, 2)
  await store.close()
  const reader = await again({ readOnly: true })
  const fold = recording(1, 1)
  const projection = await reader.projections.open<Folded>('seen', { fold })
  for (const call of [() => projection.run(), () => projection.follow(), () => projection.rebuild()]) {
    mustEqual(await codeOf(call), 'STORE_READ_ONLY', 'a run by a reader')
  }
  mustEqual(fold.calls.count, 0, 'events that a reader folded')
  mustEqual((await projection.state()).state, foldedTo([5], 1), 'the published state')
  mustEqual((await projection.stateAt({ offset: 7 })).state, foldedTo([7], 1), 'a state that a reader folds')
  await reader.close()
})

/** Nobody but its projection writes or deletes where states are kept. */
export const statesBelongToTheirProjections = staged(async ({ store }) => {
  await append(store, 5)
  for (const keep of KEEPS) await (await opened(store, recording(1, 1), { keep })).run()
  const history = await store.histories.open('_history')
  const calls: Record<string, () => Promise<unknown>> = {
    write: () => store.documents.write('_document', 1),
    delete: () => store.documents.delete('_document'),
    'delete history': () => store.histories.delete('_history'),
    'create history': () => store.histories.open('_other', { create: true }),
  }
  for (const [what, call] of Object.entries(calls)) must((await codeOf(call)) !== 'nothing', `${what} is refused`)
  mustEqual(await history.read(), foldedTo([5], 1), 'a state, read as a version')
  for (const keep of KEEPS) mustEqual((await published(store, keep)).state, foldedTo([5], 1), `state of ${keep}`)
  await store.close()
})
