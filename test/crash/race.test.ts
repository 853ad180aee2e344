/** Goal: of many processes that find a dead owner's store at the same moment exactly one gets it.
 * Method: eight children race; in every second round one of them is held between its last look and its claim until the
 * others are done. The winner appends, and is killed without closing, which makes the next round's dead owner.
 * @module */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { nodeStorage } from '../../adapters/node/index.ts'
import { openStore } from '../../src/index.ts'
import { bundle } from '../support/bundle.ts'
import { Child } from '../support/child.ts'
import { RUNTIME } from '../support/runtime.ts'

const CHILDREN = 8
const ROUNDS = RUNTIME === 'node' ? 24 : 6

interface Contender {
  readonly child: Child
  /** Lines read so far. */
  read: number
}

test('openStore() has one winner among eight processes that race for a dead store', { timeout: 240_000 }, async () => {
  const { file, remove } = await bundle('test/crash/race-child.ts')
  const directory = await mkdtemp(join(tmpdir(), 'varve-race-'))
  const contenders: Contender[] = []
  try {
    const first = await openStore({ storage: nodeStorage(directory) })
    await first.topics.open('orders', { create: true })
    await first.close()
    for (let index = 0; index < CHILDREN; index++) contenders.push({ child: new Child(file, []), read: 0 })
    for (const one of contenders) expect(await next(one)).toBe('ready')
    for (let round = 0; round < ROUNDS; round++) {
      const winner = await race(contenders, { directory, stopOne: round % 2 === 1 })
      winner.child.say('append')
      expect(await next(winner), `round ${round}`).toBe(`appended ${round}`)
      await winner.child.kill()
      contenders[contenders.indexOf(winner)] = { child: new Child(file, []), read: 0 }
      for (const one of contenders) if (one.read === 0) expect(await next(one)).toBe('ready')
    }
  } finally {
    for (const { child } of contenders) await child.kill()
    await remove()
    await rm(directory, { recursive: true, force: true })
  }
  console.log(`race on ${RUNTIME}: ${ROUNDS} rounds of ${CHILDREN} processes, one winner each`)
})

/** One round. @returns the only winner. */
async function race(
  contenders: readonly Contender[],
  { directory, stopOne }: { directory: string; stopOne: boolean },
): Promise<Contender> {
  const [held, ...others] = contenders
  const answers = new Map<Contender, string>()
  if (stopOne && held !== undefined) {
    held.child.say(`open ${directory} stop`)
    expect(await next(held)).toBe('stopped')
    for (const one of others) one.child.say(`open ${directory} go`)
    for (const one of others) answers.set(one, await next(one))
    held.child.say('continue')
    answers.set(held, await next(held))
  } else {
    for (const one of contenders) one.child.say(`open ${directory} go`)
    for (const one of contenders) answers.set(one, await next(one))
  }
  const winners = [...answers].filter(([, answer]) => answer.startsWith('won '))
  const losers = [...answers.values()].filter((answer) => answer !== winners[0]?.[1])
  expect(winners, [...answers.values()].join(', ')).toHaveLength(1)
  expect(new Set(losers)).toEqual(new Set(['failed STORE_LOCKED']))
  return winners[0]?.[0] as Contender
}

function next(one: Contender): Promise<string> {
  return one.child.line(one.read++)
}
