/** The turn that long work gives to others.
 * @module */
import { afterEach, expect, test } from 'vitest'
import { nextTurn } from '../../../src/ports/clock.ts'

const { MessageChannel } = globalThis

afterEach(() => {
  globalThis.MessageChannel = MessageChannel
})

test.each([true, false])('nextTurn() lets tasks run, with MessageChannel %s', async (has) => {
  if (!has) Object.assign(globalThis, { MessageChannel: undefined })
  const order: string[] = []
  const turn = nextTurn().then(() => order.push('turn'))
  await Promise.resolve().then(() => order.push('microtask'))
  await turn
  expect(order).toEqual(['microtask', 'turn'])
  expect(typeof globalThis.MessageChannel).toBe(has ? 'function' : 'undefined')
})
