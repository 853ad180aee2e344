/** Running `child.mjs`.
 * @module */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const CHILD = fileURLToPath(new URL('./child.mjs', import.meta.url))

/** Run a task to its end. @param {...string} task @returns {Promise<any>} what it printed */
export async function runChild(...task) {
  const { stdout } = await promisify(execFile)(process.execPath, [CHILD, ...task], { maxBuffer: 1 << 26 })
  return JSON.parse(stdout)
}

/** Start a task, wait until it is ready, and kill it with SIGKILL. @param {...string} task */
export async function killChild(...task) {
  const child = spawn(process.execPath, [CHILD, ...task], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const ready = await Promise.race([once(child.stdout, 'data'), exited.then(() => undefined)])
  if (ready === undefined) throw new Error(`Child ${task.join(' ')} ended by itself`)
  child.kill('SIGKILL')
  await exited
}
