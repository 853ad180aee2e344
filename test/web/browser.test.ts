/** Goal: the admin page does in a browser what it says, with nothing on its console and nothing the policy forbids.
 * Method: the binary serves a store on loopback; Chromium out of an npm package logs in with the printed link and uses
 * the page as a person does. Every wait is for something on the page.
 * @module */
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { RUNTIME } from '../support/runtime.ts'
import { type Chromium, startChromium } from './support/chromium.ts'
import { Served } from './support/served.ts'

if (RUNTIME !== 'node')
  console.info(
    `browser tests run on Node only, not on ${RUNTIME}: the page is the same bytes everywhere; here ` +
      'test/web/admin.test.ts and test/runtime/server.test.ts cover the app that serves it',
  )

const SCHEMES = ['light', 'dark'] as const
const PHONE = { width: 360, height: 740 }
const HOSTILE = [
  '<script>hit=1</script>',
  '<img src=x onerror=hit=1>',
  '"><svg onload=hit=1>',
  "'><a href=javascript:hit=1 autofocus onfocus=hit=1>",
  '</code></pre></details><iframe srcdoc="<script>parent.hit=1</script>">',
  '<b hx-get=/logout hx-trigger=load>',
  '<!-- <template> {{7*7}} #{hit=1} \u2028 \u202e',
]

/** What the console, the policy and uncaught errors said since the last test. */
const said: string[] = []
let chromium: Chromium | undefined
let served: Served
/** Logged in. */
let context: BrowserContext

function browser(): Browser {
  if (chromium === undefined) throw new Error('Chromium was not started')
  return chromium.browser
}

async function listen(made: BrowserContext): Promise<BrowserContext> {
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

async function opened(path: string): Promise<Page> {
  const page = await context.newPage()
  await page.goto(served.url + path)
  return page
}

/** What an expression gives in the page. */
function ask<T>(page: Page, expression: string): Promise<T> {
  return page.evaluate(expression)
}

/** The text that an element shows. */
function shownIn(page: Page, selector: string): Promise<string> {
  return ask(page, `document.querySelector(${JSON.stringify(selector)}).innerText.trim()`)
}

/** Keys of the rows from top to bottom. */
function rows(page: Page): Promise<string[]> {
  return ask(page, `Array.from(document.querySelectorAll('#events > li'), (row) => row.dataset.key)`)
}

function onTop(page: Page, offset: number): Promise<void> {
  return page.locator(`#events > li:first-child[data-key="0:${offset}"]`).waitFor()
}

function live(page: Page, state: string): Promise<void> {
  return page.locator(`#live[data-state="${state}"]`).waitFor()
}

async function append(topic: string, ...numbers: number[]): Promise<void> {
  for (const number of numbers) await served.append(topic, { kind: 'Placed', entity: 'order-1', data: { number } })
}

function newestFirst(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `0:${count - 1 - n}`)
}

