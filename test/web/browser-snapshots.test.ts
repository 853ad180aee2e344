/** Goal: a person takes a snapshot, sees what it shares, checks it, restores it, keeps and gives up others, and forks a
 * topic; by keyboard and without a script. Method: as in `browser-forms.test.ts`.
 * @module */
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { RUNTIME } from '../support/runtime.ts'
import { AdminBrowser, ask, shownIn, tabTo } from './support/admin-browser.ts'

if (RUNTIME !== 'node')
  console.info(
    `snapshots are tested in a browser on Node only, not on ${RUNTIME}: the page is the same bytes everywhere; here ` +
      'test/web/snapshot-pages.test.ts covers the app that serves it',
  )

const EVENTS = 12
let admin: AdminBrowser

describe.skipIf(RUNTIME !== 'node')('snapshots in Chromium', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    admin = await AdminBrowser.start()
    const page = await admin.context.newPage()
    await page.goto(admin.served.loginUrl)
    await page.waitForURL(`${admin.served.url}/`)
    await page.close()
    await admin.served.create('orders')
    for (let n = 0; n < EVENTS; n++)
      await admin.served.append('orders', { kind: `Kind-${n}`, entity: 'e', data: { n } })
    await admin.served.store('catalog', '{"products":["tea"]}')
  }, 60_000)

  afterAll(() => admin?.close())

  afterEach(() => {
    expect(admin.said.splice(0)).toEqual([])
  })

  test('a snapshot is taken by keyboard, and the list and the picture have it', async () => {
    const page = await admin.opened('/')
    await tabTo(page, 'nav.main a[href="/snapshots"]')
    await page.keyboard.press('Enter')
    await page.getByText('No snapshots yet.').waitFor()
    await tabTo(page, '#create [name=label]')
    await page.keyboard.type('before the import')
    await page.keyboard.press('Enter')
    await page.locator('#create-outcome', { hasText: 'Taken.' }).waitFor()
    await page.locator('#snapshots tbody tr', { hasText: 'before the import' }).waitFor()
    await page.reload()
    await page.locator('#usage tbody tr').waitFor()
    expect(await page.locator('#usage svg rect').count()).toBeGreaterThan(0)
    expect(await page.locator('#usage svg').getAttribute('aria-label')).toContain('shared with the store')
    const [bar = 0, row = 1] = await ask<number[]>(
      page,
      `['#usage svg', '#usage tbody tr'].map((one) => document.querySelector(one).getBoundingClientRect().width)`,
    )
    expect(bar / row).toBeGreaterThan(0.2)
    await page.close()
  })

  test('a second one is too soon, unless it is wanted all the same', async () => {
    const page = await admin.opened('/snapshots')
    await page.getByRole('button', { name: 'Take a snapshot' }).click()
    await page.getByRole('heading', { name: 'Snapshot too soon' }).waitFor()
    await page.locator('#create [name=soon]').check()
    await page.locator('#create [name=pinned]').check()
    await page.locator('#create [name=label]').fill('all the same')
    await page.getByRole('button', { name: 'Take a snapshot' }).click()
    await page.locator('#create-outcome', { hasText: 'Taken.' }).waitFor()
    await page.locator('#snapshots tbody tr', { hasText: 'all the same pinned' }).waitFor()
    // A refused answer is a failed request to the console, and nothing else is.
    expect(admin.said.splice(0).filter((line) => !line.includes('409'))).toEqual([])
    await page.close()
  })

  test('a snapshot is checked, tried, and restored as a topic up to an offset', async () => {
    const page = await openedSnapshot('before the import')
    const id = await shownIn(page, 'h1')
    await tabTo(page, '#verify')
    await page.keyboard.press('Enter')
    await page.locator('#verify-outcome', { hasText: 'No damage found' }).waitFor()
    await page.locator('#drill').click()
    await page.locator('#verify-outcome', { hasText: 'It can be restored' }).waitFor()
    const form = page.locator('#restore-topic')
    await form.locator('[name=as]').fill('orders-then')
    await form.locator('[name=topic]').fill('orders')
    await form.locator('[name=offset]').fill('5')
    await form.locator('[name=confirm]').fill('another')
    await page.keyboard.press('Enter')
    await page.locator('#restore-outcome .problem').waitFor()
    expect(admin.said.splice(0).filter((line) => !line.includes('400'))).toEqual([])
    await form.locator('[name=confirm]').fill(id)
    await page.keyboard.press('Enter')
    await page.locator('#restore-outcome', { hasText: 'Restored. 5 events in 1 topic (orders-then)' }).waitFor()
    await page.goto(`${admin.served.url}/topics/orders-then`)
    expect(await page.locator('#events > li').count()).toBe(5)
    expect(await shownIn(page, '#events > li:first-child .kind')).toBe('Kind-4')
    await page.close()
  })

  test('a snapshot is pinned, let go and deleted, when its name is typed', async () => {
    const page = await openedSnapshot('all the same')
    const id = await shownIn(page, 'h1')
    await page.locator('#delete [name=confirm]').fill(id)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Snapshot pinned' }).waitFor()
    expect(admin.said.splice(0).filter((line) => !line.includes('409'))).toEqual([])
    await page.getByRole('button', { name: 'Take the pin away' }).click()
    await page.getByRole('button', { name: 'Pin this snapshot' }).waitFor()
    await page.locator('#delete [name=confirm]').fill(id)
    await page.keyboard.press('Enter')
    await page.waitForURL(`${admin.served.url}/snapshots`)
    expect(await shownIn(page, '#snapshots')).not.toContain(id)
    await page.close()
  })

  test('a clean-up is shown before it is run, and regular snapshots are planned and stopped', async () => {
    await taken('to give up', true)
    await taken('the newest', true)
    const page = await admin.opened('/snapshots')
    await page.getByRole('link', { name: 'Clean-up and schedule' }).click()
    await page.locator('#cleanup [name=maxSnapshots]').fill('1')
    await page.getByRole('button', { name: 'Show what would go' }).click()
    await page.locator('#preview tbody tr', { hasText: 'to give up' }).waitFor()
    expect(await shownIn(page, '#preview')).not.toContain('the newest')
    await page.getByRole('button', { name: 'Clean up' }).click()
    await page.locator('#cleanup-outcome', { hasText: 'snapshots went' }).waitFor()
    await page.locator('#schedule-change [name=everyMs]').fill('6 h')
    await page.keyboard.press('Enter')
    await page.locator('#next-run', { hasText: /in \d/ }).waitFor()
    await page.locator('#schedule-stop').click()
    await page.getByText('Nothing is scheduled.').waitFor()
    await page.close()
  })

  test('a topic is forked, and both go on', async () => {
    const page = await admin.opened('/topics/orders/settings')
    await page.locator('#fork [name=as]').fill('trial')
    await page.locator('#fork [name=offset]').fill('3')
    await page.keyboard.press('Enter')
    await page.waitForURL(`${admin.served.url}/topics/trial`)
    await admin.served.append('trial', { kind: 'OnlyHere', entity: 'e', data: {} })
    await page.locator('#events > li', { hasText: 'OnlyHere' }).waitFor()
    expect(await page.locator('#events > li').count()).toBe(4)
    await page.goto(`${admin.served.url}/topics/orders`)
    expect(await page.locator('#events > li').count()).toBe(EVENTS)
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
    await page.goto(`${admin.served.url}/snapshots`)
    await page.locator('#create [name=label]').fill('by hand')
    await page.locator('#create [name=soon]').check()
    await page.getByRole('button', { name: 'Take a snapshot' }).click()
    await page.locator('.job').waitFor()
    await page.goto(`${admin.served.url}/snapshots`)
    await page.getByRole('link', { name: 'Show what each snapshot shares' }).click()
    await page.locator('#usage tbody tr', { hasText: 'by hand' }).getByRole('link').click()
    const id = (await page.locator('h1').textContent()) ?? ''
    await page.getByRole('button', { name: 'Pin this snapshot' }).click()
    await page.getByRole('button', { name: 'Take the pin away' }).click()
    await page.getByRole('button', { name: 'Pin this snapshot' }).waitFor()
    await page.locator('#delete [name=confirm]').fill(id)
    await page.getByRole('button', { name: 'Delete this snapshot' }).click()
    await page.waitForURL(`${admin.served.url}/snapshots`)
    await context.close()
  })

  test('labels that look like markup stay text', async () => {
    const hostile = `<img src=x onerror=alert(1)>'"><b hx-get=/x>`
    await taken(hostile, true)
    const page = await openedSnapshot(hostile)
    expect(await shownIn(page, '#snapshot-facts .label')).toBe(hostile)
    await page.goto(`${admin.served.url}/snapshots`)
    await page.locator('#usage').waitFor()
    expect(await page.locator('main :is(img, b, script)').count()).toBe(0)
    await page.close()
  })
})

/** Take a snapshot on a page of its own. */
async function taken(label: string, soon: boolean): Promise<void> {
  const page = await admin.opened('/snapshots')
  await page.locator('#create [name=label]').fill(label)
  await page.locator('#create [name=soon]').setChecked(soon)
  await page.getByRole('button', { name: 'Take a snapshot' }).click()
  await page.locator('#snapshots tbody tr', { hasText: label }).waitFor()
  await page.close()
}

/** The page of the snapshot with this label. */
async function openedSnapshot(label: string): Promise<Page> {
  const page = await admin.opened('/snapshots')
  await page.locator('#snapshots tbody tr', { hasText: label }).getByRole('link').click()
  await page.locator('#snapshot-facts').waitFor()
  return page
}
