/** Goal: the core and memory run in a page, from a bundle without a polyfill and without a module of Node.
 * Method: Chromium runs the test files that a worker runs (`workerd.test.ts`); every case must pass, and they are the
 * cases that Node loads.
 * @module */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RUNTIME } from '../support/runtime.ts'
import { type Chromium, startChromium } from '../web/support/chromium.ts'
import { edgeBundle, namesOnNode, testFiles } from './edge/bundle.ts'
import { isExcused } from './edge/excused.ts'
import type { Outcome } from './edge/suite.ts'

if (RUNTIME !== 'node')
  console.info(`Chromium is started on Node only, not on ${RUNTIME}: what it runs is the same wherever it is started`)

const { portable } = RUNTIME === 'node' ? testFiles() : { portable: [] }

let chromium: Chromium
let page: Page
let wanted: Readonly<Record<string, readonly string[]>>

describe.skipIf(RUNTIME !== 'node')('Chromium', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    const ready = Promise.all([edgeBundle('page', portable), namesOnNode(portable)])
    chromium = await startChromium()
    const [script, names] = await ready
    wanted = names
    page = await chromium.browser.newPage()
    await page.addScriptTag({ content: script, type: 'module' })
  }, 60_000)

  afterAll(() => chromium?.close())

  test.each(portable)('%s', async (file) => {
    const outcomes: Outcome[] = await page.evaluate(`runFile(${JSON.stringify(file)})`)
    expect(outcomes.filter(({ name, ok }) => !ok && !isExcused(name))).toEqual([])
    expect(outcomes.map(({ name }) => name)).toEqual(wanted[file])
  })
})
