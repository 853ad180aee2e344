/** What kills defects in what is asked of a history: appends, finding, queries, cursors, clean-ups.
 * @module */
import type { HistoryQuery, VersionSelector } from '../../src/history/types.ts'
import { must, mustEqual } from '../support/scenario.ts'
import { codeOf, found, mustBeExactly, type SmallOne, scenario, smallOne } from './history-support.ts'

const text = (letter: string, length: number) => Array.from({ length }, (_, at) => `${letter}${at * at}`).join(' ')

/** Versions are appended after those that the caller knows of, and neither time nor the log goes back. */
export const versionsComeInOrder = scenario(async () => {
  const { history, clock } = smallOne({ keyframeInterval: 2 })
  mustEqual((await history.append('one', { ifVersion: 0 })).version, 1, 'a first version that was expected')
  mustEqual(await codeOf(history.append('two', { ifVersion: 0 })), 'HISTORY_CONFLICT', 'a version that nobody expects')
  mustEqual(await codeOf(history.append('two', { ifVersion: 2 })), 'HISTORY_CONFLICT', 'a version that is to come')
  const beside = ['a', 'b', 'c'].map((value) => codeOf(history.append(value, { ifVersion: 1 })))
  mustEqual((await Promise.all(beside)).sort(), ['HISTORY_CONFLICT', 'HISTORY_CONFLICT', 'nothing'], 'writers beside')
  await history.append('three', { at: 5_000, offset: 7 })
  clock.setWall(3_000)
  mustEqual((await history.append('four')).at, 5_000, 'the time of a version when the clock went back')
  mustEqual(await codeOf(history.append('five', { at: 4_999 })), 'OPTION_INVALID', 'a version before the one before')
  mustEqual(await codeOf(history.append('five', { offset: 6 })), 'OPTION_INVALID', 'a version of less of the log')
  for (const value of ['five', 'six', 'seven']) await history.append(value, { at: 5_000 })
  mustEqual(await codeOf(history.append('eight', { offset: 6 })), 'OPTION_INVALID', 'the same some groups later')
  mustEqual((await history.find({ offset: 7 })).version, 3, 'the newest version of an offset, some groups before')
  await history.append('eight', { at: 5_000, offset: 7 })
  mustEqual((await history.find({ offset: 7 })).version, 8, 'the newest version of the same offset')
  mustEqual((await history.stats()).newestVersion, 8, 'the newest version')
})

/** Versions of known times, labels and offsets, four to a group. */
async function timed(): Promise<SmallOne> {
  const one = smallOne({ keyframeInterval: 4 })
  const { history } = one
  for (let number = 1; number <= 16; number++) {
    const label = number % 5 === 0 ? 'fifth' : number === 3 ? 'third' : undefined
    const offset = number % 4 === 2 || number === 12 ? 10 * Math.min(number, 10) : undefined
    await history.append(
      { number, pad: text('p', 30) },
      { at: 100 * Math.floor(number / 2), ...(label && { label }), ...(offset && { offset }) },
    )
  }
  return one
}

/** A time, label or offset means the newest version that is not behind it. */
export const versionsAreFoundAtBorders = scenario(async () => {
  const { history } = await timed()
  const find = async (selector: VersionSelector) => {
    let version: number | string = 0
    const code = await codeOf(
      history.find(selector).then((info) => {
        version = info.version
      }),
    )
    return code === 'nothing' ? version : code
  }
  const wanted: [VersionSelector, number | string][] = [
    [{ time: 0 }, 1],
    [{ time: 99 }, 1],
    [{ time: 100 }, 3],
    [{ time: 199 }, 3],
    [{ time: 200 }, 5],
    [{ time: 399 }, 7],
    [{ time: 400 }, 9],
    [{ time: 800 }, 16],
    [{ time: 10_000 }, 16],
    [{ offset: 19 }, 'VERSION_UNKNOWN'],
    [{ offset: 20 }, 2],
    [{ offset: 59 }, 2],
    [{ offset: 60 }, 6],
    [{ offset: 99 }, 6],
    [{ offset: 100 }, 14],
    [{ offset: 1_000 }, 14],
    [{ label: 'fifth' }, 15],
    [{ label: 'third' }, 3],
    [{ label: 'none' }, 'VERSION_UNKNOWN'],
    [{ version: 1 }, 1],
    [{ version: 16 }, 16],
    [{ version: 17 }, 'VERSION_OUT_OF_RANGE'],
    [{}, 16],
  ]
  for (const [selector, version] of wanted) mustEqual(await find(selector), version, `find ${JSON.stringify(selector)}`)
  await history.append('seventeen', { label: 'fifth' })
  mustEqual(await find({ label: 'fifth' }), 17, 'the newest version with a label that was looked for before')
  await history.append('eighteen', { label: 'fifth' })
  mustEqual(await find({ label: 'fifth' }), 18, 'the same in the same group')
  mustEqual(await codeOf(history.find({ version: 3, label: 'third' })), 'OPTION_INVALID', 'two ways to say which')
})

