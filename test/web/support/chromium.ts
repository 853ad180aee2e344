/** Chromium out of an npm package: no download, no package of the system, as root too.
 * @module */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import type { Browser } from 'playwright-core'

export interface Chromium {
  readonly browser: Browser
  close(): Promise<void>
}

/** Flags of the package that would soften what the page is tested for, or that playwright sets itself. */
const UNWANTED = /^--(?:single-process|disable-web-security|allow-running-insecure-content|headless)\b/

/** Unpack Chromium with the libraries and the font it needs into a temporary directory (3 s, 200 MB) and start it.
 * `VARVE_CHROMIUM` names another one, for machines the packed one is not made for.
 * @throws with a sentence that says what is missing. */
export async function startChromium(): Promise<Chromium> {
  const other = process.env.VARVE_CHROMIUM
  if (other === undefined && (process.platform !== 'linux' || process.arch !== 'x64'))
    throw new Error(
      `The packed Chromium runs on Linux on x64, not on ${process.platform} on ${process.arch}: ` +
        'set VARVE_CHROMIUM to the path of an installed Chromium or Chrome',
    )
  const directory = await mkdtemp(join(tmpdir(), 'varve-chromium-'))
  const remove = () => rm(directory, { recursive: true, force: true })
  try {
    const { chromium } = await import('playwright-core')
    const packed = other === undefined ? await unpack(directory) : { executablePath: other, args: [], env: {} }
    const env = Object.entries({ ...process.env, ...packed.env }).filter((entry) => entry[1] !== undefined)
    const browser = await chromium.launch({ ...packed, env: Object.fromEntries(env), chromiumSandbox: false })
    const close = async () => {
      await browser.close()
      await remove()
    }
    return { browser, close }
  } catch (error) {
    await remove()
    throw new Error(`Chromium does not start: ${reasonOf(error)}`, { cause: error })
  }
}

/** The package looks for its places in the environment, and unpacks libraries only where it finds a certain host. */
async function unpack(directory: string) {
  const { PATH, HOME } = process.env
  const before = { ...process.env }
  try {
    Object.assign(process.env, { TMPDIR: directory, FONTCONFIG_PATH: join(directory, 'fonts') })
    process.env.AWS_EXECUTION_ENV = 'AWS_Lambda_nodejs20.x'
    const { default: packed } = await import('@sparticuz/chromium')
    packed.setGraphicsMode = false
    const executablePath = await packed.executablePath()
    const env = {
      PATH,
      HOME,
      FONTCONFIG_PATH: join(directory, 'fonts'),
      LD_LIBRARY_PATH: join(directory, 'al2023/lib'),
    }
    return { executablePath, args: packed.args.filter((flag) => !UNWANTED.test(flag)), env }
  } finally {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
    Object.assign(process.env, before)
  }
}

function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  const library = /(\S+\.so[.\d]*): cannot open shared object file/.exec(text)?.[1]
  if (library !== undefined) return `the library ${library} is missing; install it, or set VARVE_CHROMIUM`
  if (/Cannot find (?:package|module)/.test(text)) return 'its npm package is missing; run npm ci'
  return text
}