describe.skipIf(RUNTIME !== 'node')('the admin page in Chromium', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    chromium = await startChromium()
    served = await Served.start()
    context = await listen(await browser().newContext({ viewport: { width: 1100, height: 800 } }))
  }, 60_000)

  afterAll(async () => {
    await chromium?.close()
    await served?.remove()
  })

  afterEach(() => {
    expect(said.splice(0)).toEqual([])
  })

  test('the login link logs in once, and reading it uses nothing up', async () => {
    const page = await context.newPage()
    for (let reads = 0; reads < 2; reads++) await (await fetch(served.loginUrl)).text()
    await page.goto(`${served.url}/login`)
    // Where the login page is open already, the link changes only the address.
    await page.goto(served.loginUrl)
    await page.waitForURL(`${served.url}/`)
    expect(await shownIn(page, '#state')).toBe('Open and taking appends')
    await page.goBack()
    expect(page.url()).not.toContain('#')
    await page.close()

    const stranger = await browser().newContext()
    const second = await stranger.newPage()
    await second.goto(served.loginUrl)
    await second.getByRole('alert').waitFor()
    expect(await shownIn(second, '[role=alert]')).toContain('wrong, used or older')
    expect(second.url()).not.toContain('#')
    await stranger.close()
  })

  test('a store without topics shows how to make one, and a topic appears when it is there', async () => {
    const page = await opened('/')
    expect(await shownIn(page, '#topics')).toContain(`curl ${served.url}/api/topics \\`)
    await served.create('first')
    await append('first', 1)
    const link = page.getByRole('link', { name: 'first' })
    await link.waitFor()
    await link.click()
    await page.waitForURL(`${served.url}/topics/first`)
    await onTop(page, 0)
    await page.close()
  })

  test('a script that was put into the page does not run', async () => {
    const page = await opened('/')
    await ask(page, `document.body.append(Object.assign(document.createElement('script'), { text: 'hit = 1' }))`)
    await ask(page, `document.body.insertAdjacentHTML('beforeend', '<button id=x onclick="hit = 1">x</button>')`)
    const told = page.waitForEvent('console', (message) => message.text().startsWith('policy: script-src-attr'))
    await page.locator('#x').click()
    await told
    expect(await ask(page, 'typeof hit')).toBe('undefined')
    await page.close()
    const violations = said.splice(0).filter((text) => text.startsWith('error: policy:'))
    expect(violations).toEqual(['error: policy: script-src-elem inline', 'error: policy: script-src-attr inline'])
  })

  test('the list follows, holds while paused, and goes on with what it missed, once and in order', async () => {
    await served.create('followed')
    const page = await opened('/topics/followed')
    expect(await shownIn(page, '#empty')).toContain(`curl ${served.url}/api/topics/followed/events`)
    await live(page, 'live')
    await append('followed', 0)
    await onTop(page, 0)
    expect(await page.locator('#empty').count()).toBe(0)
    await page.getByRole('button', { name: 'Pause' }).click()
    await live(page, 'paused')
    const witness = await opened('/topics/followed')
    await live(witness, 'live')
    await append('followed', 1, 2, 3)
    await onTop(witness, 3)
    expect(await rows(page)).toEqual(['0:0'])
    await page.getByRole('button', { name: 'Resume' }).click()
    await onTop(page, 3)
    await append('followed', 4)
    await Promise.all([onTop(page, 4), onTop(witness, 4)])
    expect(await rows(page)).toEqual(newestFirst(5))
    expect(await rows(witness)).toEqual(newestFirst(5))
    await witness.close()
    await page.close()
  })

  test('text of events is shown as text and makes no element', async () => {
    await served.create('hostile')
    const page = await opened('/topics/hostile')
    await live(page, 'live')
    for (const text of HOSTILE) {
      const fields = { kind: text, entity: text, scope: text, correlationId: text, tags: [text] }
      await served.append('hostile', { ...fields, data: { [text]: text }, meta: { text } })
    }
    await onTop(page, HOSTILE.length - 1)
    for (const arrived of ['live', 'read']) {
      if (arrived === 'read') await page.reload()
      const found: Record<string, string>[] = await ask(page, SHOWN)
      expect(found.map(({ kind }) => kind)).toEqual(HOSTILE.toReversed())
      for (const [index, row] of found.entries()) {
        const text = HOSTILE[HOSTILE.length - 1 - index] ?? ''
        expect(row, arrived).toMatchObject({
          tags: 'a code dd details div dl dt p pre span summary time',
          attributes: 'class datetime href tabindex',
          entity: text,
        })
        expect(row.rest).toContain(`tags${text}`)
        expect(JSON.parse(row.data ?? '')).toEqual({ [text]: text })
      }
    }
    await page.locator('#events summary').first().click()
    expect(await shownIn(page, 'details[open] pre')).toContain('{{7*7}}')
    expect(await ask(page, 'typeof hit')).toBe('undefined')
    await page.close()
  })

  test('the keyboard reaches every control, shows where it is, and verifies the store', async () => {
    const page = await opened('/')
    expect(await tabTo(page, '.skip')).toBe(1)
    await tabTo(page, '#verify')
    await page.keyboard.press('Enter')
    await page.locator('#job .job.done').waitFor()
    expect(await shownIn(page, '#job')).toMatch(/^No damage found\. \d+ events in \d+ files, .+ checked\.$/)
    await tabTo(page, '#checkpoint')
    await page.keyboard.press('Enter')
    await page.getByText('Checkpoint done.').waitFor()
    await tabTo(page, 'a[href="/topics/followed"]')
    await page.keyboard.press('Enter')
    await page.waitForURL(`${served.url}/topics/followed`)
    await live(page, 'live')
    await tabTo(page, '#pause')
    await page.keyboard.press('Enter')
    await live(page, 'paused')
    await tabTo(page, '#events summary')
    await page.keyboard.press('Enter')
    expect(await page.locator('#events details[open]').count()).toBe(1)
    await page.close()
  })

  test('a topic is made, filtered and paged by keyboard', async () => {
    const page = await opened('/')
    await tabTo(page, '#create [name=topic]')
    await page.keyboard.type('first')
    await page.keyboard.press('Enter')
    await page.locator('#create-outcome [role=alert]').waitFor()
    expect(await shownIn(page, '#create-outcome')).toContain('Cannot create topic "first": it exists')
    expect(await page.locator('#create [name=topic]').inputValue()).toBe('first')
    expectRefusals(1)
    await page.locator('#create [name=topic]').fill('paged')
    await tabTo(page, '#create button')
    await page.keyboard.press('Enter')
    await page.waitForURL(`${served.url}/topics/paged`)
    for (let at = 0; at < 120; at++)
      await served.append('paged', { kind: at % 2 === 0 ? 'Even' : 'Odd', entity: `e-${at % 3}`, data: at })
    await page.reload()
    await page.getByRole('link', { name: 'Older events' }).click()
    await page.getByRole('link', { name: 'Older events' }).click()
    await onTop(page, 19)
    await page.getByRole('link', { name: 'Newer events' }).click()
    await onTop(page, 69)
    await page.getByRole('link', { name: 'Newer events' }).click()
    await onTop(page, 119)
    await page.goto(`${served.url}/topics/paged`)
    await tabTo(page, '.filter [name=kind]')
    await page.keyboard.type('Odd')
    await tabTo(page, '.more > summary')
    await page.keyboard.press('Enter')
    await tabTo(page, '.filter [name=from]')
    await page.keyboard.type('100')
    await page.keyboard.press('Enter')
    await page.waitForURL(/kind=Odd/)
    expect(await rows(page)).toEqual([119, 117, 115, 113, 111, 109, 107, 105, 103, 101].map((at) => `0:${at}`))
    expect(await page.locator('.more').getAttribute('open')).not.toBeNull()
    expect(await page.locator('.filter [name=from]').inputValue()).toBe('100')
    await page.close()
  })

  test('an event has its own page, is copied, and leads to what led to it and what it led to', async () => {
    await served.create('caused')
    await served.append('caused', { kind: 'Asked', entity: 'e', data: { text: '<b>' }, id: 'first "1"' })
    await served.append('caused', { kind: 'Done', entity: 'e', data: 1n.toString(), causationId: 'first "1"' })
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    const page = await opened('/topics/caused')
    await page.locator('#events summary').last().click()
    await page.getByRole('link', { name: 'Open this event' }).last().click()
    await page.waitForURL(`${served.url}/topics/caused/events/0?partition=0`)
    await page.getByRole('button', { name: 'Copy' }).click()
    await page.getByText('Copied').waitFor()
    const copied = JSON.parse(await ask(page, 'navigator.clipboard.readText()'))
    expect(copied).toMatchObject({ offset: 0, kind: 'Asked', id: 'first "1"', data: { text: '<b>' } })
    await page.getByRole('link', { name: 'Effects' }).click()
    await page.getByRole('heading', { name: 'What it led to' }).waitFor()
    expect(await rows(page)).toEqual(['0:1'])
    await page.locator('#events summary').click()
    await page.getByRole('link', { name: 'Open this event' }).click()
    await page.getByRole('link', { name: 'Causes' }).click()
    await page.getByRole('heading', { name: 'What led to it' }).waitFor()
    expect(await rows(page)).toEqual(['0:0'])
    await page.close()
  })

  test('settings are changed, events pruned and the topic deleted by forms that say what is wrong', async () => {
    await served.create('settled', { segmentBytes: 1_048_576 })
    for (let at = 0; at < 6; at++)
      await served.append('settled', { kind: 'A', entity: 'e', data: `${at}`.repeat(700_000) })
    const page = await opened('/topics/settled/settings')
    await tabTo(page, '#change [name=maxAgeMs]')
    await page.keyboard.type('soon')
    await page.keyboard.press('Enter')
    await page.locator('#change-outcome [role=alert]').waitFor()
    expect(await shownIn(page, '#change-outcome')).toContain('expected a whole number, with d, h, min, s, ms')
    expect(await page.locator('#change [name=maxAgeMs]').inputValue()).toBe('soon')
    await page.locator('#change [name=maxAgeMs]').fill('30 d')
    await page.locator('#change select').selectOption('deflate')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Saved.').waitFor()
    expect([await shownIn(page, '#kept'), await shownIn(page, '#compression')]).toEqual(['30 d', 'deflate'])

    await tabTo(page, '#prune [name=before]')
    await page.keyboard.type('4')
    await page.keyboard.press('Enter')
    await page.getByText(/This would give up \d events in \d segments/).waitFor()
    await tabTo(page, '#prune-outcome [name=confirm]')
    await page.keyboard.type('other')
    await page.keyboard.press('Enter')
    await page.locator('#prune-outcome [role=alert]').waitFor()
    await page.getByRole('button', { name: 'Show what would go' }).click()
    await page.locator('#prune-outcome [name=confirm]').fill('settled')
    await page.getByRole('button', { name: 'Prune' }).click()
    await page.getByText(/Pruned \d events in \d segments/).waitFor()

    const witness = await opened('/topics/settled')
    await live(witness, 'live')
    await page.locator('#delete [name=confirm]').fill('settle')
    await page.getByRole('button', { name: 'Delete this topic' }).click()
    await page.locator('#delete-outcome [role=alert]').waitFor()
    await page.locator('#delete [name=confirm]').fill('settled')
    await page.getByRole('button', { name: 'Delete this topic' }).click()
    await page.waitForURL(`${served.url}/`)
    expect(await shownIn(page, '#topics')).not.toContain('settled')
    await live(witness, 'ended')
    expect(await shownIn(witness, '#live-status')).toBe('This topic was deleted')
    await witness.close()
    expectRefusals(3)
    await page.getByRole('link', { name: 'What admins did' }).click()
    await page.locator('#events > li').first().waitFor()
    const kinds: string[] = await ask(
      page,
      `Array.from(document.querySelectorAll('#events .kind'), (one) => one.textContent)`,
    )
    expect(kinds.slice(0, 6)).toEqual([
      'TopicDelete',
      'TopicDelete',
      'TopicPrune',
      'TopicPrune',
      'TopicChange',
      'TopicChange',
    ])
    await page.close()
  })

  test('every page fits a phone of 360 pixels and can be read, light and dark', async () => {
    const name = `a-${'very-'.repeat(12)}long-name`
    await served.create(name)
    await served.append(name, { kind: 'K'.repeat(256), entity: 'e'.repeat(256), data: 'd'.repeat(500) })
    const storageState = await context.storageState()
    for (const colorScheme of SCHEMES) {
      const phone = await listen(await browser().newContext({ viewport: PHONE, colorScheme, storageState }))
      const page = await phone.newPage()
      const event = `/topics/${name}/events/0`
      const settings = `/topics/${name}/settings`
      const paths = ['/', `/topics/${name}`, event, settings, '/topics/followed?kind=None', '/topics/hostile', '/login']
      for (const path of paths) {
        await page.goto(served.url + path)
        for (const summary of await page.locator('.more > summary, li:first-child summary').all()) await summary.click()
        expect(await ask(page, 'document.documentElement.scrollWidth'), `${colorScheme} ${path}`).toBe(PHONE.width)
        expect(await ask(page, FAINT), `${colorScheme} ${path}`).toEqual([])
      }
      await phone.close()
    }
  })

  test('a server that was killed and started again: the list goes on without a gap or a double', async () => {
    const page = await opened('/topics/followed')
    await live(page, 'live')
    await append('followed', 5)
    await onTop(page, 5)
    await served.kill()
    await live(page, 'waiting')
    await served.restart()
    // Sessions end with their server. The page keeps asking, and goes on once its browser is logged in again.
    await append('followed', 6, 7)
    await page.getByRole('link', { name: 'Log in' }).waitFor()
    const login = await context.newPage()
    await login.goto(served.loginUrl)
    await login.waitForURL(`${served.url}/`)
    await onTop(page, 7)
    await append('followed', 8)
    await onTop(page, 8)
    expect(await rows(page)).toEqual(newestFirst(9))
    await page.locator('#event-count', { hasText: /^9$/ }).waitFor()
    // The browser itself tells of requests that found no server or no session; nothing else may be told.
    const told = said.splice(0).filter((text) => !/Failed to (?:load resource|fetch)/.test(text))
    expect(told).toEqual([])
  })
})

