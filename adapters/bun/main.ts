/** The binary `varve` on Bun: `bun adapters/bun/main.ts serve`.
 * @module */
import { openBunSqlite } from '../process/bun-sqlite.ts'
import { runProcess } from '../process/run.ts'
import { CLOSE_GRACE_MS, type Listen } from '../process/server.ts'
import { bunStorage } from './index.ts'

interface BunServer {
  readonly port: number
  requestIP(request: Request): { readonly address: string } | null
  stop(closeActiveConnections?: boolean): Promise<void>
}

declare const Bun: {
  serve(options: {
    hostname: string
    port: number
    idleTimeout: number
    maxRequestBodySize: number
    reusePort: boolean
    development: false
    fetch: (request: Request, server: BunServer) => Response | Promise<Response>
  }): BunServer
}

const listen: Listen = async ({ hostname, port, fetch }) => {
  const server = Bun.serve({
    hostname,
    port,
    // Tails are silent for long, and bodies are streamed: the app has its own limits for both.
    idleTimeout: 0,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    development: false,
    // Otherwise a second server on the port would share its connections instead of being told that it is busy.
    reusePort: false,
    fetch: (request, self) => fetch(request, self.requestIP(request)?.address ?? ''),
  })
  return {
    port: server.port,
    async close() {
      const cut = setTimeout(() => void server.stop(true), CLOSE_GRACE_MS)
      await server.stop(false)
      clearTimeout(cut)
    },
  }
}

await runProcess({ storage: bunStorage, listen, openSqlite: openBunSqlite })
