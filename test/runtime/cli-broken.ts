/** A binary whose storage breaks in a way that nothing catches.
 * @module */
import { memoryStorage } from '../../adapters/memory/index.ts'
import { runProcess } from '../../adapters/process/run.ts'

await runProcess({
  storage() {
    queueMicrotask(() => {
      throw new RangeError('nobody\ncaught this')
    })
    return memoryStorage()
  },
  listen: () => Promise.reject(new Error('It does not listen')),
  openSqlite: async () => undefined,
})
