/** Goal: a person moves through the versions of a value with a slider, by keyboard and without a script, sees what
 * changed, pins, thins out and checks; and runs a projection. Method: as in `browser-forms.test.ts`.
 * @module */
import { serve } from '@hono/node-server'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { openStore } from '../../src/index.ts'
import { createApp } from '../../web/index.ts'
import { RUNTIME } from '../support/runtime.ts'
import { AdminBrowser, ask, shownIn, tabTo } from './support/admin-browser.ts'

if (RUNTIME !== 'node')
  console.info(
    `histories are tested in a browser on Node only, not on ${RUNTIME}: the page is the same bytes everywhere; here ` +
      'test/web/history-pages.test.ts covers the app that serves it',
  )

const DAY = 86_400_000
let admin: AdminBrowser

describe.skipIf(RUNTIME !== 'node')('histories in Chromium', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    admin = await AdminBrowser.start()
    const page = await admin.context.newPage()
    await page.goto(admin.served.loginUrl)
    await page.waitForURL(`${admin.served.url}/`)
    await page.close()
    const lines = Array.from({ length: 40 }, (_, n) => ({
      value: { title: `Board ${n + 1}`, shapes: [{ id: 'a', x: n }, { id: 'b' }] },
      at: (n + 1) * DAY,
      ...(n === 19 && { label: 'half way' }),
    }))
    await admin.served.version('board', lines)
  }, 60_000)

  afterAll(() => admin?.close())

  afterEach(() => {
    expect(admin.said.splice(0)).toEqual([])
  })

  test('the slider moves through the versions by keyboard, and keeps the focus', async () => {
    const page = await admin.opened('/')
    await tabTo(page, 'nav.main a[href="/histories"]')
    await page.keyboard.press('Enter')
    await page.waitForURL(`${admin.served.url}/histories`)
    await page.getByRole('link', { name: 'board', exact: true }).click()
    await moment(page, 40)
    await tabTo(page, '#slide')
    await page.keyboard.press('ArrowLeft')
    await moment(page, 39)
    expect(await shownIn(page, '#slide-version')).toBe('39')
    expect(await shownIn(page, '#value-text')).toContain('"Board 39"')
    expect(await shownIn(page, '#changes')).toContain('shapes[0].x')
    for (let press = 0; press < 9; press++) await page.keyboard.press('ArrowLeft')
    await moment(page, 30)
    await page.keyboard.press('Home')
    await moment(page, 1)
    expect(await shownIn(page, '#changes')).toBe('This is the oldest version that is kept.')
    await page.keyboard.press('End')
    await moment(page, 40)
    await page.keyboard.press('ArrowLeft')
    await moment(page, 39)
    expect(await ask(page, 'document.activeElement.id')).toBe('slide')
    expect(await ask(page, `document.getElementById('slide').getAttribute('aria-valuetext')`)).toBe('Version 39')
    expect(new URL(page.url()).searchParams.get('version')).toBe('39')
    await page.reload()
    await moment(page, 39)
    expect(await page.locator('#slide').inputValue()).toBe('39')
    await page.close()
  })

  test('a bar of the picture moves the slider; two versions are compared, and a path is looked at', async () => {
    const page = await admin.opened('/histories/board')
    await page.locator('.plot [data-version="12"] .back').click()
    await moment(page, 12)
    expect(await page.locator('#slide').inputValue()).toBe('12')
    expect(await ask(page, `document.querySelector('.plot .selected').dataset.version`)).toBe('12')
    await page.locator('#timeline [name=from]').fill('2')
    await page.getByText('2 changes since version 2').waitFor()
    expect(await shownIn(page, '#changes')).toContain('"Board 2"')
    await page.locator('#timeline [name=path]').fill('shapes[0]')
    await page.getByText('Value at shapes[0]').waitFor()
    expect(await shownIn(page, '#value-text')).toBe('{\n  "id": "a",\n  "x": 11\n}')
    await page.locator('#timeline [name=path]').fill('shapes[')
    await page.locator('#value-problem').waitFor()
    expect(await shownIn(page, '#changes')).toContain('"Board 2"')
    await page.locator('#timeline [name=path]').fill('shapes[0].x')
    await page.getByRole('link', { name: 'Over time' }).click()
    await page.waitForURL(/values\?path=shapes/)
    expect(await page.locator('#values tbody tr').count()).toBe(40)
    await page.getByRole('link', { name: '7', exact: true }).click()
    await moment(page, 7)
    expect(await shownIn(page, '#value-text')).toBe('6')
    await page.close()
  })

  test('without a script the same is done with links and buttons', async () => {
    const context = await admin.listen(
      await admin.browser.newContext({
        javaScriptEnabled: false,
        storageState: await admin.context.storageState(),
      }),
    )
    const page = await context.newPage()
    await page.goto(`${admin.served.url}/histories/board`)
    await page.locator('#slide').focus()
    for (let press = 0; press < 5; press++) await page.keyboard.press('ArrowLeft')
    await page.locator('#timeline [name=from]').fill('30')
    await page.getByRole('button', { name: 'Show' }).click()
    await page.getByRole('heading', { name: 'Version 35', exact: true }).waitFor()
    await page.getByText('2 changes since version 30').waitFor()
    await page.getByRole('link', { name: 'Older', exact: true }).click()
    await page.getByRole('heading', { name: 'Version 34', exact: true }).waitFor()
    await page.locator('[name=label]').fill('half way')
    await page.getByRole('button', { name: 'Find' }).click()
    await page.getByRole('heading', { name: 'Version 20', exact: true }).waitFor()
    await page.locator('[name=time]').fill('1970-01-05 12:00')
    await page.locator('[name=label]').fill('')
    await page.getByRole('button', { name: 'Find' }).click()
    await page.getByRole('heading', { name: 'Version 4', exact: true }).waitFor()
    await page.locator('.plot [data-version="9"] .back').click()
    await page.getByRole('heading', { name: 'Version 9', exact: true }).waitFor()
    await page.getByRole('button', { name: 'Pin this version' }).click()
    await page.getByRole('button', { name: 'Take the pin away' }).waitFor()
    await page.getByRole('heading', { name: 'Version 9', exact: true }).waitFor()
    await context.close()
  })

  test('a history is thinned out after it was shown what would go, checked, and deleted', async () => {
    const value = (n: number) => ({ value: { n, text: `text ${n} `.repeat(20) }, at: n * DAY })
    await admin.served.version(
      'old',
      Array.from({ length: 30 }, (_, n) => value(n + 1)),
    )
    const page = await admin.opened('/histories/old/settings')
    await page.getByRole('button', { name: 'Show what would go' }).click()
    await page.getByText('This would give up 29 versions of 30').waitFor()
    await page.locator('#cleanup-run [name=confirm]').fill('old')
    await page.keyboard.press('Enter')
    await page.getByText('29 versions went, 1 stay').waitFor()
    await page.getByRole('button', { name: 'Verify every version' }).click()
    await page.getByText('No damage found').waitFor()
    await page.goto(`${admin.served.url}/histories/old?version=3`)
    await page.getByText('Version 3 is gone').waitFor()
    await moment(page, 30)
    await page.goto(`${admin.served.url}/histories/old/settings`)
    await page.locator('#change [name="archive.forMs"]').fill('ever')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.locator('#tier-archive', { hasText: 'for ever' }).waitFor()
    await page.locator('#delete [name=confirm]').fill('old')
    await page.keyboard.press('Enter')
    await page.waitForURL(`${admin.served.url}/histories`)
    expect(await shownIn(page, '#histories')).not.toContain('old')
    await page.close()
  })

  test('texts of versions that look like markup stay text', async () => {
    const hostile = [
      '<img src=x onerror=alert(1)>',
      '"><b hx-get=/x>',
      "' hx-trigger=load",
      '</code></pre><script>x()</script>',
    ]
    const lines = hostile.map((text) => ({
      value: { [text]: text, list: [text] },
      label: text,
      fingerprint: text,
      metadata: { [text]: text },
    }))
    await admin.served.version('hostile', lines)
    const page = await admin.opened('/histories/hostile')
    await moment(page, 4)
    for (const version of [3, 2]) {
      await page.locator('#slide').press('ArrowLeft')
      await moment(page, version)
      const text = hostile[version - 1] ?? ''
      expect(JSON.parse(await shownIn(page, '#value-text'))).toEqual({ [text]: text, list: [text] })
      expect(await shownIn(page, '#moment .label')).toBe(text)
    }
    expect(await page.locator('#moment :is(img, b, script)').count()).toBe(0)
    await page.close()
  })

  test('a projection is run, stops where its fold fails, and is rebuilt once that is mended', async () => {
    const store = await openStore({ storage: memoryStorage() })
    const orders = await store.topics.open('orders', { create: true })
    for (let n = 1; n <= 9; n++) await orders.append({ kind: 'Placed', entity: 'e', data: { total: n } })
    let isMended = false
    const projection = await store.projections.open<{ total: number }>('totals', {
      create: { topic: 'orders', keep: 'history', everyEvents: 2 },
      fold: {
        version: 1,
        initial: () => ({ total: 0 }),
        apply: (state, { offset, data }) => {
          if (offset === 6 && !isMended) throw new Error('<b>no total</b>')
          return { total: state.total + Number(data.total) }
        },
      },
    })
    const app = createApp(store, { access: () => 'admin' })
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
    try {
      await new Promise<void>((resolve) => server.once('listening', () => resolve()))
      const { port } = server.address() as { port: number }
      const context = await admin.listen(await admin.browser.newContext())
      const page = await context.newPage()
      await page.goto(`http://127.0.0.1:${port}/projections`)
      await page.getByRole('link', { name: 'totals', exact: true }).click()
      await page.locator('#lag', { hasText: '9 events' }).waitFor()
      await tabTo(page, '#run')
      await page.keyboard.press('Enter')
      await page.locator('#failure', { hasText: '<b>no total</b>' }).waitFor()
      await page.locator('#lag', { hasText: '3 events' }).waitFor()
      isMended = true
      await page.locator('#rebuild').click()
      await page.locator('#lag', { hasText: 'caught up' }).waitFor()
      expect(await page.locator('#failure').count()).toBe(0)
      await page.getByRole('link', { name: 'Newest' }).click()
      await page.locator('#state-text', { hasText: '45' }).waitFor()
      await page.locator('[name=offset]').fill('4')
      await page.getByRole('button', { name: 'Show' }).click()
      await page.locator('#state-text', { hasText: '10' }).waitFor()
      await page.getByRole('link', { name: 'each published state' }).click()
      await page.locator('#slide').waitFor()
      expect(await shownIn(page, '#value-text')).toBe('{\n  "total": 45\n}')
      await context.close()
    } finally {
      server.close()
      await projection.status()
      await store.close()
    }
  })
})

/** Wait until a version is shown. */
function moment(page: Page, version: number): Promise<void> {
  return page.locator('#moment-title', { hasText: new RegExp(`^Version ${version}$`) }).waitFor()
}
