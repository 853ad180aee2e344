/** The admin page in a browser, as the tests use it: Chromium, a served store, and what is on a page.
 * Every wait is for something on the page.
 * @module */
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { expect } from 'vitest'
import { type Chromium, startChromium } from './chromium.ts'
import { Served } from './served.ts'

export class AdminBrowser {
  readonly #chromium: Chromium
  readonly served: Served
  /** That of the person who logs in. */
  readonly context: BrowserContext
  /** What the console, the policy and uncaught errors said since somebody took it. */
  readonly said: string[]

  static async start(): Promise<AdminBrowser> {
    const chromium = await startChromium()
    const said: string[] = []
    try {
      const served = await Served.start()
      const context = await chromium.browser.newContext({ viewport: { width: 1100, height: 800 } })
      return new AdminBrowser({ chromium, served, context: await listenTo(context, said), said })
    } catch (error) {
      await chromium.close()
      throw error
    }
  }

  private constructor(made: { chromium: Chromium; served: Served; context: BrowserContext; said: string[] }) {
    this.#chromium = made.chromium
    this.served = made.served
    this.context = made.context
    this.said = made.said
  }

  get browser(): Browser {
    return this.#chromium.browser
  }

  /** Note what another browser window says as well. */
  listen(made: BrowserContext): Promise<BrowserContext> {
    return listenTo(made, this.said)
  }

  async opened(path: string): Promise<Page> {
    const page = await this.context.newPage()
    await page.goto(this.served.url + path)
    return page
  }

  async close(): Promise<void> {
    await this.#chromium.close()
    await this.served.remove()
  }
}

async function listenTo(made: BrowserContext, said: string[]): Promise<BrowserContext> {
  made.setDefaultTimeout(20_000)
  await made.addInitScript(
    `addEventListener('securitypolicyviolation', (event) =>
      console.error('policy: ' + event.effectiveDirective + ' ' + event.blockedURI))`,
  )
  made.on('console', (message) => {
    if (message.type() !== 'info' && message.type() !== 'log') said.push(`${message.type()}: ${message.text()}`)
  })
  made.on('weberror', (error) => said.push(`uncaught: ${error.error().message}`))
  return made
}

/** What an expression gives in the page. */
export function ask<T>(page: Page, expression: string): Promise<T> {
  return page.evaluate(expression)
}

/** The text that an element shows. */
export function shownIn(page: Page, selector: string): Promise<string> {
  return ask(page, `document.querySelector(${JSON.stringify(selector)}).innerText.trim()`)
}

/** Keys of the rows from top to bottom. */
export function rows(page: Page): Promise<string[]> {
  return ask(page, `Array.from(document.querySelectorAll('#events > li'), (row) => row.dataset.key)`)
}

export function onTop(page: Page, offset: number): Promise<void> {
  return page.locator(`#events > li:first-child[data-key="0:${offset}"]`).waitFor()
}

export function live(page: Page, state: string): Promise<void> {
  return page.locator(`#live[data-state="${state}"]`).waitFor()
}

/** Press Tab until the focus is on `selector`; every stop before it must be seen. Gives the number of stops. */
export async function tabTo(page: Page, selector: string, stopsMax = 30): Promise<number> {
  for (let stops = 1; stops <= stopsMax; stops++) {
    await page.keyboard.press('Tab')
    const focus = await ask<{ here: boolean }>(page, focusOn(selector))
    expect(focus, `stop ${stops} on the way to ${selector}`).toMatchObject({ ring: 'solid 3px', inView: true })
    if (focus.here) return stops
  }
  throw new Error(`Tab does not reach ${selector}`)
}

/** Where the focus is, and how it is seen. */
const focusOn = (selector: string) => `(() => {
  const one = document.activeElement
  const { outlineStyle, outlineWidth } = getComputedStyle(one)
  const { width, height, top } = one.getBoundingClientRect()
  const inView = width > 1 && height > 1 && top >= 0 && top < innerHeight
  return { here: one.matches(${JSON.stringify(selector)}), ring: outlineStyle + ' ' + outlineWidth, inView,
    name: one.outerHTML.slice(0, 80) }
})()`
