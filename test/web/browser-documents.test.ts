/** Goal: a person stores a file, looks into it by keyboard however large it is, and deletes it, in a browser. Method:
 * as in `browser-forms.test.ts`.
 * @module */
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { RUNTIME } from '../support/runtime.ts'
import { AdminBrowser, ask, shownIn, tabTo } from './support/admin-browser.ts'

if (RUNTIME !== 'node')
  console.info(
    `documents are tested in a browser on Node only, not on ${RUNTIME}: the page is the same bytes everywhere; here ` +
      'test/web/document-pages.test.ts covers the app that serves it',
  )

const MILLION = 1_000_000
let admin: AdminBrowser

describe.skipIf(RUNTIME !== 'node')('documents in Chromium', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    admin = await AdminBrowser.start()
    const page = await admin.context.newPage()
    await page.goto(admin.served.loginUrl)
    await page.waitForURL(`${admin.served.url}/`)
    await page.close()
  }, 60_000)

  afterAll(() => admin?.close())

  afterEach(() => {
    expect(admin.said.splice(0)).toEqual([])
  })

  test('a file is stored under a name, and under the same name only to replace it', async () => {
    const page = await admin.opened('/')
    await tabTo(page, 'nav.main a[href="/documents"]')
    await page.keyboard.press('Enter')
    await page.getByText('No documents yet.').waitFor()
    const file = (text: string) => ({ name: 'my export.json', mimeType: 'application/json', buffer: Buffer.from(text) })
    const store = async (text: string) => {
      await page.locator('#upload [type=file]').setInputFiles(file(text))
      expect(await page.locator('#upload [name=name]').inputValue()).toBe('my-export')
      await page.locator('#upload [name=name]').focus()
      await page.keyboard.press('Enter')
    }
    await store('{"products":[{"name":"tea"}]}')
    await page.waitForURL(`${admin.served.url}/documents/my-export`)
    expect(await keys(page, '#tree')).toEqual(['products'])

    await page.goto(`${admin.served.url}/documents`)
    await store('{"other":1}')
    await page.locator('#upload-problem:not([hidden])').waitFor()
    expect(await shownIn(page, '#upload-problem')).toContain('Document conflict')
    expectRefusals(412)
    await page.locator('#upload [name=replace]').check()
    await store('{"other":')
    await page.locator('#upload-problem:not([hidden])').waitFor()
    expect(await shownIn(page, '#upload-problem')).toContain('Json invalid')
    expectRefusals(400)
    await store('{"other":1}')
    await page.waitForURL(`${admin.served.url}/documents/my-export`)
    expect(await keys(page, '#tree')).toEqual(['other'])
    await page.close()
  })

  test('a tree of a million elements opens, goes on and is gone into by keyboard', async () => {
    const rows = Array.from({ length: MILLION }, (_, n) => (n % 5 === 0 ? `{"id":${n},"at":[${n}]}` : String(n)))
    await admin.served.store('large', `{"list":[${rows.join()}],"after":true}`)
    await admin.context.grantPermissions(['clipboard-read', 'clipboard-write'])
    const page = await admin.opened('/documents/large')
    expect(await keys(page, '#tree')).toEqual(['list', 'after'])
    await tabTo(page, '#tree > li:first-child summary')
    await page.keyboard.press('Enter')
    const list = '#tree > li:first-child > details > .tree'
    await page.locator(`${list} > .more`).waitFor()
    expect(await keys(page, list)).toEqual(numbers(0, 100))
    for (const end of [200, 300]) {
      await page.locator(`${list} > .more a`).focus()
      await page.keyboard.press('Enter')
      await page.locator(`${list} > li:nth-child(${end})`).waitFor()
      // The focus is where the new rows begin.
      expect(await ask(page, `document.activeElement.querySelector('.key').textContent`)).toBe(`[${end - 100}]`)
    }
    expect(await keys(page, list)).toEqual(numbers(0, 300))
    await page.keyboard.press('Enter')
    await page.locator(`${list} > li:nth-child(201) .tree .key`).first().waitFor()
    expect(await keys(page, `${list} > li:nth-child(201) .tree`)).toEqual(['id', 'at'])

    await page.locator('[role=search] [name=path]').fill(`list[${MILLION - 5}].at`)
    await page.keyboard.press('Enter')
    await page.waitForURL(/path=list/)
    expect(await keys(page, '#tree')).toEqual(['[0]'])
    expect(await shownIn(page, '#tree .value')).toBe(String(MILLION - 5))
    await page.locator('#tree .copy').focus()
    await page.keyboard.press('Enter')
    await page.getByText('Copied').waitFor()
    expect(await ask(page, 'navigator.clipboard.readText()')).toBe(`list[${MILLION - 5}].at[0]`)
    await page.getByRole('link', { name: 'list', exact: true }).click()
    await page.locator('#tree > .more').waitFor()
    expect(await keys(page, '#tree')).toEqual(numbers(0, 100))
    await page.close()
  })

  test('keys and values that look like markup stay text', async () => {
    const hostile = [
      '<img src=x onerror=alert(1)>',
      '"><b hx-get=/x>',
      "' hx-trigger=load",
      '</li></ul><script>x()</script>',
      '',
    ]
    const value = Object.fromEntries(hostile.map((text) => [text, { [text]: text }]))
    await admin.served.store('hostile', JSON.stringify(value))
    const page = await admin.opened('/documents/hostile')
    const summaries = page.locator('#tree > li > details > summary')
    for (let at = 0; at < hostile.length; at++) {
      await summaries.nth(at).click()
      await page.locator(`#tree > li:nth-child(${at + 1}) .tree .key`).waitFor()
    }
    const shown = hostile.map((text) => (text === '' ? '""' : text))
    expect(await keys(page, '#tree')).toEqual(shown)
    const values: string[] = await ask(
      page,
      `Array.from(document.querySelectorAll('#tree .value'), (one) => one.textContent)`,
    )
    expect(values.map((text) => JSON.parse(text))).toEqual(hostile)
    expect(await page.locator('#tree :is(img, b, script)').count()).toBe(0)
    for (const text of hostile.slice(0, 4)) {
      await page.goto(`${admin.served.url}/documents/hostile?path=${encodeURIComponent(JSON.stringify(text))}`)
      expect(await keys(page, '#tree')).toEqual([text])
    }
    await page.close()
  })

  test('rows of a document that was written again meanwhile say so', async () => {
    await admin.served.store('changing', '{"list":[1]}')
    const page = await admin.opened('/documents/changing')
    await admin.served.store('changing', '{"list":[2]}')
    await page.locator('#tree summary').click()
    await page.getByText('The document was written again meanwhile.').waitFor()
    await page.getByRole('link', { name: 'Show the newest version' }).click()
    await page.locator('#tree summary').click()
    await page.locator('#tree .value').waitFor()
    expect(await shownIn(page, '#tree .value')).toBe('2')
    await page.close()
  })

  test('an event leads to its document, which is deleted by a form that wants its name', async () => {
    await admin.served.store('named', '{"a":1}')
    await admin.served.create('orders')
    await admin.served.append('orders', { kind: 'Sent', entity: 'e', data: { $document: 'named' } })
    const page = await admin.opened('/topics/orders')
    await page.locator('#events summary').first().click()
    await page.getByRole('link', { name: 'Document named' }).click()
    await page.waitForURL(`${admin.served.url}/documents/named`)
    await page.locator('#delete [name=confirm]').fill('name')
    await page.getByRole('button', { name: 'Delete this document' }).click()
    await page.locator('#delete-outcome [role=alert]').waitFor()
    expectRefusals(400)
    await page.locator('#delete [name=confirm]').fill('named')
    await page.keyboard.press('Enter')
    await page.waitForURL(`${admin.served.url}/documents`)
    expect(await shownIn(page, 'main')).not.toContain('named')
    await page.close()
  })
})

/** Keys of the rows of a tree, not of those below them. */
function keys(page: Page, tree: string): Promise<string[]> {
  const selector = ['details > summary', '.leaf'].map((row) => `${tree} > .node > ${row} > .key`).join()
  return ask(page, `Array.from(document.querySelectorAll(${JSON.stringify(selector)}), (key) => key.textContent)`)
}

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, n) => `[${from + n}]`)
}

/** The browser itself tells of the one answer that refused something, and of nothing else. */
function expectRefusals(status: number): void {
  const refusal = `error: Failed to load resource: the server responded with a status of ${status}`
  expect(admin.said.splice(0).map((text) => text.slice(0, refusal.length))).toEqual([refusal])
}
