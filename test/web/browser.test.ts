/** Goal: the admin page does in a browser what it says, with nothing on its console and nothing the policy forbids.
 * Method: the binary serves a store on loopback; Chromium out of an npm package logs in with the printed link and uses
 * the page as a person does. Every wait is for something on the page.
 * @module */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { RUNTIME } from '../support/runtime.ts'
import { AdminBrowser, ask, live, onTop, rows, shownIn } from './support/admin-browser.ts'

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

let admin: AdminBrowser

async function append(topic: string, ...numbers: number[]): Promise<void> {
  for (const number of numbers)
    await admin.served.append(topic, { kind: 'Placed', entity: 'order-1', data: { number } })
}

function newestFirst(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `0:${count - 1 - n}`)
}

describe.skipIf(RUNTIME !== 'node')('the admin page in Chromium', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    admin = await AdminBrowser.start()
  }, 60_000)

  afterAll(() => admin?.close())

  afterEach(() => {
    expect(admin.said.splice(0)).toEqual([])
  })

  test('the login link logs in once, and reading it uses nothing up', async () => {
    const page = await admin.context.newPage()
    for (let reads = 0; reads < 2; reads++) await (await fetch(admin.served.loginUrl)).text()
    await page.goto(`${admin.served.url}/login`)
    // Where the login page is open already, the link changes only the address.
    await page.goto(admin.served.loginUrl)
    await page.waitForURL(`${admin.served.url}/`)
    expect(await shownIn(page, '#state')).toBe('Open and taking appends')
    await page.goBack()
    expect(page.url()).not.toContain('#')
    await page.close()

    const stranger = await admin.browser.newContext()
    const second = await stranger.newPage()
    await second.goto(admin.served.loginUrl)
    await second.getByRole('alert').waitFor()
    expect(await shownIn(second, '[role=alert]')).toContain('wrong, used or older')
    expect(second.url()).not.toContain('#')
    await stranger.close()
  })

  test('a store without topics shows how to make one, and a topic appears when it is there', async () => {
    const page = await admin.opened('/')
    expect(await shownIn(page, '#topics')).toContain(`curl ${admin.served.url}/api/topics \\`)
    await admin.served.create('first')
    await append('first', 1)
    const link = page.getByRole('link', { name: 'first' })
    await link.waitFor()
    await link.click()
    await page.waitForURL(`${admin.served.url}/topics/first`)
    await onTop(page, 0)
    await page.close()
  })

  test('a script that was put into the page does not run', async () => {
    const page = await admin.opened('/')
    await ask(page, `document.body.append(Object.assign(document.createElement('script'), { text: 'hit = 1' }))`)
    await ask(page, `document.body.insertAdjacentHTML('beforeend', '<button id=x onclick="hit = 1">x</button>')`)
    const told = page.waitForEvent('console', (message) => message.text().startsWith('policy: script-src-attr'))
    await page.locator('#x').click()
    await told
    expect(await ask(page, 'typeof hit')).toBe('undefined')
    await page.close()
    const violations = admin.said.splice(0).filter((text) => text.startsWith('error: policy:'))
    expect(violations).toEqual(['error: policy: script-src-elem inline', 'error: policy: script-src-attr inline'])
  })

  test('the list follows, holds while paused, and goes on with what it missed, once and in order', async () => {
    await admin.served.create('followed')
    const page = await admin.opened('/topics/followed')
    expect(await shownIn(page, '#empty')).toContain(`curl ${admin.served.url}/api/topics/followed/events`)
    await live(page, 'live')
    await append('followed', 0)
    await onTop(page, 0)
    expect(await page.locator('#empty').count()).toBe(0)
    await page.getByRole('button', { name: 'Pause' }).click()
    await live(page, 'paused')
    const witness = await admin.opened('/topics/followed')
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
    await admin.served.create('hostile')
    const page = await admin.opened('/topics/hostile')
    await live(page, 'live')
    for (const text of HOSTILE) {
      const fields = { kind: text, entity: text, scope: text, correlationId: text, tags: [text] }
      await admin.served.append('hostile', { ...fields, data: { [text]: text }, meta: { text } })
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

  test('every page fits a phone of 360 pixels and can be read, light and dark', async () => {
    const name = `a-${'very-'.repeat(12)}long-name`
    await admin.served.create(name)
    await admin.served.append(name, { kind: 'K'.repeat(256), entity: 'e'.repeat(256), data: 'd'.repeat(500) })
    await admin.served.store(name, JSON.stringify({ ['k'.repeat(400)]: { a: 'v'.repeat(200) }, t: 't'.repeat(900) }))
    const storageState = await admin.context.storageState()
    for (const colorScheme of SCHEMES) {
      const phone = await admin.listen(await admin.browser.newContext({ viewport: PHONE, colorScheme, storageState }))
      const page = await phone.newPage()
      const event = `/topics/${name}/events/0`
      const settings = `/topics/${name}/settings`
      const paths = ['/', `/topics/${name}`, event, settings, '/topics/followed?kind=None', '/topics/hostile', '/login']
      paths.push('/documents', `/documents/${name}`, `/documents/${name}?path=t`)
      for (const path of paths) {
        await page.goto(admin.served.url + path)
        for (const summary of await page.locator('.more > summary, li:first-child summary').all()) await summary.click()
        expect(await ask(page, 'document.documentElement.scrollWidth'), `${colorScheme} ${path}`).toBe(PHONE.width)
        expect(await ask(page, FAINT), `${colorScheme} ${path}`).toEqual([])
      }
      await phone.close()
    }
  })

  test('a server that was killed and started again: the list goes on without a gap or a double', async () => {
    const page = await admin.opened('/topics/followed')
    await live(page, 'live')
    await append('followed', 5)
    await onTop(page, 5)
    await admin.served.kill()
    await live(page, 'waiting')
    await admin.served.restart()
    // Sessions end with their server. The page keeps asking, and goes on once its browser is logged in again.
    await append('followed', 6, 7)
    await page.getByRole('link', { name: 'Log in' }).waitFor()
    const login = await admin.context.newPage()
    await login.goto(admin.served.loginUrl)
    await login.waitForURL(`${admin.served.url}/`)
    await onTop(page, 7)
    await append('followed', 8)
    await onTop(page, 8)
    expect(await rows(page)).toEqual(newestFirst(9))
    await page.locator('#event-count', { hasText: /^9$/ }).waitFor()
    // The browser itself tells of requests that found no server or no session; nothing else may be told.
    const told = admin.said.splice(0).filter((text) => !/Failed to (?:load resource|fetch)/.test(text))
    expect(told).toEqual([])
  })
})

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
