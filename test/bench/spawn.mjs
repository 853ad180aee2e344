/** Running `child.mjs`, and `lean-child.mjs` and `documents-child.mjs` where memory and the first moments are measured.
 * @module */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const CHILD = fileURLToPath(new URL('./child.mjs', import.meta.url))
const DOCUMENTS_CHILD = fileURLToPath(new URL('./documents-child.mjs', import.meta.url))
const LEAN_CHILD = fileURLToPath(new URL('./lean-child.mjs', import.meta.url))

/** Run a task to its end. @param {...string} task @returns {Promise<any>} what it printed */
export function runChild(...task) {
  return runScript(CHILD, task)
}

/** The same for a task of `lean-child.mjs`. @param {...string} task @returns {Promise<any>} */
export function runLeanChild(...task) {
  return runScript(LEAN_CHILD, task)
}

/** The same for a task of `documents-child.mjs`. @param {...string} task @returns {Promise<any>} */
export function runDocumentsChild(...task) {
  return runScript(DOCUMENTS_CHILD, task)
}

/** @param {string} script @param {string[]} task */
async function runScript(script, task) {
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...task], { maxBuffer: 1 << 26 })
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
