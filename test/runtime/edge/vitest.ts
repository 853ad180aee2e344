/** What `vitest` is inside a worker or a page: its own runner and assertions, without the parts that need a runtime.
 * @module */
import {
  ASYMMETRIC_MATCHERS_OBJECT,
  ChaiStyleAssertions,
  chai,
  customMatchers,
  GLOBAL_EXPECT,
  getState,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState,
} from '@vitest/expect'
import type { ExpectStatic } from 'vitest'

export { afterAll, afterEach, beforeAll, beforeEach, describe, it, test } from '@vitest/runner'

interface Extendable {
  extend(expect: object, matchers: object): void
}

for (const plugin of [JestExtend, JestChaiExpect, ChaiStyleAssertions, JestAsymmetricMatchers]) chai.use(plugin)

export const expect: ExpectStatic = Object.assign(
  (value: unknown, message?: string) => chai.expect(value, message),
  chai.expect,
  (globalThis as Record<symbol, object>)[ASYMMETRIC_MATCHERS_OBJECT],
  {
    getState: () => getState(expect),
    setState: (state: object) => setState(state, expect),
    extend: (matchers: object) => (chai.expect as unknown as Extendable).extend(expect, matchers),
  },
) as unknown as ExpectStatic
Object.defineProperty(globalThis, GLOBAL_EXPECT, { value: expect, configurable: true })
setState({ assertionCalls: 0 }, expect)
expect.extend(customMatchers)
expect.extend({
  /** Texts only: vitest writes them in quotes, on a line of their own when they are long. */
  toMatchInlineSnapshot(received: unknown, expected: string) {
    return {
      pass: JSON.stringify(received) === expected.trim(),
      message: () => `Expected ${expected}, got ${received}`,
    }
  },
})
