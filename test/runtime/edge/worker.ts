/** The worker: the cases, and a store that outlives the requests that use it, behind its API.
 * @module */
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { openStore } from '../../../src/index.ts'
import { type App, createApp } from '../../../web/index.ts'
import { namesOf, runFile } from './suite.ts'

interface Bindings {
  readonly LOG: { getByName(name: string): { fetch(request: Request): Promise<Response> } }
}

/** One writer per store is what a durable object is. In a global of the worker a store would not live: signals and
 * timers belong to the request that made them, and workerd refuses them to the next. */
export class Log {
  #app: Promise<App> | undefined

  async fetch(request: Request): Promise<Response> {
    this.#app ??= openApp()
    return (await this.#app).fetch(request)
  }
}

async function openApp(): Promise<App> {
  const store = await openStore({ storage: memoryStorage() })
  return createApp(store, { access: () => 'admin', hosts: 'any' })
}

/** Whether text may become code here. */
function makesCode(): boolean {
  try {
    return new Function('return true')()
  } catch {
    return false
  }
}

export { namesOf }

export default {
  async fetch(request: Request, { LOG }: Bindings): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname === '/cases') return Response.json(await runFile(searchParams.get('file') ?? ''))
    if (pathname === '/makes-code') return Response.json(makesCode())
    return LOG.getByName('store').fetch(request)
  },
}
