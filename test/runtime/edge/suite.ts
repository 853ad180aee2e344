/** Runs test files of the project where there is no test runner: in an edge worker and in a page.
 * @module */
import { collectTests, startTests, type Task, type VitestRunner } from '@vitest/runner'
import type { TestError } from '@vitest/utils'
import { EXCUSED } from './excused.ts'
import { FILES } from './files.ts'

/** One case: its file and titles, and why it failed; what did not run is not `ok`. */
export interface Outcome {
  readonly name: string
  readonly ok: boolean
  readonly error?: string
}

const titles = Object.keys(EXCUSED).map((title) => title.replace(/[^\w ,]/g, '\\$&'))

const runner: VitestRunner = {
  config: {
    root: '/',
    name: undefined,
    setupFiles: [],
    passWithNoTests: false,
    testNamePattern: new RegExp(`^(?!.*(?:${titles.join('|')})$)`),
    allowOnly: false,
    sequence: { seed: 0, hooks: 'stack', setupFiles: 'list' },
    chaiConfig: undefined,
    maxConcurrency: 5,
    testTimeout: 10_000,
    hookTimeout: 10_000,
    retry: 0,
    includeTaskLocation: undefined,
    tags: [],
    tagsFilter: undefined,
    strictTags: false,
  },
  // Files are loaded inside a request, one after the other, as a runner loads them.
  importFile: (path) => FILES[path.slice(1)]?.(),
}

/** Run the cases of a file. Once per global scope: a module is loaded once. */
export async function runFile(path: string): Promise<Outcome[]> {
  const files = await startTests([`/${path}`], { ...runner })
  return files.flatMap((file) => outcomesOf(file, file.name))
}

/** Load a file without running anything. @returns names as `runFile` gives them. */
export async function namesOf(path: string): Promise<string[]> {
  const files = await collectTests([`/${path}`], {
    ...runner,
    trace: (...call: unknown[]) => (call.at(-1) as () => void)(),
  })
  return files.flatMap((file) => outcomesOf(file, file.name)).map(({ name }) => name)
}

/** A suite or file that failed by itself, as when it does not load, is an outcome of its own. */
function outcomesOf(task: Task, name: string): Outcome[] {
  const error = task.result?.errors?.map(textOf).join('\n')
  if (task.type === 'test') return [{ name, ok: task.result?.state === 'pass', ...(error !== undefined && { error }) }]
  const own = error === undefined || error === '' ? [] : [{ name, ok: false, error }]
  return [...own, ...task.tasks.flatMap((one) => outcomesOf(one, `${name} > ${one.name}`))]
}

/** With its causes: they say what a property failed by. */
function textOf({ message, stack, cause }: TestError): string {
  return (stack ?? message) + (cause === undefined ? '' : `\n${textOf(cause)}`)
}