/** The browser itself tells of answers that refuse something; there were that many, and nothing else was told but that
 * the sizes of a deleted topic are gone. */
function expectRefusals(count: number): void {
  const refusal = /^error: Failed to load resource: the server responded with a status of 400/
  const told = said.splice(0).filter((text) => !/a status of 404/.test(text))
  expect(told.map((text) => (refusal.test(text) ? 'refusal' : text))).toEqual(Array(count).fill('refusal'))
}

/** Press Tab until the focus is on `selector`; every stop before it must be seen. Gives the number of stops. */
async function tabTo(page: Page, selector: string): Promise<number> {
  for (let stops = 1; stops <= 30; stops++) {
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

/** What each row is made of, and what it shows. */
const SHOWN = `Array.from(document.querySelectorAll('#events > li'), (row) => {
  const each = (look) => [...new Set(Array.from(row.querySelectorAll('*'), look).flat())].sort().join(' ')
  const text = (selector) => row.querySelector(selector).textContent
  return {
    tags: each((one) => one.localName),
    attributes: each((one) => one.getAttributeNames()),
    kind: text('.kind'),
    entity: text('.entity'),
    rest: text('.rest'),
    data: text('pre'),
  }
})`

/** Texts whose contrast with what is behind them is below 4.5. */
const FAINT = `(() => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number)
  const luminance = (color) => {
    const [r, g, b] = channels(color).map((c) => (c / 255 <= 0.03928 ? c / 3294.6 : ((c / 255 + 0.055) / 1.055) ** 2.4))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const behind = (one) => {
    for (let at = one; at !== null; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at)
      if (channels(backgroundColor)[3] !== 0) return backgroundColor
    }
    return 'rgb(255, 255, 255)'
  }
  const found = []
  for (const one of document.querySelectorAll('body *')) {
    const own = Array.from(one.childNodes, (node) => (node.nodeType === 3 ? node.data.trim() : '')).join('')
    if (own === '' || !one.checkVisibility() || one.closest('.visually-hidden, .skip') !== null) continue
    const [low, high] = [luminance(getComputedStyle(one).color), luminance(behind(one))].sort((a, b) => a - b)
    const contrast = (high + 0.05) / (low + 0.05)
    if (contrast < 4.5) found.push(own.slice(0, 40) + ' ' + contrast.toFixed(2))
  }
  return found
})()`