/** `at >= since`, `at < until`, wherever groups begin. */
export const queriesAreHalfOpen = scenario(async () => {
  const { history } = await timed()
  const all = await found(history, {})
  mustEqual(all.length, 16, 'versions that a query finds')
  for (const direction of ['forward', 'backward'] as const) {
    for (let since = 0; since <= 900; since += 50) {
      for (const until of [since, since + 50, since + 100, since + 300]) {
        const wanted = all.filter(({ at }) => at >= since && at < until).map(({ version }) => version)
        if (direction === 'backward') wanted.reverse()
        const have = await found(history, { since, until, direction })
        mustEqual(
          have.map(({ version }) => version),
          wanted,
          `${direction} from ${since} until ${until}`,
        )
      }
    }
  }
  const fifth = await found(history, { label: 'fifth', since: 250 })
  mustEqual(
    fifth.map(({ version }) => version),
    [10, 15],
    'versions with a label',
  )
})

/** A query that stops says where, and the next one goes on there: nothing is left out, nothing comes twice. */
export const queriesGoOnWhereTheyStopped = scenario(async () => {
  const { history } = await timed()
  const all = await found(history, {})
  const sizeBytes = all[0]?.rawBytes ?? 0
  const limits: HistoryQuery[] = [
    ...[{ limit: 1 }, { limit: 3 }, { limit: 4 }, { limit: 16 }, { limit: 17 }],
    ...[{ budgetBytes: 0 }, { budgetBytes: 2 * sizeBytes }, { budgetBytes: 5 * sizeBytes + 2 }],
    ...[
      { limit: 4, budgetBytes: 3 * sizeBytes },
      { limit: 5, path: 'number' },
      { budgetBytes: 8, path: 'number' },
    ],
  ]
  for (const direction of ['forward', 'backward'] as const) {
    for (const query of limits) {
      const versions: number[] = []
      let cursor: string | undefined
      for (let turn = 0; turn < 40; turn++) {
        const going = history.query({ ...query, direction, ...(cursor !== undefined && { cursor }) })
        const before = versions.length
        let bytes = 0
        for await (const { version, rawBytes } of going) {
          versions.push(version)
          bytes += rawBytes
        }
        const { reason, nextCursor } = going.outcome ?? { reason: 'nothing' }
        const count = versions.length - before
        must(count <= (query.limit ?? 16), () => `${count} versions of ${query.limit}`)
        const fits = query.path !== undefined || bytes <= Math.max(query.budgetBytes ?? Infinity, sizeBytes + 9)
        must(fits, () => `${bytes} bytes of ${query.budgetBytes}`)
        cursor = nextCursor
        mustEqual(nextCursor === undefined, reason === 'end', `a cursor when it stopped for ${reason}`)
        if (cursor === undefined) break
      }
      const wanted = all.map(({ version }) => version)
      if (direction === 'backward') wanted.reverse()
      mustEqual(versions, wanted, `${direction} by ${JSON.stringify(query)}`)
    }
  }
})

/** No versions were asked for, so none come, and the next query gives all. */
export const noneAreFoundWhenNoneAreWanted = scenario(async () => {
  const { history } = await timed()
  for (const direction of ['forward', 'backward'] as const) {
    const going = history.query({ limit: 0, direction })
    for await (const { version } of going) must(false, `version ${version} of none`)
    const { reason, nextCursor } = going.outcome ?? {}
    mustEqual(reason, 'limit', 'why none came')
    must(nextCursor !== undefined, 'where to go on')
    mustEqual((await found(history, { cursor: nextCursor, direction })).length, 16, 'versions after none')
  }
})

/** A cursor means a place in the history that gave it, and in no other. */
export const cursorsBelongToTheirHistories = scenario(async () => {
  const { history, small } = await timed()
  const going = history.query({ limit: 3 })
  for await (const _ of going);
  const cursor = going.outcome?.nextCursor ?? ''
  const { nextCursor = '' } = await history.list({ limit: 3 })
  mustEqual((await found(history, { cursor })).length, 13, 'versions after a cursor')
  mustEqual((await history.list({ cursor: nextCursor })).items.length, 13, 'a page after a cursor')
  mustEqual(await codeOf(() => found(history, { cursor, direction: 'backward' })), 'CURSOR_INVALID', 'the other way')
  const { name } = small.row
  for (const row of [
    { ...small.row, name: 'other' },
    { ...small.row, name, createdAt: 2 },
  ]) {
    small.row = row
    mustEqual(await codeOf(() => found(history, { cursor })), 'CURSOR_FOREIGN', 'a cursor of another history')
    mustEqual(await codeOf(history.list({ cursor: nextCursor })), 'CURSOR_FOREIGN', 'the same for a page')
  }
})

/** A group ends when it has as many versions as it may, when its changes are much, and when nothing is as before. */
export const groupsEndInTime = scenario(async () => {
  const counted = smallOne({ keyframeInterval: 3 })
  for (let number = 1; number <= 7; number++) await counted.history.append({ number })
  mustEqual(await groupsOf(counted), [1, 1, 1, 4, 4, 4, 7], 'groups of three versions')

  const changing = smallOne({ keyframeInterval: 1_000 })
  const rows = Array.from({ length: 40 }, (_, id) => ({ id, text: text('r', 80) }))
  for (let number = 0; number < 180; number++) {
    const row = rows[number % 40]
    if (row !== undefined) row.text = text(`x${number}`, 80)
    await changing.history.append({ rows })
  }
  must(new Set(await groupsOf(changing)).size >= 3, 'a group ends when its changes take half of its keyframe')
  for (const { endBytes } of changing.small.row.groups) must(endBytes < 80_000, 'no group is larger than it may be')

  const anew = smallOne({ keyframeInterval: 1_000 })
  for (const letter of ['a', 'b', 'c'])
    await anew.history.append(Array.from({ length: 90 }, (_, at) => `${letter}${at ** 3}`))
  mustEqual(await groupsOf(anew), [1, 2, 3], 'groups of values that have nothing in common')
})

async function groupsOf({ history }: SmallOne): Promise<number[]> {
  const groups: number[] = []
  for await (const { group } of history.index()) groups.push(group)
  return groups
}

/** A failed append leaves neither a version nor what it said: the next one is as if it had not been. */
export const failedAppendsLeaveNothing = scenario(async () => {
  let failing: 'append' | 'sync' | undefined
  const { storage } = smallOne().small
  const broken: typeof storage = new Proxy(storage, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      return async (...given: unknown[]) => {
        const made: unknown = await member.apply(target, given)
        const isWriter = name === 'createExclusive' || name === 'openAppend'
        return isWriter ? failingHandle(made as object, () => failing) : made
      }
    },
  })
  const { history, small: own } = smallOne({ keyframeInterval: 1_000, storage: broken })
  const values: unknown[] = []
  const append = async (value: unknown, isRight = true) => {
    if (isRight) values.push(structuredClone(value))
    return codeOf(history.append(value))
  }
  const value = { rows: [{ id: 1 }], filler: text('f', 100) } as { rows: object[]; filler: string; more?: unknown }
  mustEqual(await append(value), 'nothing', 'the first append')
  for (const how of ['append', 'sync'] as const) {
    value.rows.push({ id: 2, [`${how} key`]: 5 })
    failing = how
    must((await append(value, false)) !== 'nothing', `an append whose ${how} fails`)
    failing = undefined
    value.rows.pop()
    value.more = { [`other ${how}`]: how, again: [how] }
    mustEqual(await append(value), 'nothing', `an append after one whose ${how} failed`)
    value.rows.push({ id: 3, [`${how} key`]: 6 })
    mustEqual(await append(value), 'nothing', 'another one')
  }
  must(own.row.lastVersion === values.length, 'versions that there are')
  for (const [at, want] of values.entries()) {
    mustBeExactly(await history.read({ version: at + 1, check: true }), want, `version ${at + 1}`)
  }
  const { problems } = await history.verify()
  mustEqual(problems, [], 'what verify finds')
})

function failingHandle(handle: object, failing: () => string | undefined): object {
  return new Proxy(handle, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      return (...given: unknown[]) => {
        if (failing() === name) return Promise.reject(new Error(`no ${String(name)}`))
        return member.apply(target, given) as unknown
      }
    },
  })
}
